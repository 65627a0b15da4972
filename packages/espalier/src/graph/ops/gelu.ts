// GELU, exact form x * Phi(x) (Hendrycks & Gimpel, 2016). The backward pass recomputes Phi instead of storing it:
// d/dx = Phi(x) + x * phi(x) = (1 + erf(s)) / 2 + s * exp(-s^2 - ln(pi) / 2), s = x / sqrt(2).
// Every op here is a pass over the widest array of the model, so what counts is their number: nine.
import type { Node, Op } from '../node.js';
import { apply } from '../node.js';
import { scalar } from '../program.js';
import { add, erfNode, exp, halfUnit, mul, scale, sub } from './elementwise.js';
import { erf } from './erf.js';

type None = Record<string, never>;

export const geluOp: Op<None> = {
  name: 'Gelu',
  signature: ([x]) => [{ shape: x!.shape, dtype: 'float32' }],
  lower: (emit, inputs, outputs) =>
    emit.node('Gelu', inputs, outputs, {}, emit.standard ? undefined : 'com.microsoft'),
  gradient: ({ inputs: [x], outputGradients: [dy] }) => {
    const s = scale(x!, Math.SQRT1_2);
    const density = exp(sub(scalar(-Math.log(Math.PI) / 2), mul(s, s)));
    return [mul(add(halfUnit(erfNode(s)), mul(s, density)), dy!)];
  },
  evaluate: ([{ shape, data } = { shape: [], data: new Float64Array() }]) => [
    { shape, data: data.map((x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2))) },
  ],
};

export const gelu = (x: Node): Node => apply(geluOp, [x], {});
