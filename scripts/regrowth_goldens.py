"""Golden steps of pruning with regrowth on a linear model, by PyTorch.

The trainable parameter is a dense original W [8, 8]; the forward pass sees W * m. Every second step up to the sixteenth
the mask m becomes that of the largest magnitudes of W, at a cubic sparsity that reaches 0.6 after ten of twenty steps.
AdamW with decay, clipping by the norm of W's gradient, and a rewound learning rate.

regrowth.json holds the data (inputs [8, 16], targets [8, 16]), the start, and after each step the norm before clipping,
the rate, and the mask; W and W * m after some of them.

    python3 scripts/regrowth_goldens.py
"""

import json
from pathlib import Path

import numpy
import torch

FIXTURES = Path(__file__).resolve().parent.parent / "packages/espalier/test/fixtures"
STEPS, WARMUP, RAMP, LAST_UPDATE, INTERVAL, SPARSITY = 20, 2, 10, 16, 2, 0.6
OPTIMISER = {"lr": 0.05, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.1}
CLIP = 1.0


def factor(step):
    rest = STEPS - RAMP
    if step < WARMUP:
        return step / WARMUP
    if step < RAMP:
        return (rest - step % INTERVAL) / (rest - WARMUP)
    return (STEPS - step) / (rest - WARMUP)


def magnitude_mask(weights, done):
    sparsity = SPARSITY * (1 - max(0, 1 - done / RAMP) ** 3)
    count = int(sparsity * weights.numel())
    if count == 0:
        return torch.ones_like(weights)
    return (weights.abs() > weights.abs().flatten().kthvalue(count).values).float()


def main():
    torch.set_num_threads(1)
    generator = numpy.random.default_rng(5)
    exact = lambda *shape: generator.integers(-2048, 2049, shape) / 1024  # exact in float32, short in JSON
    data = {"start": exact(8, 8), "inputs": exact(8, 16), "targets": exact(8, 16)}
    start, inputs, targets = (torch.tensor(data[key], dtype=torch.float32) for key in data)
    original = torch.nn.Parameter(start)
    optimiser = torch.optim.AdamW([original], **OPTIMISER)
    mask = torch.ones_like(original)
    norms, rates, masks, after, returned, differing = [], [], [], {}, 0, 0
    for step in range(STEPS):
        optimiser.param_groups[0]["lr"] = OPTIMISER["lr"] * factor(step)
        seen = original * mask
        seen.retain_grad()
        loss = ((seen @ inputs - targets) ** 2).sum() / 32
        optimiser.zero_grad()
        loss.backward()
        differing += int(seen.grad.norm() > 1.01 * original.grad.norm())
        norms.append(torch.nn.utils.clip_grad_norm_([original], CLIP).item())
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        done = step + 1
        if done % INTERVAL == 0 and done <= LAST_UPDATE:
            previous, mask = mask, magnitude_mask(original.detach(), done)
            returned += int((mask * (1 - previous)).sum())
        masks.append("".join(str(int(bit)) for bit in mask.flatten()))
        if done in (3, 8, 12, 16, 20):
            after[done] = {
                "dense": original.detach().flatten().tolist(),
                "weight": (original * mask).detach().flatten().tolist(),
            }
    print("clipped", sum(n > CLIP for n in norms), "norm differs", differing, "returned", returned, loss.item())
    assert returned > 0 and differing > 0 and any(n > CLIP for n in norms)
    fixture = {
        "versions": {"torch": torch.__version__},
        "optimiser": OPTIMISER | {"clip": CLIP},
        "returned": returned,
        **{key: value.flatten().tolist() for key, value in data.items()},
        **{"norms": norms, "rates": rates, "masks": masks, "after": after},
    }
    (FIXTURES / "regrowth.json").write_text(json.dumps(fixture) + "\n")


if __name__ == "__main__":
    main()
