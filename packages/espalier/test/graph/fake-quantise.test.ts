// Fake quantisation against PyTorch, values and gradients, as ONNX Runtime computes them; and what holds for every
// weight: zero stays zero, the rest moves by half a quantum at most.
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSession } from '../../src/engine/session.js';
import { differentiate } from '../../src/graph/differentiate.js';
import { evaluate } from '../../src/graph/evaluate.js';
import type { Node } from '../../src/graph/node.js';
import { fakeQuantActivation, fakeQuantWeight, linear, mul, reduceSum } from '../../src/graph/ops/index.js';
import { constant, input } from '../../src/graph/program.js';
import { expectClose, gridValues, runOnnx, uniform } from './harness.js';

interface Case {
  readonly x: readonly number[] | readonly (readonly number[])[];
  readonly y: Case['x'];
  readonly g: Case['x'];
  readonly gradient: Case['x'];
}

const golden = JSON.parse(readFileSync(new URL('../fixtures/quantise.json', import.meta.url), 'utf8')) as {
  readonly activations: readonly (Case & { readonly scale: number; readonly zeroPoint: number })[];
  readonly weights: readonly (Case & { readonly scales: readonly number[] })[];
};

const vector = (values: readonly number[]): Node => constant(values, [values.length]);
const flat = (values: Case['x']): number[] => values.flat();

/** Values and gradient of sum(g * y) by ONNX Runtime, against the golden ones. */
async function expectGolden({ x, y, g, gradient }: Case, apply: (x: Node) => Node): Promise<void> {
  const shape = Array.isArray(x[0]) ? [x.length, x[0].length] : [x.length];
  const node = input('x', shape);
  const found = apply(node);
  const loss = reduceSum(mul(found, constant(flat(g), shape)));
  const { dense } = differentiate(loss, [node]).get(node)!;
  const outputs = [
    { name: 'y', node: found },
    { name: 'gradient', node: dense! },
  ];
  const [result] = await runOnnx(outputs, new Map([['x', flat(x)]]));
  expectClose(result!['y']!, flat(y), 1e-6, 'y');
  const unsigned = (values: readonly number[]): number[] => values.map((value) => value + 0);
  expect(unsigned(result!['gradient']!)).toEqual(unsigned(flat(gradient)));
}

describe("PyTorch's values and gradients", () => {
  it.each(golden.activations)('of activations, scale $scale, zero point $zeroPoint', async (one) => {
    expect(flat(one.gradient)).toContain(0); // some saturate
    await expectGolden(one, (x) => fakeQuantActivation(x, vector([one.scale]), vector([one.zeroPoint])));
  });

  it.each(golden.weights)('of weights by $scales.length', async (one) => {
    await expectGolden(one, (w) => fakeQuantWeight(w, vector(one.scales)));
  });
});

it('halves go to the even quantum', async () => {
  const x = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5];
  const node = fakeQuantActivation(input('x', [6]), vector([1]), vector([100]));
  const [result] = await runOnnx([{ name: 'y', node }], new Map([['x', x]]));
  expect(result!['y']!.map((value) => value + 0)).toEqual([-2, -2, 0, 0, 2, 2]);
});

it('zero stays zero, no weight moves further than half a quantum, none beyond 127 quanta', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 5 }),
      fc.boolean(),
      fc.nat(),
      fc.float({ min: Math.fround(1e-3), max: 4, noNaN: true }),
      (rows, columns, perRow, seed, unit) => {
        const random = uniform(seed);
        const w = gridValues(rows * columns, -200, 200, random).map((value) => (random() < 0.4 ? 0 : value));
        const scales = Array.from({ length: perRow ? rows : 1 }, (_, row) => Math.fround(unit * (row + 1)));
        const [y] = evaluate(
          [fakeQuantWeight(input('w', [rows, columns]), vector(scales))],
          new Map([['w', w]]),
        );
        for (const [i, value] of y!.data.entries()) {
          const scale = scales[perRow ? Math.floor(i / columns) : 0]!;
          if (w[i] === 0) expect(value + 0).toBe(0);
          expect(Math.abs(value)).toBeLessThanOrEqual(127 * scale);
          if (Math.abs(w[i]!) <= 127 * scale) {
            expect(Math.abs(value - w[i]!)).toBeLessThanOrEqual((scale / 2) * (1 + 1e-9));
          }
        }
      },
    ),
    { seed: 1, numRuns: 200 },
  );
});

it('a session computes it in float32, not in integers of its own', async () => {
  // ONNX Runtime would make one integer product of these, and round the sums at other places.
  const [x, w] = [input('x', [4, 64]), input('w', [8, 64])];
  const seen = fakeQuantActivation(x, vector([0.0123]), vector([93]));
  const product = linear(seen, fakeQuantWeight(w, vector([0.0371])));
  const y = fakeQuantActivation(product, vector([0.0617]), vector([128]));
  const session = await createSession([{ name: 'y', node: y }], { threads: 1 });
  const random = uniform(3);
  const arrays = new Map(
    [x, w].map((node, i) => [i === 0 ? 'x' : 'w', gridValues(node.shape[0]! * 64, -1, 1, random)]),
  );
  const found = new Float32Array(32);
  await session.run(
    new Map([...arrays].map(([name, values]) => [name, Float32Array.from(values)])),
    new Map([['y', found]]),
  );
  await session.release();
  const [sums] = evaluate([product], arrays);
  // Away from the middle between two quanta the rounding of the sum cannot matter.
  const [expected] = evaluate([y], arrays);
  for (const [i, sum] of sums!.data.entries()) {
    const fraction = Math.abs(((sum / 0.0617) % 1) + 1) % 1;
    if (Math.abs(fraction - 0.5) > 1e-3) expect(found[i], `output ${i}`).toBeCloseTo(expected!.data[i]!, 5);
  }
});
