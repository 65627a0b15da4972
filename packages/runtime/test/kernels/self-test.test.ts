// The self-test: a wrong kernel costs its group a level, not the result.
import '../support/relaxed.js';
import { describe, expect, it, vi } from 'vitest';
import type { Level } from '../../src/kernels/kernel.js';
import { availableLevels } from '../../src/kernels/levels.js';
import {
  compileProgram,
  type Group,
  GROUPS,
  KERNELS,
  kernelsAt,
  type Levels,
  type Program,
} from '../../src/kernels/program.js';
import { passing, programIn, type Programs, testedProgram } from '../../src/kernels/self-test.js';
import {
  assemble,
  defineFunction,
  f32,
  f32x4,
  type Params,
  v128,
  type WasmFunction,
} from '../../src/wasm/assembler.js';

const TILES = [8, 16, 32] as const;
const shape = { tile: 16, headSize: 8 } as const;
const allAt = (level: Level): Levels => ({ f32: level, q15: level, int8: level, block: level });

/** A program whose sparse product adds this to its first numbers. */
function damaged(by: number): Program {
  const program = compileProgram(shape, allAt('simd'), false);
  const wrong = defineFunction(
    kernelsAt(allAt('simd')).spmmF32.wasm(shape, false).params,
    (body, { y, bias }) => {
      body.store(y, f32x4.add(v128.load(bias), f32x4.splat(f32.const(by))));
    },
  );
  const functions: Record<string, WasmFunction<Params, void>> = {};
  for (const [name, kernel] of Object.entries(kernelsAt(allAt('simd'))))
    functions[name] = kernel.wasm(shape, false);
  return { ...program, module: new WebAssembly.Module(assemble({ ...functions, spmmF32: wrong })) };
}

describe('passing', () => {
  it.each([0.5, NaN])('leaves out the group of a kernel that errs (%d)', (by) => {
    expect(passing(damaged(by), GROUPS)).toEqual(['q15', 'int8', 'block']);
  });

  it.each(availableLevels().filter((level) => level !== 'scalar'))(
    'finds %s right in every width, shared or not',
    (level) => {
      for (const tile of TILES)
        for (const shared of [false, true])
          expect(passing(compileProgram({ ...shape, tile }, allAt(level), shared), GROUPS)).toEqual(GROUPS);
    },
  );
});

/** As if these groups failed at a level. */
const failing =
  (failures: Partial<Record<Level, readonly Group[]>>) =>
  ({ levels }: Program, groups: readonly Group[]): Group[] =>
    groups.filter((group) => !failures[levels[group]]?.includes(group));

describe('testedProgram', () => {
  it('takes the best level, group by group', () => {
    const levels = (failures: Partial<Record<Level, readonly Group[]>>): Levels =>
      testedProgram(shape, ['relaxed', 'simd', 'scalar'], false, KERNELS, failing(failures)).levels;
    expect(levels({})).toEqual(allAt('relaxed'));
    expect(levels({ relaxed: ['int8'] })).toEqual({ ...allAt('relaxed'), int8: 'simd' });
    expect(levels({ relaxed: ['f32', 'int8'], simd: ['f32'] })).toEqual({
      ...allAt('relaxed'),
      f32: 'scalar',
      int8: 'simd',
    });
    expect(levels({ relaxed: GROUPS, simd: GROUPS })).toEqual(allAt('scalar'));
  });

  it.each([1, 63, 64, 127, 500, 768])('has room for heads of %d', (headSize) => {
    // Other attention takes two or four features of a head together.
    const used = headSize % 4 > 0 ? (['attention'] as const) : KERNELS;
    for (const tile of TILES)
      expect(testedProgram({ tile, headSize }, ['simd'], false, used).levels.block).toBe('simd');
  });

  it('finds every level of this engine right', () => {
    const levels = availableLevels();
    for (const [i, level] of levels.entries())
      expect(testedProgram(shape, levels.slice(i), false, KERNELS).levels).toEqual(allAt(level));
  });
});

describe('programIn', () => {
  const tested = (): Programs => [testedProgram(shape, ['simd'], false, KERNELS)];

  it('tests the kernels of another width, once', () => {
    const [programs, passes] = [tested(), vi.fn(passing)];
    const program = programIn(programs, 8, passes);
    expect(passes.mock.calls).toEqual([[program, GROUPS]]);
    expect([program.shape.tile, program.levels, program.kernels]).toEqual([8, allAt('simd'), KERNELS]);
    expect(program.module).toBeDefined();
    expect([programIn(programs, 8, passes), programIn(programs, 16, passes)]).toEqual([program, programs[0]]);
    expect(passes).toHaveBeenCalledTimes(1);
  });

  it('leaves it to their twins, of the same levels, where one fails', () => {
    const program = programIn(tested(), 32, failing({ simd: ['q15'] }));
    expect([program.levels, program.module]).toEqual([allAt('simd'), undefined]);
  });
});
