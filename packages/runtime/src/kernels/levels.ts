// What this engine can compile.
import { assemble, defineFunction, i32x4, relaxed } from '../wasm/assembler.js';
import type { Level } from './kernel.js';

/** The levels that this engine validates, best first. Flags and versions are not asked: they lie. */
export function availableLevels(): readonly Level[] {
  const zero = i32x4.splat(0);
  const sample = {
    relaxed: defineFunction({}, (body) => void body.let(relaxed.madd(zero, zero, zero))),
    simd: defineFunction({}, (body) => void body.let(zero)),
  };
  const validates = (level: 'relaxed' | 'simd'): boolean =>
    WebAssembly.validate(assemble({ sample: sample[level] }));
  return [...(['relaxed', 'simd'] as const).filter(validates), 'scalar'];
}
