// Every kernel at every level that this machine has against its naive twin, over random sizes and all tile widths.
import '../support/relaxed.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attention } from '../../src/kernels/attention.js';
import { availableLevels, bindable } from '../../src/kernels/bind.js';
import * as cases from '../../src/kernels/cases.js';
import { writeConstants } from '../../src/kernels/constants.js';
import { denseF32 } from '../../src/kernels/dense-f32.js';
import { gelu, normalDistribution } from '../../src/kernels/gelu.js';
import { int8Form } from '../../src/kernels/int8.js';
import { type Kernel, type Level, type Shape, viewsOf } from '../../src/kernels/kernel.js';
import { addNorm } from '../../src/kernels/norm.js';
import { quantiseQ15 } from '../../src/kernels/quantise-q15.js';
import { agree } from '../../src/kernels/self-test.js';
import { spmmF32 } from '../../src/kernels/spmm-f32.js';
import { spmmQ15 } from '../../src/kernels/spmm-q15.js';
import type { Params } from '../../src/wasm/assembler.js';

const LEVELS = availableLevels().filter((level) => level !== 'scalar');
const memories = [0, 1].map(() => new WebAssembly.Memory({ initial: 16 }));

interface Drawn {
  readonly shape: Shape;
  readonly sizes: cases.Sizes;
  readonly seed: number;
}

const drawn: fc.Arbitrary<Drawn> = fc.record({
  shape: fc.record({
    tile: fc.constantFrom<Shape['tile'][]>(8, 16, 32),
    headSize: fc.constantFrom(1, 2, 3, 8, 17, 64),
  }),
  sizes: fc.record({
    rows: fc.integer({ min: 1, max: 9 }),
    columns: fc.integer({ min: 1, max: 41 }),
    density: fc.constantFrom(0, 0.1, 0.5, 1),
    tokens: fc.integer({ min: 1, max: 40 }),
  }),
  seed: fc.nat(),
});

function agrees<P extends Params>(
  kernel: Kernel<P>,
  setUp: (setup: cases.Setup) => cases.Case<P>,
  level: Level,
  { shape, sizes, seed }: Drawn,
): boolean {
  const [found, expected] = ([level, 'scalar'] as const).map((of, i) => {
    const linear = memories[i]!;
    const memory = viewsOf(linear);
    memory.u8.fill(0);
    writeConstants(linear);
    const { args, outputs } = setUp({ memory, shape, sizes, random: cases.uniform(seed) });
    bindable(kernel, shape, of)(linear)(args);
    return { memory, outputs };
  });
  return agree(found!.outputs, found!.memory, expected!.memory);
}

describe.each(LEVELS)('%s', (level) => {
  const { spmm, quantise, wide } = int8Form(level);
  const holds = (name: string, of: (drawn: Drawn) => boolean): void => {
    it(name, () => fc.assert(fc.property(drawn, of), { numRuns: 40 }));
  };
  holds('spmmF32', (d) => agrees(spmmF32, cases.spmmF32Case, level, d));
  holds('denseF32', (d) => agrees(denseF32, cases.denseF32Case, level, d));
  holds('spmmQ15', (d) => agrees(spmmQ15, cases.spmmQ15Case, level, d));
  holds('quantiseQ15', (d) => agrees(quantiseQ15, (s) => cases.quantiseCase(s, 'q15'), level, d));
  holds('spmmInt8', (d) => agrees(spmm, (s) => cases.spmmInt8Case(s, wide), level, d));
  holds('quantiseInt8', (d) =>
    agrees(quantise, (s) => cases.quantiseCase(s, wide ? 'pairs' : 'int8'), level, d),
  );
  holds('gelu', (d) => agrees(gelu, cases.geluCase, level, d));
  holds('addNorm', (d) => agrees(addNorm, cases.addNormCase, level, d));
  holds('attention', (d) => agrees(attention, cases.attentionCase, level, d));
});

describe('the twin of GELU', () => {
  it('is Phi of tables', () => {
    // Abramowitz and Stegun, table 26.1.
    expect(normalDistribution(0)).toBe(0.5);
    expect(normalDistribution(1)).toBeCloseTo(0.841344746068543, 14);
    expect(normalDistribution(-2)).toBeCloseTo(0.022750131948179, 14);
    expect(normalDistribution(5)).toBeCloseTo(0.999999713348428, 14);
  });
});

describe('gelu over the whole range', () => {
  it.each(LEVELS)('%s is within two units of f32 at 1 for |x| below 1, 4e-7 of |x| otherwise', (level) => {
    const linear = memories[0]!;
    writeConstants(linear);
    const { f32 } = viewsOf(linear);
    const n = 16000;
    const xs = Float32Array.from({ length: n }, (_, i) => -10 + (20 * i) / n);
    f32.set(xs, 1024);
    bindable(gelu, { tile: 8, headSize: 1 }, level)(linear)({ x: 4096, n });
    const worst = xs.reduce((most, x, i) => {
      const error = Math.abs(f32[1024 + i]! - x * normalDistribution(x));
      return Math.max(most, error / Math.max(1, Math.abs(x)));
    }, 0);
    expect(worst).toBeLessThan(4e-7);
  });
});
