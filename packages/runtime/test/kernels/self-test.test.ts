// The self-test: a wrong kernel costs its group a level, not the result.
import '../support/relaxed.js';
import { describe, expect, it } from 'vitest';
import type { Level, Shape } from '../../src/kernels/kernel.js';
import { availableLevels } from '../../src/kernels/levels.js';
import {
  compileProgram,
  exportName,
  type Group,
  GROUPS,
  kernelsAt,
  type Levels,
  type Program,
} from '../../src/kernels/program.js';
import { passing, testedProgram } from '../../src/kernels/self-test.js';
import {
  assemble,
  defineFunction,
  f32,
  f32x4,
  type Params,
  v128,
  type WasmFunction,
} from '../../src/wasm/assembler.js';

const shapes: readonly Shape[] = ([8, 16, 32] as const).map((tile) => ({ tile, headSize: 8 }));
const allAt = (level: Level): Levels => ({ f32: level, q15: level, int8: level, block: level });

/** A program whose sparse product adds this to its first numbers, in one of the shapes. */
function damaged(by: number): Program {
  const program = compileProgram(shapes, allAt('simd'), false);
  const wrong = defineFunction(
    kernelsAt(allAt('simd')).spmmF32.wasm(shapes[0]!, false).params,
    (body, { y, bias }) => {
      body.store(y, f32x4.add(v128.load(bias), f32x4.splat(f32.const(by))));
    },
  );
  const functions: Record<string, WasmFunction<Params, void>> = {};
  for (const [name, kernel] of Object.entries(kernelsAt(allAt('simd'))))
    for (const shape of shapes) functions[exportName(name, shape)] = kernel.wasm(shape, false);
  return { ...program, module: new WebAssembly.Module(assemble({ ...functions, spmmF3216: wrong })) };
}

describe('passing', () => {
  it.each([0.5, NaN])('leaves out the group of a kernel that errs in one shape (%d)', (by) => {
    expect(passing(damaged(by), GROUPS, false)).toEqual(['q15', 'int8', 'block']);
  });

  it.each(availableLevels().filter((level) => level !== 'scalar'))(
    'finds %s right, shared or not',
    (level) => {
      for (const shared of [false, true])
        expect(passing(compileProgram(shapes, allAt(level), shared), GROUPS, shared)).toEqual(GROUPS);
    },
  );
});

describe('testedProgram', () => {
  /** As if these groups failed at a level. */
  const failing =
    (failures: Partial<Record<Level, readonly Group[]>>) =>
    ({ levels }: Program, groups: readonly Group[]): Group[] =>
      groups.filter((group) => !failures[levels[group]]?.includes(group));

  it('takes the best level, group by group', () => {
    const levels = (failures: Partial<Record<Level, readonly Group[]>>): Levels =>
      testedProgram(shapes, ['relaxed', 'simd', 'scalar'], false, failing(failures)).levels;
    expect(levels({})).toEqual(allAt('relaxed'));
    expect(levels({ relaxed: ['int8'] })).toEqual({ ...allAt('relaxed'), int8: 'simd' });
    expect(levels({ relaxed: ['f32', 'int8'], simd: ['f32'] })).toEqual({
      ...allAt('relaxed'),
      f32: 'scalar',
      int8: 'simd',
    });
    expect(levels({ relaxed: GROUPS, simd: GROUPS })).toEqual(allAt('scalar'));
  });

  it('finds every level of this engine right', () => {
    const levels = availableLevels();
    for (const [i, level] of levels.entries())
      expect(testedProgram(shapes, levels.slice(i)).levels).toEqual(allAt(level));
  });
});
