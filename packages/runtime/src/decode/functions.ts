// The decoder's WebAssembly functions, compiled once and bound to a memory.
import type { Arena } from '../encoder/arena.js';
import { RuntimeError } from '../encoder/errors.js';
import { TABLES } from '../format/crc32c.js';
import { type Calls, compile } from '../wasm/assembler.js';
import * as checks from './checks.js';
import { crc } from './crc32c.js';
import { FIXED, FIXED_BYTES } from './fixed.js';
import { block, codes } from './huffman.js';
import * as layout from './layout.js';
import { q15 } from './q15.js';
import * as quads from './quads.js';
import { order } from './rows.js';
import * as values from './values.js';

const FUNCTIONS = {
  ...{ ...checks, ...layout, ...values, ...quads },
  ...{ order, q15, crc, codes, block },
};

/** Modules for memories that are shared between threads and for others. */
const compiled = new Map<boolean, ReturnType<typeof compile<typeof FUNCTIONS>>>();

function bindingFor(shared: boolean): ReturnType<typeof compile<typeof FUNCTIONS>> {
  const made = compiled.get(shared) ?? compile(FUNCTIONS, shared);
  compiled.set(shared, made);
  return made;
}

/** An arena and the functions on it. */
export interface Bound {
  readonly arena: Arena;
  readonly calls: Calls<typeof FUNCTIONS>;
}

/** Takes the first place of an arena for the decoder's tables. */
export function bindDecoder(arena: Arena): Bound {
  const at = arena.place(FIXED_BYTES);
  if (at !== FIXED.lengths)
    throw new RuntimeError('option', 'the decoder: expected an empty arena, found one in use');
  arena.views().i32.set(TABLES.subarray(0, 256), FIXED.crc / 4);
  return { arena, calls: bindingFor(arena.shared)(arena.memory) };
}
