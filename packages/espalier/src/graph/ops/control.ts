// Ops that only steer the gradient.
import type { Node, Op } from '../node.js';
import { apply, requireShape } from '../node.js';
import { scalar } from '../program.js';
import { where } from './elementwise.js';

type None = Record<string, never>;

/** The value of x; no gradient. */
export const stopOp: Op<None> = {
  name: 'StopGradient',
  signature: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  lower: (emit, inputs, outputs) => emit.node('Identity', inputs, outputs),
  evaluate: ([x]) => [x!],
};

interface StraightThroughAttributes {
  /** Boolean node made where a gradient is asked for: it passes where this is true. Default: everywhere. */
  readonly passes?: (() => Node) | undefined;
}

/** The exact value of the first input, the gradient of the second (Bengio et al., 2013). */
export const straightThroughOp: Op<StraightThroughAttributes> = {
  name: 'StraightThrough',
  signature: ([value, source]) => {
    requireShape(value!.shape.join() === source!.shape.join(), 'StraightThrough', [value!, source!]);
    return [{ shape: value!.shape, dtype: value!.dtype }];
  },
  lower: (emit, [value], outputs) => emit.node('Identity', [value!], outputs),
  gradient: ({ attributes: { passes }, outputGradients: [dy] }) => [
    undefined,
    passes ? where(passes(), dy!, scalar(0)) : dy,
  ],
  evaluate: ([value]) => [value!],
};

export const stop = (x: Node): Node => apply(stopOp, [x], {});
/**
 * Exactly `value` in the forward pass, with gradients going to `source`: `x + stop(q - x)` would be one rounding
 * off. Both have the same shape, and so has the node of `passes`, where the gradient is zero elsewhere.
 */
export const straightThrough = (value: Node, source: Node, passes?: () => Node): Node =>
  apply(straightThroughOp, [value, source], { passes });
