// Every kernel at every level that this machine has against its naive twin, over random sizes and all tile widths.
import '../support/relaxed.js';
import { bindable } from '../support/bindable.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { availableLevels } from '../../src/kernels/levels.js';
import { type Sizes, uniform } from '../../src/kernels/case.js';
import { CASES } from '../../src/kernels/cases.js';
import { writeConstants } from '../../src/kernels/constants.js';
import { createMemory } from '../../src/kernels/create-memory.js';
import { gelu, normalDistribution } from '../../src/kernels/gelu.js';
import { isWide } from '../../src/kernels/int8-layout.js';
import { type Level, type Run, type Shape, viewsOf } from '../../src/kernels/kernel.js';
import {
  type Bank,
  bindProgram,
  compileProgram,
  type KernelName,
  KERNELS,
  twinsOf,
} from '../../src/kernels/program.js';
import { agree } from '../../src/kernels/self-test.js';
import type { Params } from '../../src/wasm/assembler.js';

const LEVELS = availableLevels().filter((level) => level !== 'scalar');
const memories = [0, 1].map(() => createMemory(16, false));

interface Drawn {
  readonly shape: Shape;
  readonly sizes: Sizes;
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
    heads: fc.integer({ min: 1, max: 3 }),
  }),
  seed: fc.nat(),
});

/** Programs and their twins, compiled once for each shape. */
const programs = new Map<string, readonly [Bank, Bank]>();

function banksOf(level: Level, shape: Shape): readonly [Bank, Bank] {
  const key = JSON.stringify([level, shape]);
  const made = programs.get(key);
  if (made) return made;
  const program = compileProgram(shape, { f32: level, q15: level, int8: level, block: level }, false);
  const banks = [bindProgram(program, memories[0]!), bindProgram(twinsOf(program), memories[1]!)] as const;
  programs.set(key, banks);
  return banks;
}

/** Features of a head that kernels take together. */
const TOGETHER: Partial<Record<KernelName, number>> = {
  ...{ quantiseHeads: 2, quantiseValues: 2, attentionFixed: 2 },
  ...{ quantiseQueries: 4, quantiseKeys: 4, quantiseByteValues: 4, attentionInt8: 4 },
};

function agrees(name: KernelName, level: Level, { shape: any, sizes, seed }: Drawn): boolean {
  const together = TOGETHER[name] ?? 1;
  const headSize = together * Math.ceil(any.headSize / together);
  const shape = { ...any, headSize };
  const banks = banksOf(level, shape);
  const wide = isWide(level);
  const [found, expected] = memories.map((linear, i) => {
    const memory = viewsOf(linear);
    memory.u8.fill(0);
    writeConstants(linear);
    const { args, outputs } = CASES[name]({ memory, shape, sizes, random: uniform(seed), wide });
    (banks[i]![name] as Run<Params>)(args);
    return { memory, outputs };
  });
  return agree(found!.outputs, found!.memory, expected!.memory);
}

describe.each(LEVELS)('%s', (level) => {
  it.each(KERNELS)('%s', (name) => {
    fc.assert(
      fc.property(drawn, (of) => agrees(name, level, of)),
      { numRuns: 40 },
    );
  });
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
