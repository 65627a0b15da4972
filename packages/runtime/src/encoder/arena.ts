// One linear memory, planned before it exists: places are given out first, then it is made as large as they need, and
// what belongs into them is written.
import { CONSTANT_BYTES, writeConstants } from '../kernels/constants.js';
import { type Views, viewsOf } from '../kernels/kernel.js';
import { allocate } from '../wasm/assembler.js';
import { RuntimeError } from './errors.js';

const ALIGNMENT = 64;
const MOST_BYTES = 2 ** 32 - 65536;

export interface Arena {
  /** The address of so many bytes, a multiple of 64. They are zero unless `write` fills them once the memory exists. */
  place(bytes: number, write?: (memory: Views, at: number) => void): number;
  /** The memory with all that was placed. Called once, last. */
  allocate(): WebAssembly.Memory;
}

export function planMemory(): Arena {
  const writes: ((memory: Views) => void)[] = [];
  let top = CONSTANT_BYTES;
  return {
    place(bytes, write) {
      const at = Math.ceil(top / ALIGNMENT) * ALIGNMENT;
      top = at + bytes;
      if (write) writes.push((memory) => write(memory, at));
      return at;
    },
    allocate() {
      if (top > MOST_BYTES)
        throw new RuntimeError(
          'memory',
          `model and batch: expected at most ${MOST_BYTES} bytes, found ${top}; plan for a smaller largest batch`,
        );
      const memory = allocate(top + ALIGNMENT);
      writeConstants(memory);
      const views = viewsOf(memory);
      for (const write of writes) write(views);
      writes.length = 0;
      return memory;
    },
  };
}

export const placeFloats = (arena: Arena, values: Float32Array): number =>
  arena.place(values.byteLength, ({ f32 }, at) => f32.set(values, at / 4));
