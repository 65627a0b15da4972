// Before anything is computed, every kernel runs on a little made-up input in every shape that will be used and is compared
// with its twin. A level that fails is not used: relaxed, then plain SIMD, then the twins themselves.
import type { Params } from '../wasm/assembler.js';
import { attention } from './attention.js';
import { bindable } from './bind.js';
import * as cases from './cases.js';
import { writeConstants } from './constants.js';
import { denseF32 } from './dense-f32.js';
import { gelu } from './gelu.js';
import { int8Form } from './int8.js';
import { type Kernel, type Level, type Shape, type Views, viewsOf } from './kernel.js';
import { addNorm } from './norm.js';
import { quantiseQ15 } from './quantise-q15.js';
import { spmmF32 } from './spmm-f32.js';
import { spmmQ15 } from './spmm-q15.js';

/** Kernels that take one level together. */
export const GROUPS = ['f32', 'q15', 'int8', 'block'] as const;
export type Group = (typeof GROUPS)[number];
export type Levels = Readonly<Record<Group, Level>>;

/** Memories for kernel and twin. */
export type Scratch = readonly [WebAssembly.Memory, WebAssembly.Memory];

export const scratchMemories = (): Scratch => {
  const memory = (): WebAssembly.Memory => new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
  return [memory(), memory()];
};

/** Whether a kernel gives its twin's numbers. */
export type Check = (shape: Shape, level: Level, scratch: Scratch) => boolean;

const SIZES: cases.Sizes = { rows: 5, columns: 23, density: 0.4, tokens: 35 };
const PAGES = 16;
/** Of f32 results, relative to the largest: of another order and of other rounding. */
const TOLERANCE = 1e-5;

/** Whether the results of a case agree in two memories; integers may differ by one, where a half was rounded. */
export const agree = (outputs: readonly cases.Output[], found: Views, expected: Views): boolean =>
  outputs.every(({ type, at, length }) => {
    const bytes = found[type].BYTES_PER_ELEMENT;
    const part = (of: Views): readonly number[] => [...of[type].subarray(at / bytes, at / bytes + length)];
    const wanted = part(expected);
    const scale = type === 'f32' ? TOLERANCE * Math.max(...wanted.map(Math.abs)) : 1;
    return part(found).every((value, i) => Math.abs(value - wanted[i]!) <= scale); // false of NaN too
  });

/** The check of one kernel. */
export const check =
  <P extends Params>(kernel: Kernel<P>, setUp: (setup: cases.Setup) => cases.Case<P>): Check =>
  (shape, level, scratch) => {
    const run = (
      of: Level,
      linear: WebAssembly.Memory,
    ): { memory: Views; outputs: readonly cases.Output[] } => {
      const memory = viewsOf(linear);
      memory.u8.fill(0);
      writeConstants(linear);
      const { args, outputs } = setUp({ memory, shape, sizes: SIZES, random: cases.uniform(1) });
      bindable(kernel, shape, of)(linear)(args);
      return { memory, outputs };
    };
    const [found, expected] = [run(level, scratch[0]), run('scalar', scratch[1])];
    return agree(found.outputs, found.memory, expected.memory);
  };

const CHECKS: Readonly<Record<Group, readonly Check[]>> = {
  f32: [check(spmmF32, cases.spmmF32Case), check(denseF32, cases.denseF32Case)],
  q15: [check(spmmQ15, cases.spmmQ15Case), check(quantiseQ15, (setup) => cases.quantiseCase(setup, 'q15'))],
  int8: [
    (shape, level, scratch) => {
      const { spmm, wide } = int8Form(level);
      return check(spmm, (setup) => cases.spmmInt8Case(setup, wide))(shape, level, scratch);
    },
    (shape, level, scratch) => {
      const { quantise, wide } = int8Form(level);
      const form = wide ? 'pairs' : 'int8';
      return check(quantise, (setup) => cases.quantiseCase(setup, form))(shape, level, scratch);
    },
  ],
  block: [
    check(gelu, cases.geluCase),
    check(addNorm, cases.addNormCase),
    check(attention, cases.attentionCase),
  ],
};

/** The best of the levels that passes every check in every shape; the twins, `scalar`, are not asked. */
export function chooseLevel(
  checks: readonly Check[],
  shapes: readonly Shape[],
  levels: readonly Level[],
  scratch: Scratch,
): Level {
  const passes = (level: Level): boolean =>
    checks.every((check) => shapes.every((shape) => check(shape, level, scratch)));
  return levels.find((level) => level === 'scalar' || passes(level)) ?? 'scalar';
}

/** The level of every group: the best of `levels` that works. */
export function selfTest(shapes: readonly Shape[], levels: readonly Level[]): Levels {
  const scratch = scratchMemories();
  const of = (group: Group): Level => chooseLevel(CHECKS[group], shapes, levels, scratch);
  return { f32: of('f32'), q15: of('q15'), int8: of('int8'), block: of('block') };
}
