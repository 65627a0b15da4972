"""Golden values of fake quantisation and of observers, by PyTorch.

quantise.json holds
  activations  fake_quantize_per_tensor_affine, uint8: x, scale, zero point, y, and the gradient of sum(g * y)
  weights      fake_quantize_per_channel_affine (axis 0) and per_tensor_affine, int8 in -127..127, zero point 0:
               w, scales, y, gradient; scales cover the weights
  moving       MovingAverageMinMaxObserver (averaging constant 0.01): batches, and after each one the averaged
               range, scale and zero point
  largest      MinMaxObserver and PerChannelMinMaxObserver, symmetric in -127..127: matrices, and the scales after each

Values near the middle between two quanta are left out: PyTorch multiplies by 1 / scale where ONNX divides.

    python3 scripts/quantise_goldens.py
"""

import json
from pathlib import Path

import torch
from torch.ao.quantization.observer import MinMaxObserver, MovingAverageMinMaxObserver, PerChannelMinMaxObserver

FIXTURE = Path(__file__).resolve().parent.parent / "packages/espalier/test/fixtures/quantise.json"
torch.manual_seed(0)


def clear(values, scale):
    """The values, those moved that lie near the middle between two quanta."""
    quanta = values / scale
    near = ((quanta - quanta.floor()) - 0.5).abs() < 0.05
    return torch.where(near, (quanta.floor() + 0.25) * scale, values)


def with_gradient(function, x):
    x = x.clone().requires_grad_()
    y = function(x)
    g = torch.randn_like(y)
    (y * g).sum().backward()
    return {"x": x.tolist(), "y": y.tolist(), "g": g.tolist(), "gradient": x.grad.tolist()}


def activation(scale, zero_point):
    x = clear(torch.randn(40) * 90 * scale, scale)
    result = with_gradient(lambda v: torch.fake_quantize_per_tensor_affine(v, scale, zero_point, 0, 255), x)
    return {"scale": scale, "zeroPoint": zero_point, **result}


def weights(rows, per_channel):
    w = torch.randn(rows, 6) * torch.logspace(-2, 1, rows)[:, None]
    w[0, 0] = 0
    largest = w.abs().amax(1) if per_channel else w.abs().amax()[None]
    scales = largest / 127
    w = clear(w, scales[:, None])
    zeros = torch.zeros(len(scales), dtype=torch.int32)

    def function(v):
        if per_channel:
            return torch.fake_quantize_per_channel_affine(v, scales, zeros, 0, -127, 127)
        return torch.fake_quantize_per_tensor_affine(v, scales, zeros, -127, 127)

    return {"scales": scales.tolist(), **with_gradient(function, w)}


def moving(batches):
    observer = MovingAverageMinMaxObserver(averaging_constant=0.01, dtype=torch.quint8, qscheme=torch.per_tensor_affine)
    after = []
    for batch in batches:
        observer(batch)
        scale, zero_point = observer.calculate_qparams()
        low, high = observer.min_val.item(), observer.max_val.item()
        after.append({"low": low, "high": high, "scale": scale.item(), "zeroPoint": zero_point.item()})
    return {"batches": [batch.tolist() for batch in batches], "after": after}


def largest(observer, matrices):
    after = []
    for matrix in matrices:
        observer(matrix)
        after.append(observer.calculate_qparams()[0].reshape(-1).tolist())
    return {"matrices": [matrix.tolist() for matrix in matrices], "after": after}


int8 = {"dtype": torch.qint8, "quant_min": -127, "quant_max": 127}
shrinking = [torch.randn(3, 5) * size for size in (1, 3, 0.5, 2, 0.1)]
golden = {
    "versions": {"torch": torch.__version__},
    "activations": [activation(0.02, 100), activation(0.5, 0), activation(2**-7, 255)],
    "weights": [weights(4, True), weights(4, False)],
    "moving": [
        moving([torch.randn(8) + shift for shift in (0, 3, -3, 0.5)]),
        moving([torch.rand(8) + 1 for _ in range(3)]),
        moving([-torch.rand(8) - 1 for _ in range(3)]),
        moving([torch.zeros(4)]),
    ],
    "largest": [
        largest(MinMaxObserver(qscheme=torch.per_tensor_symmetric, **int8), shrinking),
        largest(PerChannelMinMaxObserver(ch_axis=0, qscheme=torch.per_channel_symmetric, **int8), shrinking),
    ],
}
FIXTURE.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
