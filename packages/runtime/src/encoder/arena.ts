// One linear memory that is filled from its start and grows as it is: places are given out, never back.
import { CONSTANT_BYTES, writeConstants } from '../kernels/constants.js';
import { createMemory } from '../kernels/create-memory.js';
import { type Views, viewsOf } from '../kernels/kernel.js';
import { PAGE_BYTES } from '../wasm/assembler.js';
import { RuntimeError } from './errors.js';

const ALIGNMENT = 64;
const aligned = (bytes: number): number => ALIGNMENT * Math.ceil(bytes / ALIGNMENT);
/** Kernels may read so far past the end of what they are given. */
const SLACK_BYTES = 64;
/** Pages that are grown by at least, and what part of those there are: engines collect garbage at every growth. */
const LEAST_GROWTH = 64;
const GROWTH = 1 / 8;

export interface Arena {
  readonly memory: WebAssembly.Memory;
  readonly shared: boolean;
  /** The address of so many zeros, a multiple of 64. */
  place(bytes: number): number;
  /** The same, but what stands there may be anything. As any place it may be written up to the next multiple of 64. */
  placeUnset(bytes: number): number;
  /** Makes room for so many more bytes at once. */
  reserve(bytes: number): void;
  /** The memory's numbers. What was returned before the last `place` may be detached. */
  views(): Views;
  /** Gives back what was placed since `mark`, for what is needed only for a while. */
  mark(): number;
  release(mark: number): void;
}

/** `shared` with other threads, where the engine allows it. */
export function createArena(shared = false): Arena {
  const memory = createMemory(LEAST_GROWTH, shared);
  writeConstants(memory);
  let top = CONSTANT_BYTES;
  /** Where what was ever placed ends, a multiple of 64: from there on all is zero. */
  let used = top;
  let views = viewsOf(memory);
  const current = (): Views => {
    if (views.u8.buffer !== memory.buffer) views = viewsOf(memory);
    return views;
  };
  const reach = (end: number, least: number): void => {
    const missing = Math.ceil((end + SLACK_BYTES - memory.buffer.byteLength) / PAGE_BYTES);
    if (missing > 0) grow(memory, Math.max(missing, least));
  };
  const placeUnset = (bytes: number): number => {
    const at = aligned(top);
    top = at + bytes;
    reach(top, Math.max(LEAST_GROWTH, Math.floor((GROWTH * memory.buffer.byteLength) / PAGE_BYTES)));
    used = Math.max(used, aligned(top));
    return at;
  };
  return {
    ...{ memory, shared },
    views: current,
    reserve: (bytes) => {
      reach(top + bytes, 0);
    },
    placeUnset,
    place(bytes) {
      const before = used;
      const at = placeUnset(bytes);
      if (at < before) current().u8.fill(0, at, Math.min(top, before));
      return at;
    },
    mark: () => top,
    release: (mark) => {
      top = mark;
    },
  };
}

function grow(memory: WebAssembly.Memory, pages: number): void {
  try {
    memory.grow(pages);
  } catch {
    throw new RuntimeError(
      'memory',
      `model and batch: found no room for ${pages * PAGE_BYTES} more bytes beside ${memory.buffer.byteLength}; ` +
        'plan for a smaller largest batch',
    );
  }
}

export function placeFloats(arena: Arena, values: Float32Array): number {
  const at = arena.place(values.byteLength);
  arena.views().f32.set(values, at / 4);
  return at;
}
