// The optimisers: every variant against its naive twin bit by bit, the twins against f64 formulas written here
// from the definitions, and the proximal operator against values worked out by hand.

import { describe, expect, test } from 'vitest';
import { ADAMW_PROX, type AdamwOptions, adamwScalars, adamwTwin } from '../../src/engine/kernels/adamw.js';
import { BUFFERS, SGD_PROX, sgdScalars, sgdTwin } from '../../src/engine/kernels/sgd.js';
import { GRADIENTS, MASKS, SMALLEST_MOMENT } from '../../src/engine/kernels/update.js';
import { arena, bits, EDGE_LENGTHS, randomFloats, randomMask } from './arrays.js';

function tensor(n: number) {
  return {
    w: randomFloats(n, 1, 0.1),
    g: randomFloats(n, 2, 0.01),
    m: randomFloats(n, 3, 0.01),
    v: randomFloats(n, 4, 1e-4).map(Math.abs),
    factor: randomFloats(n, 5, 30).map(Math.abs),
    mask: randomMask(n, 6),
  };
}

function inArena(t: ReturnType<typeof tensor>) {
  const memory = arena();
  const { w, g, m, v, factor } = t;
  const arrays = {
    w: memory.floats(w),
    g: memory.floats(g),
    m: memory.floats(m),
    v: memory.floats(v),
    factor: memory.floats(factor),
    mask: memory.bytes(t.mask),
  };
  const addresses = Object.fromEntries(
    Object.entries(arrays).map(([name, array]) => [name, array.byteOffset]),
  ) as Record<keyof typeof arrays, number>;
  return { memory, arrays, args: { ...addresses, n: w.length } };
}

const hyper = { lr: 1e-2, decay: 0.1, gradScale: 0.7, threshold: 2e-4, beta1: 0.8, beta2: 0.95 };

test.each(['AdamW', 'SGD'])('%s: a moment without gradient becomes zero, never denormal', (rule) => {
  const twin = tensor(16);
  twin.g.fill(0);
  twin.mask.fill(1);
  const { memory, arrays, args } = inArena(twin);
  for (let step = 1; step <= 2000; step++) {
    const scalars = adamwScalars({ ...hyper, step });
    if (rule === 'AdamW') memory.run['adamw dense plain keep']({ ...args, ...scalars });
    else
      memory.run['sgd momentum dense plain keep']({
        ...args,
        ...sgdScalars({ ...hyper, decay: 0, momentum: 0.9 }),
      });
    expect(arrays.m.every((m) => m === 0 || Math.abs(m) >= SMALLEST_MOMENT)).toBe(true);
  }
  expect(arrays.m.every((m) => m === 0)).toBe(true);
});

describe.each(MASKS)('%s', (masks) => {
  describe.each(GRADIENTS)('%s the gradient', (gradients) => {
    test.each(ADAMW_PROX)('AdamW, %s, equals its twin', (prox) => {
      for (const n of EDGE_LENGTHS) {
        const twin = tensor(n);
        const { memory, arrays, args } = inArena(twin);
        for (const step of [1, 2, 3]) {
          const scalars = adamwScalars({ ...hyper, step });
          memory.run[`adamw ${masks} ${prox} ${gradients}`]({ ...args, ...scalars });
          adamwTwin(twin, scalars, masks, prox, gradients);
        }
        for (const name of ['w', 'g', 'm', 'v', 'factor'] as const) {
          expect(bits(arrays[name]), name).toEqual(bits(twin[name]));
        }
        memory.expectGuards();
        memory.expectPadding();
      }
    });

    test.each(BUFFERS.flatMap((buffer) => SGD_PROX.map((prox) => [buffer, prox] as const)))(
      'SGD, %s, %s, equals its twin',
      (buffer, prox) => {
        for (const n of EDGE_LENGTHS) {
          const { m, ...bare } = tensor(n);
          const { memory, arrays, args } = inArena({ m, ...bare });
          const twin = buffer === 'momentum' ? { ...bare, m } : bare;
          const scalars = sgdScalars({ ...hyper, decay: 0, momentum: 0.9 });
          for (let step = 1; step <= 3; step++) {
            memory.run[`sgd ${buffer} ${masks} ${prox} ${gradients}`]({ ...args, ...scalars });
            sgdTwin(twin, scalars, masks, prox, gradients);
          }
          expect(bits(arrays.w)).toEqual(bits(twin.w));
          expect(bits(arrays.g)).toEqual(bits(twin.g));
          expect(bits(arrays.m)).toEqual(bits(m));
          memory.expectGuards();
          memory.expectPadding();
        }
      },
    );
  });
});

describe('twins against f64', () => {
  const close = (actual: Float32Array, expected: number[]) =>
    actual.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 6);
    });

  test('AdamW over five steps', () => {
    const n = 200;
    const t = { ...tensor(n), m: new Float32Array(n), v: new Float32Array(n) };
    const [w, m, v] = [Array.from(t.w), Array.from(t.m), Array.from(t.v)];
    const { lr, decay, gradScale, threshold, beta1, beta2 } = hyper;
    for (let step = 1; step <= 5; step++) {
      t.g.set(randomFloats(n, 50 + step, 0.02));
      adamwTwin(t, adamwScalars({ ...hyper, shift: 1e-3, step }), 'masked', 'metric-factor', 'keep');
      for (let i = 0; i < n; i++) {
        const g = gradScale * randomFloats(n, 50 + step, 0.02)[i]!;
        m[i] = beta1 * m[i]! + (1 - beta1) * g;
        v[i] = beta2 * v[i]! + (1 - beta2) * g * g;
        const root = Math.sqrt(v[i]! / (1 - beta2 ** step)) + 1e-8;
        const a = w[i]! - lr * decay * w[i]! - (lr * (m[i]! / (1 - beta1 ** step))) / root - 1e-3;
        w[i] = t.mask[i]! * Math.sign(a) * Math.max(Math.abs(a) - (threshold * t.factor[i]!) / root, 0);
        m[i]! *= t.mask[i]!;
        v[i]! *= t.mask[i]!;
      }
    }
    close(t.w, w);
    close(t.m, m);
    close(t.v, v);
  });

  test('SGD with momentum over five steps, first buffer equal to the first gradient', () => {
    const n = 200;
    const t = { ...tensor(n), m: new Float32Array(n) };
    const [w, buffer] = [Array.from(t.w), new Array<number>(n)];
    for (let step = 1; step <= 5; step++) {
      sgdTwin(
        t,
        sgdScalars({ lr: 0.05, momentum: 0.9, decay: 0.1, threshold: 1e-4 }),
        'dense',
        'prox',
        'keep',
      );
      for (let i = 0; i < n; i++) {
        const g = t.g[i]! + 0.1 * w[i]!;
        buffer[i] = step === 1 ? g : 0.9 * buffer[i]! + g;
        const a = w[i]! - 0.05 * buffer[i]!;
        w[i] = Math.sign(a) * Math.max(Math.abs(a) - 1e-4, 0);
      }
    }
    close(t.w, w);
  });
});

/** One step of the kernel on a single weight at rest, so that the proposal is the weight itself. */
function proximal(weight: number, factor: number, options: Partial<AdamwOptions>): number {
  const t = {
    ...tensor(1),
    w: Float32Array.of(weight),
    g: Float32Array.of(0),
    factor: Float32Array.of(factor),
  };
  const { memory, arrays, args } = inArena({ ...t, m: new Float32Array(1), v: new Float32Array(1) });
  const scalars = adamwScalars({ lr: 0.01, step: 1, ...options });
  memory.run['adamw dense prox-factor keep']({ ...args, ...scalars });
  return arrays.w[0]!;
}

describe('proximal operator', () => {
  const threshold = 0.01 * 1e-3; // lr * gamma

  test.each([
    [0.05, 1, 0.04999],
    [0.05, 1 / 0.051, 0.049803921569],
    [5e-6, 1, 0],
    [1e-4, 1 / 1.1e-3, 0],
    [-0.02, 1 / 0.021, -0.019523809524],
  ])('soft thresholding of %d at factor %d', (weight, factor, expected) => {
    expect(proximal(weight, factor, { threshold })).toBeCloseTo(expected, 8);
  });

  test('zeros are +0: from either side, at the threshold, and at threshold 0', () => {
    for (const [weight, factor] of [
      [5e-6, 1],
      [-5e-6, 1],
      [-0, 1],
      [0, 1],
      [-0, 0],
      [0.25, 1e9],
    ] as const) {
      expect(Object.is(proximal(weight, factor, { threshold }), 0)).toBe(true);
    }
    const exact = Math.fround(threshold);
    expect(Object.is(proximal(exact, 1, { threshold }), 0)).toBe(true);
    expect(Object.is(proximal(-exact, 1, { threshold }), 0)).toBe(true);
    expect(proximal(0.3, 0, { threshold })).toBe(Math.fround(0.3));
  });

  test('decay comes before it', () => {
    const weight = 0.05;
    const decayed = weight * (1 - 0.01 * 0.5);
    expect(proximal(weight, 1, { threshold, decay: 0.5 })).toBeCloseTo(decayed - threshold, 8);
  });

  test('it leaves the moments of the step bit-identical', () => {
    const moments = [0, 1e-3].map((positive) => {
      const { memory, arrays, args } = inArena(tensor(1000));
      const scalars = adamwScalars({ ...hyper, step: 1, threshold: positive });
      memory.run['adamw dense prox-factor keep']({ ...args, ...scalars });
      return { m: bits(arrays.m), v: bits(arrays.v), w: bits(arrays.w) };
    });
    expect(moments[0]!.m).toEqual(moments[1]!.m);
    expect(moments[0]!.v).toEqual(moments[1]!.v);
    expect(moments[0]!.w).not.toEqual(moments[1]!.w);
  });
});

test('scalars that would divide by zero are refused', () => {
  expect(() => adamwScalars({ lr: 1, step: 0 })).toThrow(/steps count from 1/);
  expect(() => adamwScalars({ lr: 1, step: 1, eps: 1e-60 })).toThrow(/eps must be positive/);
});
