// The self-test: a wrong kernel costs its level, not the result.
import '../support/relaxed.js';
import { describe, expect, it } from 'vitest';
import { availableLevels } from '../../src/kernels/bind.js';
import * as cases from '../../src/kernels/cases.js';
import type { Kernel, Shape } from '../../src/kernels/kernel.js';
import { check, chooseLevel, scratchMemories, selfTest } from '../../src/kernels/self-test.js';
import { spmmF32 } from '../../src/kernels/spmm-f32.js';
import { f32, f32x4, defineFunction, i32, v128 } from '../../src/wasm/assembler.js';

type SpmmF32 = typeof spmmF32 extends Kernel<infer P> ? P : never;
const shapes: readonly Shape[] = [8, 16, 32].map((tile) => ({ tile: tile as Shape['tile'], headSize: 8 }));
const scratch = scratchMemories();

/** Right but for its levels `wrong`, which write a slightly different first number, or not a number. */
const damaged = (wrong: readonly boolean[], by: number): Kernel<SpmmF32> => ({
  ...spmmF32,
  wasm: (shape, relaxed) => {
    if (!wrong.includes(relaxed)) return spmmF32.wasm(shape, false);
    return defineFunction(
      { values: 'i32', columns: 'i32', counts: 'i32', x: 'i32', y: 'i32', rows: 'i32', bias: 'i32' },
      (body, { y, bias }) => {
        const value = f32x4.add(v128.load(i32.add(bias, i32.const(0))), f32x4.splat(f32.const(by)));
        body.store(y, value);
      },
    );
  },
});

const choose = (kernel: Kernel<SpmmF32>): string =>
  chooseLevel([check(kernel, cases.spmmF32Case)], shapes, ['relaxed', 'simd', 'scalar'], scratch);

describe('chooseLevel', () => {
  it.each([0.5, NaN])('falls to the next level that gives the numbers of the twin (%d)', (by) => {
    expect(choose(damaged([], by))).toBe('relaxed');
    expect(choose(damaged([true], by))).toBe('simd');
    expect(choose(damaged([true, false], by))).toBe('scalar');
  });
});

describe('selfTest', () => {
  it('finds every level of this engine right, in every group', () => {
    const levels = availableLevels();
    for (const [i, level] of levels.entries()) {
      const found = selfTest(shapes, levels.slice(i));
      expect(found).toEqual({ f32: level, q15: level, int8: level, block: level });
    }
  });
});
