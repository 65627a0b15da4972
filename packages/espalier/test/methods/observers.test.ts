// Observers against PyTorch's over sequences of batches, the nodes against their twins on the host, and scales that
// never shrink.
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../src/graph/evaluate.js';
import { constant, input } from '../../src/graph/program.js';
import {
  affineNodes,
  AVERAGING,
  largestEver,
  movingRange,
  symmetricScales,
} from '../../src/methods/observers.js';
import { affineRange, symmetricScale, toInt8 } from '../../src/models/int8.js';
import { runOnnx } from '../graph/harness.js';

interface Moving {
  readonly batches: readonly (readonly number[])[];
  readonly after: readonly { low: number; high: number; scale: number; zeroPoint: number }[];
}

interface Largest {
  readonly matrices: readonly (readonly (readonly number[])[])[];
  /** Scales after each matrix. */
  readonly after: readonly (readonly number[])[];
}

const golden = JSON.parse(readFileSync(new URL('../fixtures/quantise.json', import.meta.url), 'utf8')) as {
  readonly moving: readonly Moving[];
  readonly largest: readonly Largest[];
};

describe("PyTorch's sequences", () => {
  it.each(golden.moving.map((one, index) => [index, one] as const))(
    'of moving averages, %d',
    async (_, { batches, after }) => {
      let range = [0, 0];
      for (const [step, batch] of batches.entries()) {
        const x = input('x', [batch.length]);
        const next = movingRange(x, input('before', [2]), input('seen', [1]), AVERAGING);
        const { scale, zeroPoint } = affineNodes(next);
        const [result] = await runOnnx(
          [
            { name: 'range', node: next },
            { name: 'scale', node: scale },
            { name: 'zeroPoint', node: zeroPoint },
          ],
          new Map([
            ['x', batch],
            ['before', range],
            ['seen', [step === 0 ? 0 : 1]],
          ]),
        );
        range = result!['range']!;
        const expected = after[step]!;
        expect(range[0]).toBeCloseTo(expected.low, 6);
        expect(range[1]).toBeCloseTo(expected.high, 6);
        expect(result!['scale']![0]! / expected.scale).toBeCloseTo(1, 5);
        expect(result!['zeroPoint']).toEqual([expected.zeroPoint]);
        const host = affineRange(expected.low, expected.high);
        expect(host.scale / expected.scale).toBeCloseTo(1, 6);
        expect(host.zeroPoint).toBe(expected.zeroPoint);
      }
    },
  );

  it.each(golden.largest)('of the largest weights, $after.0.length at a time', ({ matrices, after }) => {
    const count = after[0]!.length;
    let largest: ArrayLike<number> = new Float32Array(count);
    for (const [step, matrix] of matrices.entries()) {
      const w = constant(matrix.flat(), [matrix.length, matrix[0]!.length]);
      const node = largestEver(w, input('before', [count]));
      const [ever, scales] = evaluate([node, symmetricScales(node)], new Map([['before', largest]]));
      for (const [i, scale] of after[step]!.entries()) {
        expect(scales!.data[i]! / scale).toBeCloseTo(1, 6);
        if (step > 0) expect(scale).toBeGreaterThanOrEqual(after[step - 1]![i]!);
      }
      largest = ever!.data;
    }
  });
});

it('graph and host agree on scale and zero point to the bit', async () => {
  const ranges = [
    ...fc
      .sample(
        fc.tuple(fc.float({ noNaN: true, min: -50, max: 50 }), fc.float({ noNaN: true, min: 0, max: 50 })),
        {
          seed: 1,
          numRuns: 60,
        },
      )
      .map(([low, width]) => [low, Math.fround(low + width)] as const),
    ...([
      [0, 0],
      [1, 2],
      [-2, -1],
      [-1e-30, 1e-30],
      [0, 3e30],
    ] as const),
  ];
  const outputs = ranges.flatMap((_, i) => {
    const { scale, zeroPoint } = affineNodes(input(`range ${i}`, [2]));
    return [
      { name: `scale ${i}`, node: scale },
      { name: `zero ${i}`, node: zeroPoint },
    ];
  });
  const feeds = new Map(ranges.map((range, i) => [`range ${i}`, range] as const));
  const [result] = await runOnnx(outputs, feeds);
  for (const [i, [low, high]] of ranges.entries()) {
    const found = { scale: result![`scale ${i}`]![0], zeroPoint: result![`zero ${i}`]![0] };
    expect(found, `${low} to ${high}`).toEqual(affineRange(low, high));
  }
});

describe('for every range and every matrix', () => {
  const real = fc.float({ noNaN: true, min: -1000, max: 1000 });

  it('zero is a quantum, and both ends are within half a quantum', () => {
    fc.assert(
      fc.property(real, real, (a, b) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)];
        const { scale, zeroPoint } = affineRange(low, high);
        expect(Number.isInteger(zeroPoint) && zeroPoint >= 0 && zeroPoint <= 255).toBe(true);
        expect(scale * (0 - zeroPoint)).toBeLessThanOrEqual(Math.min(low, 0) + scale * 0.501);
        expect(scale * (255 - zeroPoint)).toBeGreaterThanOrEqual(Math.max(high, 0) - scale * 0.501);
      }),
    );
  });

  it('int8 has a zero wherever the weights have, and its largest is 127', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(real, fc.constant(0)), { minLength: 1, maxLength: 30 }), (values) => {
        const weights = Float32Array.from(values);
        const largest = Math.max(...weights.map(Math.abs));
        const quantised = toInt8(weights, [symmetricScale(largest)]);
        for (const [i, w] of weights.entries()) if (w === 0) expect(quantised[i]).toBe(0);
        if (largest > 1e-4) expect(Math.max(...quantised.map(Math.abs))).toBe(127);
      }),
    );
  });

  it('rounds each row by its own scale, halves to even', () => {
    expect([...toInt8(Float32Array.of(0.5, 1.5, -2.5, 500, 3, 5, -5, -500), [1, 2])]).toEqual([
      0, 2, -2, 127, 2, 2, -2, -127,
    ]);
  });
});
