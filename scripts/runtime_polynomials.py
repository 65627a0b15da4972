"""Coefficients of the runtime's polynomials (packages/runtime/src/kernels/constants.ts) that are as exact as 16 bits need.

Each is the minimax fit on a fine grid, by linear programming. Prints largest error and coefficients, lowest power first.
Needs numpy and scipy.
"""
import numpy as np
from scipy.optimize import linprog
from scipy.special import erf

np.set_printoptions(precision=8)


def minimax(columns, target):
    """Coefficients and largest error of the columns' combination nearest to the target."""
    matrix = np.stack(columns, 1)
    scale = np.abs(matrix).max(0)
    matrix = matrix / scale
    count, terms = matrix.shape
    bound = -np.ones((count, 1))
    found = linprog(
        [0] * terms + [1],
        A_ub=np.block([[matrix, bound], [-matrix, bound]]),
        b_ub=np.concatenate([target, -target]),
        bounds=[(None, None)] * terms + [(0, None)],
    )
    return found.x[terms], found.x[:terms] / scale


# GELU(x) = x (1/2 + t R(t^2)), t = x within +-4.1: eight coefficients.
x = np.linspace(1e-3, 7, 4001)
t = np.minimum(x, 4.1)
phi = 0.5 * erf(x / np.sqrt(2))
print("gelu", *minimax([x * t * t ** (2 * k) for k in range(8)], x * phi))

# The same with fewer: six coefficients within +-3.6.
t = np.minimum(x, 3.6)
print("rough gelu", *minimax([x * t * t ** (2 * k) for k in range(6)], x * phi))

# 2^x on [-1/2, 1/2], relative error: five coefficients.
x = np.linspace(-0.5, 0.5, 4001)
print("exp2", *minimax([x**k / 2**x for k in range(5)], np.ones_like(x)))
