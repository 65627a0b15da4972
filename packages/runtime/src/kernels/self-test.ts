// Before a kernel computes anything, it runs on a little made-up input in the shape that will be used and is compared with its
// twin. A level that fails is not used: relaxed, then plain SIMD, then the twins themselves.
import type { Params } from '../wasm/assembler.js';
import { type Case, type Output, ROUNDED, type Sizes, uniform } from './case.js';
import { CASES } from './cases.js';
import { writeConstants } from './constants.js';
import { createMemory } from './create-memory.js';
import { isWide } from './int8-layout.js';
import { type Level, type Run, type Shape, type Views, viewsOf } from './kernel.js';
import {
  bindProgram,
  compileProgram,
  type Group,
  GROUP_OF,
  GROUPS,
  type KernelName,
  type Program,
  twinsOf,
} from './program.js';

/** As small as may be, since the twins take the time. */
const SIZES: Sizes = { rows: 3, columns: 11, density: 0.4, tokens: 3, heads: 1 };

/** In the narrowest tile a token more than it holds. */
const sizesFor = ({ tile }: Shape): Sizes => (tile === 8 ? { ...SIZES, tokens: 9 } : SIZES);

/** For four arrays of a head's f32 in the widest tile, which are 512 bytes a feature, and the little besides. */
const pagesFor = ({ headSize }: Shape): number => 1 + (headSize >> 6);

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
    const scale = type !== 'f32' ? 1 : tolerance ? tolerance * Math.max(1, largest) : ROUNDED * largest;
    return error <= scale; // not of NaN, which both maxima keep
  });

/** The groups whose kernels give their twins' numbers. */
export function passing(program: Program, groups: readonly Group[]): Group[] {
  const { shape, shared, levels, kernels } = program;
  const pages = pagesFor(shape);
  const [memory, other] = [createMemory(pages, shared), createMemory(pages, shared)];
  const banks = [bindProgram(program, memory), bindProgram(twinsOf(program), other)];
  const [found, expected] = [viewsOf(memory), viewsOf(other)];
  const agrees = (name: KernelName): boolean => {
    found.u8.fill(0);
    writeConstants(memory);
    const { args, outputs }: Case<Params> = CASES[name]({
      ...{ shape, sizes: sizesFor(shape), wide: isWide(levels.int8), memory: found, random: uniform(1) },
    });
    expected.u8.set(found.u8);
    for (const bank of banks) (bank[name] as Run<Params>)(args);
    return agree(outputs, found, expected);
  };
  return groups.filter((group) => kernels.every((name) => GROUP_OF[name] !== group || agrees(name)));
}

/** Compiles the `used` kernels at the best of `levels` at which they work, each group at its own; `scalar` is not asked. */
export function testedProgram(
  shape: Shape,
  levels: readonly Level[],
  shared: boolean,
  used: readonly KernelName[],
  passes = passing,
): Program {
  const chosen = Object.fromEntries(GROUPS.map((group) => [group, 'scalar'])) as Record<Group, Level>;
  let open: readonly Group[] = GROUPS;
  let program: Program | undefined;
  for (const level of levels) {
    if (open.length === 0) break;
    for (const group of open) chosen[group] = level;
    program = compileProgram(shape, { ...chosen }, shared, used);
    const found = level === 'scalar' ? open : passes(program, open);
    open = open.filter((group) => !found.includes(group));
  }
  if (program && open.length === 0) return program;
  for (const group of open) chosen[group] = 'scalar';
  return compileProgram(shape, chosen, shared, used);
}

/** Tested programs of the same kernels and levels, each in another tile width. */
export type Programs = [Program, ...Program[]];

/**
 * That of a width, which is made when it is first asked for. Its levels are those of the first, since weights stand in memory as
 * they want them: where a kernel fails, twins compute all.
 */
export function programIn(programs: Programs, tile: Shape['tile'], passes = passing): Program {
  const made = programs.find(({ shape }) => shape.tile === tile);
  if (made) return made;
  const { shape, levels, shared, kernels } = programs[0];
  const program = compileProgram({ ...shape, tile }, levels, shared, kernels);
  const right = passes(program, GROUPS).length === GROUPS.length;
  const tested = right ? program : twinsOf(program);
  programs.push(tested);
  return tested;
}
