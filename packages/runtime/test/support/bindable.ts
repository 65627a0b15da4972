// One kernel by itself on a memory at one level: WebAssembly, or the twin.
import {
  isRelaxed,
  type Kernel,
  type Level,
  type Run,
  type Shape,
  viewsOf,
} from '../../src/kernels/kernel.js';
import { compile, type Params } from '../../src/wasm/assembler.js';

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
  const bind = compile({ run: wasm(shape, isRelaxed(level)) });
  return (memory) => {
    const { run } = bind(memory);
    return (args) => {
      run(args);
    };
  };
}
