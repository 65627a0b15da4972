"""Golden conversions between float32 and the 16-bit floats, by NumPy (F16) and PyTorch (BF16).

half.json holds SHA-256 digests over whole ranges of bits, little-endian, NaN replaced by 0x7fc00000 (F32) or
0x7e00 (F16) since NaN payloads are not portable:
  f16ToF32   all 65,536 halves
  bf16ToF32  all 65,536 halves
  f32ToF16   the float32 with bits i * 2654435761 mod 2^32, i < 2^20, which are spread evenly over them all
and hand-picked values, as bits in hexadecimal: `widen` [half, single] and `narrow` [single, half].

    python3 scripts/half_goldens.py
"""

import hashlib
import json
from pathlib import Path

import numpy
import torch

FIXTURE = Path(__file__).resolve().parent.parent / "packages/espalier/test/fixtures/half.json"
COUNT, STRIDE = 1 << 20, 2654435761


def digest(array):
    return hashlib.sha256(array.astype(array.dtype.newbyteorder("<")).tobytes()).hexdigest()


def without_nan(values, bits, quiet):
    return numpy.where(numpy.isnan(values), numpy.array(quiet, bits.dtype), bits)


def singles(values):
    return without_nan(values, values.view(numpy.uint32), 0x7FC00000)


def narrow(bits):
    with numpy.errstate(over="ignore", under="ignore", invalid="ignore"):
        halves = bits.view(numpy.float32).astype(numpy.float16)
    return without_nan(halves, halves.view(numpy.uint16), 0x7E00)


all_halves = numpy.arange(65536, dtype=numpy.uint16)
widened = singles(all_halves.view(numpy.float16).astype(numpy.float32))
brain = torch.from_numpy(all_halves.view(numpy.int16).copy()).view(torch.bfloat16).to(torch.float32).numpy()
sampled = (numpy.arange(COUNT, dtype=numpy.uint64) * STRIDE % (1 << 32)).astype(numpy.uint32)

# Zero, subnormals (first, last), first normal, one, largest, infinity, and their negatives.
picked = [0x0000, 0x0001, 0x03FF, 0x0400, 0x3C00, 0x7BFF, 0x7C00, 0x8000, 0x8001, 0xFBFF, 0xFC00]
# Ties and their neighbours: at zero (2^-25), between subnormals, at the first normal, at one, at infinity (65520).
edges = [
    0x33000000, 0x33000001, 0x32FFFFFF, 0x33C00000, 0x33C00001, 0x387FE000, 0x387FDFFF, 0x38800000,
    0x3F801000, 0x3F801001, 0x3F803000, 0x477FEFFF, 0x477FF000, 0x7F800000, 0x80000001, 0xB3000001, 0xFF800000,
]  # fmt: skip

FIXTURE.write_text(
    json.dumps(
        {
            "versions": {"numpy": numpy.__version__, "torch": torch.__version__},
            "digests": {
                "f16ToF32": digest(widened),
                "bf16ToF32": digest(singles(brain)),
                "f32ToF16": digest(narrow(sampled)),
            },
            "widen": [[f"{half:04x}", f"{widened[half]:08x}"] for half in picked],
            "narrow": [[f"{bits:08x}", f"{narrow(numpy.array([bits], numpy.uint32))[0]:04x}"] for bits in edges],
        },
        separators=(",", ":"),
    )
    + "\n"
)
