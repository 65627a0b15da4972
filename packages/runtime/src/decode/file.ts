// A file of the tokenizer, which is one stream.
import { byteSource } from '../format/bytes.js';
import { checkEnd } from '../format/decode-tensor.js';
import type { Section } from '../format/header.js';
import { MOST_FILE_BYTES } from '../format/read-pack.js';
import type { Bound } from './functions.js';
import { decodeStream } from './stream.js';

/** Its bytes, in an array of their own. */
export function decodeFile(bound: Bound, { name }: Section, bytes: Uint8Array): Uint8Array {
  const { arena } = bound;
  const source = byteSource(bytes, name);
  const mark = arena.mark();
  const { at, count } = decodeStream(bound, source, { least: 0, most: MOST_FILE_BYTES }, name);
  arena.release(mark);
  checkEnd(source, name);
  return arena.views().u8.slice(at, at + count);
}
