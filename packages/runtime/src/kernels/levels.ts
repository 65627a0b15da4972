// What this engine can compile, and what its machine makes of it.
import { assemble, compile, defineFunction, i32, i32x4, i8x16, relaxed } from '../wasm/assembler.js';
import { createMemory } from './create-memory.js';
import { type Level, LEVELS } from './kernel.js';

/** What a lane of four products of 127 and 255 may be where nothing in between is cut off to i16: of 255, and of it as -1. */
const WHOLE = [4 * 127 * 255, 4 * 127 * -1];

const zero = i32x4.splat(0);
const samples = {
  /**
   * Operands that the instruction is not meant for: with them it gives what the machine finds easiest. Sums of two that stop at
   * 2^15 - 1 tell of a machine that takes several instructions for it, and is faster without.
   */
  dot: defineFunction({}, () => {
    const [a, b] = [127, -1].map((value) => i8x16.splat(i32.const(value)));
    return i32x4.extractLane(relaxed.dotAddI8x16(a!, b!, zero), 0);
  }),
  relaxed: defineFunction({}, (body) => void body.let(relaxed.madd(zero, zero, zero))),
  simd: defineFunction({}, (body) => void body.let(zero)),
};

const dotIsWhole = (): boolean =>
  WHOLE.includes(compile({ dot: samples.dot })(createMemory(0, false)).dot({}));

/** The levels that this engine has, best first: each one has the next. Flags and versions are not asked: they lie. */
export function availableLevels(): readonly Level[] {
  const best = LEVELS.findIndex(
    (level) =>
      level === 'scalar' ||
      (WebAssembly.validate(assemble({ sample: samples[level] })) && (level !== 'dot' || dotIsWhole())),
  );
  return LEVELS.slice(best);
}
