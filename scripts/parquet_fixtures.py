"""Small Parquet files for the reader's tests, in the compressions that are met on the Hub, and one in SQuAD's layout there.

Oracle: pyarrow 25. Run from the repository's root:

    python3 scripts/parquet_fixtures.py
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = Path("packages/espalier/test/fixtures/parquet")

TABLE = pa.table(
    {
        "idx": pa.array([0, 1, 2], pa.int32()),
        "sentence1": ["The vine \u201cclimbs\u201d.", "A wall,\nwarm", "\u6f22\u5b57"],
        "sentence2": ["The vine grows.", "", "caf\u00e9"],
        "label": pa.array([1, 0, 1], pa.int64()),
        "score": pa.array([0.5, 5.0, 2.25], pa.float32()),
    }
)

FOLDER.mkdir(parents=True, exist_ok=True)
for codec in ["none", "snappy", "gzip", "zstd", "brotli", "lz4"]:
    pq.write_table(TABLE, FOLDER / f"{codec}.parquet", compression=codec)

ANSWERS = pa.struct({"text": pa.list_(pa.string()), "answer_start": pa.list_(pa.int32())})
SQUAD = pa.table(
    {
        "id": ["a", "b"],
        "title": ["Roses", "Roses"],
        "context": ["The rose is red.", "\U0001f600 The rose is red."],
        "question": ["What is red?", "What is it?"],
        "answers": pa.array(
            [
                {"text": ["rose"], "answer_start": [4]},
                {"text": ["red", "is red"], "answer_start": [14, 11]},
            ],
            ANSWERS,
        ),
    }
)
pq.write_table(SQUAD, FOLDER / "squad.parquet", compression="snappy")
print(f"pyarrow {pa.__version__}: {', '.join(sorted(path.name for path in FOLDER.iterdir()))}")
