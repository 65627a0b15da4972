// A kernel on a memory at one level: WebAssembly, or the twin.
import { assemble, compile, defineFunction, i32, i32x4, type Params, relaxed } from '../wasm/assembler.js';
import { type Kernel, type Level, type Run, type Shape, viewsOf } from './kernel.js';

/** Compiles the kernel; what is returned binds it to memories. Fails where the engine lacks the level. */
export function bindable<P extends Params>(
  { wasm, twin }: Kernel<P>,
  shape: Shape,
  level: Level,
): (memory: WebAssembly.Memory) => Run<P> {
  if (level === 'scalar') {
    const run = twin(shape);
    return (memory) => {
      const views = viewsOf(memory);
      return (args) => run(views, args);
    };
  }
  const bind = compile({ run: wasm(shape, level === 'relaxed') });
  return (memory) => {
    const { run } = bind(memory);
    return (args) => {
      run(args);
    };
  };
}

/** The levels that this engine validates, best first. Flags and versions are not asked: they lie. */
export function availableLevels(): readonly Level[] {
  const zero = i32x4.splat(i32.const(0));
  const sample = {
    relaxed: defineFunction({}, (body) => void body.let(relaxed.madd(zero, zero, zero))),
    simd: defineFunction({}, (body) => void body.let(zero)),
  };
  const validates = (level: 'relaxed' | 'simd'): boolean =>
    WebAssembly.validate(assemble({ sample: sample[level] }));
  return [...(['relaxed', 'simd'] as const).filter(validates), 'scalar'];
}
