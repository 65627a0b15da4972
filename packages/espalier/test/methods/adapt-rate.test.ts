// The rate that Gao, Colombo and Wang (2021) state for a loss that is convex in the relaxed mask, with steps c / sqrt(i)
// and unbiased noise: the error falls about as 1 / sqrt(T). On least squares, with the very mask that is trained. BERT's
// loss is not convex, so this says nothing of it.
import { describe, expect, it } from 'vitest';
import { differentiate } from '../../src/graph/differentiate.js';
import { evaluate } from '../../src/graph/evaluate.js';
import { mul, reduceSum, scale, sub } from '../../src/graph/ops/index.js';
import { constant, input } from '../../src/graph/program.js';
import { relaxedMask, type Temperatures } from '../../src/methods/mask-logits.js';
import { random } from '../../src/random.js';
import { mean } from '../../src/train/statistics.js';

const SIZE = 12;
const HORIZONS = [16, 64, 256, 1024];

const generator = random(4, 'least squares');
const weights = Float32Array.from({ length: SIZE }, () => 0.5 + generator.uniform());
/** What the masks should be: within (0, 1), so that the optimum is reached at finite logits. */
const wanted = Float32Array.from({ length: SIZE }, () => 0.2 + 0.6 * generator.uniform());

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** L(v) = mean of (w_i (v_i - v*_i))^2 / 2, convex in v, with least value 0. */
const excess = (theta: Float64Array, { tForward }: Temperatures): number =>
  mean(theta.map((t, i) => (weights[i]! * (sigmoid(tForward * t) - wanted[i]!)) ** 2 / 2));

/** Excess loss after each horizon, averaged over runs, of steps c / sqrt(i) along noisy gradients. */
function errors(temperatures: Temperatures, { c = 6, noise = 0.5, runs = 6 } = {}): number[] {
  const theta = input('theta', [SIZE]);
  const disturbed = input('noise', [SIZE]);
  const apart = mul(
    sub(relaxedMask(theta, temperatures), constant(wanted, [SIZE])),
    constant(weights, [SIZE]),
  );
  // The second term has the gradient of the noise, whose mean is zero, in the mask.
  const loss = scale(
    reduceSum(sub(scale(mul(apart, apart), 0.5), mul(relaxedMask(theta, temperatures), disturbed))),
    1 / SIZE,
  );
  const gradient = differentiate(loss, [theta]).get(theta)!.dense!;
  const found: number[][] = [];
  for (let run = 0; run < runs; run++) {
    const draws = random(run, 'noise');
    const values = new Float64Array(SIZE).fill(1);
    const seen: number[] = [];
    for (let i = 1; i <= HORIZONS.at(-1)!; i++) {
      const feeds = new Map<string, ArrayLike<number>>([
        ['theta', values],
        ['noise', Float64Array.from(values, () => noise * draws.normal())],
      ]);
      const [slope] = evaluate([gradient], feeds);
      for (let k = 0; k < SIZE; k++) values[k]! -= (c / Math.sqrt(i)) * slope!.data[k]!;
      if (HORIZONS.includes(i)) seen.push(excess(values, temperatures));
    }
    found.push(seen);
  }
  return HORIZONS.map((_, h) => mean(found.map((seen) => seen[h]!)));
}

/** Slope of log error over log horizon, by least squares. */
function decay(values: readonly number[]): number {
  const [x, y] = [HORIZONS.map(Math.log), values.map(Math.log)];
  const [mx, my] = [mean(x), mean(y)];
  const product = x.reduce((sum, value, i) => sum + (value - mx) * (y[i]! - my), 0);
  return product / x.reduce((sum, value) => sum + (value - mx) ** 2, 0);
}

describe('the error on a convex problem', () => {
  it('falls at least as fast as 1 / sqrt(T)', () => {
    const found = errors({ tForward: 1, tBackward: 1 });
    expect(decay(found)).toBeLessThan(-0.5);
    expect(found.at(-1)!).toBeLessThan(found[0]! / 8);
  });

  it('hardly falls where the backward pass is as sharp as the forward one: hence two temperatures', () => {
    expect(decay(errors({ tForward: 1e5, tBackward: 1e5 }))).toBeGreaterThan(-0.05);
  });
});
