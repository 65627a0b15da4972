"""Coefficients of the runtime's GELU (packages/runtime/src/kernels/constants.ts).

Phi(x) - 1/2 = x P(x^2) / Q(x^2) on [-5.6, 5.6]: linearised least squares, reweighted towards the largest error.
Prints that error and the coefficients, lowest power first. Needs numpy alone.
"""
from math import erf, sqrt

import numpy as np

LIMIT, DEGREE, ROUNDS = 5.6, 5, 60

x = (np.cos(np.linspace(0, np.pi, 4001)) * 0.5 + 0.5) * LIMIT
x = np.unique(x[x > 1e-6])
s = (x / LIMIT) ** 2
phi = np.array([0.5 * erf(value / sqrt(2)) for value in x])
f = phi / x
q, reweighted, best = np.ones_like(x), np.ones_like(x), None
for _ in range(ROUNDS):
    columns = [s**i for i in range(DEGREE + 1)] + [-f * s**i for i in range(1, DEGREE + 1)]
    w = x * reweighted / q
    c = np.linalg.lstsq(np.stack(columns, 1) * w[:, None], f * w, rcond=None)[0]
    above, below = c[: DEGREE + 1], np.concatenate([[1], c[DEGREE + 1 :]])
    q = np.polyval(below[::-1], s)
    error = np.abs(x * np.polyval(above[::-1], s) / q - phi)
    if best is None or error.max() < best[0]:
        scale = LIMIT ** (2 * np.arange(DEGREE + 1))
        best = (error.max(), above / scale, below / scale)
    reweighted *= (error / error.max() + 0.02) ** 0.5
    reweighted /= reweighted.max()
print(*best, sep="\n")
