"""Small Parquet files for the reader's tests, in the compressions that are met on the Hub.

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
print(f"pyarrow {pa.__version__}: {', '.join(sorted(path.name for path in FOLDER.iterdir()))}")
