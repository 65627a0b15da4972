// Before anything is computed, every kernel runs on a little made-up input in every shape that will be used and is compared
// with its twin. A level that fails is not used: relaxed, then plain SIMD, then the twins themselves.
import type { Params } from '../wasm/assembler.js';
import { type Case, type Output, type Sizes, uniform } from './case.js';
import { CASES } from './cases.js';
import { writeConstants } from './constants.js';
import { createMemory } from './create-memory.js';
import { isWide } from './int8-layout.js';
import { type Level, type Run, type Shape, type Views, viewsOf } from './kernel.js';
import {
  bindProgram,
  bindTwins,
  compileProgram,
  type Group,
  GROUPS,
  type KernelName,
  KERNELS,
  namesIn,
  type Program,
  shapesOf,
} from './program.js';

/** As small as may be, since the twins take the time. */
const SIZES: Sizes = { rows: 3, columns: 11, density: 0.4, tokens: 3, heads: 1 };

/** In the narrowest tile a token more than it holds. */
const sizesFor = ({ tile }: Shape): Sizes => (tile === 8 ? { ...SIZES, tokens: 9 } : SIZES);

const PAGES = 4;
/** Of f32 results, relative to the largest: of another order and of other rounding. */
const TOLERANCE = 1e-5;

/** Whether the results of a case agree in two memories; integers may differ by one, where a half was rounded. */
export const agree = (outputs: readonly Output[], found: Views, expected: Views): boolean =>
  outputs.every(({ type, at, length, tolerance }) => {
    const first = at / found[type].BYTES_PER_ELEMENT;
    const [numbers, wanted] = [found[type], expected[type]];
    let [largest, error] = [0, 0];
    for (let i = first; i < first + length; i++) {
      largest = Math.max(largest, Math.abs(wanted[i]!));
      error = Math.max(error, Math.abs(numbers[i]! - wanted[i]!));
    }
    const scale = type !== 'f32' ? 1 : tolerance ? tolerance * Math.max(1, largest) : TOLERANCE * largest;
    return error <= scale; // not of NaN, which both maxima keep
  });

/** The groups whose kernels give their twins' numbers in every shape. */
export function passing(program: Program, groups: readonly Group[], shared: boolean): Group[] {
  const [memory, other] = [createMemory(PAGES, shared), createMemory(PAGES, shared)] as const;
  const [banks, twins] = [bindProgram(program, memory), bindTwins(program, other)] as const;
  const [found, expected] = [viewsOf(memory), viewsOf(other)];
  const wide = isWide(program.levels.int8);
  const agrees = (name: KernelName): boolean =>
    shapesOf(program, name).every((shape, index) => {
      found.u8.fill(0);
      writeConstants(memory);
      const setup = { shape, sizes: sizesFor(shape), wide, memory: found, random: uniform(1) };
      const { args, outputs }: Case<Params> = CASES[name](setup);
      expected.u8.set(found.u8);
      for (const bank of [banks[index]!, twins[index]!]) (bank[name] as Run<Params>)(args);
      return agree(outputs, found, expected);
    });
  const isUsed = (name: KernelName): boolean => program.kernels.includes(name);
  return groups.filter((group) => namesIn(group).filter(isUsed).every(agrees));
}

/** Compiles the `used` kernels at the best of `levels` at which they work, each group at its own; `scalar` is not asked. */
export function testedProgram(
  shapes: readonly Shape[],
  levels: readonly Level[],
  shared = false,
  passes: typeof passing = passing,
  used: readonly KernelName[] = KERNELS,
): Program {
  const chosen = Object.fromEntries(GROUPS.map((group) => [group, 'scalar'])) as Record<Group, Level>;
  let open: readonly Group[] = GROUPS;
  let program: Program | undefined;
  for (const level of levels) {
    if (open.length === 0) break;
    for (const group of open) chosen[group] = level;
    program = compileProgram(shapes, { ...chosen }, shared, used);
    const found = level === 'scalar' ? open : passes(program, open, shared);
    open = open.filter((group) => !found.includes(group));
  }
  if (program && open.length === 0) return program;
  for (const group of open) chosen[group] = 'scalar';
  return compileProgram(shapes, chosen, shared, used);
}
