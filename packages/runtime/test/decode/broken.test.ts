// Broken files: WebAssembly refuses what the reader in TypeScript refuses, with the same error, and otherwise has the same
// bytes in its memory. It never traps, and never reads or writes elsewhere.
import { expect, test } from 'vitest';
import { sectionsOf } from '../../src/decode/read-sections.js';
import type { LinearWeights } from '../../src/encoder/weights.js';
import { extentOf, type Kind, PackError, type TensorSection } from '../../src/format/index.js';
import { mutate } from '../format/mutate.js';
import { tinyPack } from '../format/tiny-pack.js';
import { layerBytes, type Side, sides, tableBytes } from '../support/decoders.js';

// scripts/fuzz_pack.mjs --decoder asks for more.
const FILES = Number(process.env['ESPALIER_FUZZ_COUNT'] ?? 1500);
const FIRST = Number(process.env['ESPALIER_FUZZ_FROM'] ?? 0);
const GUARD_BYTES = 4096;

type Form = LinearWeights['form'];

const FORMS: Readonly<Record<Kind, readonly (Form | 'table' | 'vector')[]>> = {
  f32: ['dense', 'table', 'vector'],
  f16: ['dense', 'table', 'vector'],
  int8: ['table', 'int8'],
  int4: ['table'],
  'sparse-int8': ['q15', 'f32', 'quads'],
  'sparse-codebook': ['q15', 'f32'],
  'sparse-f16': ['q15', 'f32'],
  'sparse-1x4': ['int8'],
};

/** What a decoder makes of a section, or the error. */
async function outcome(
  side: Side,
  section: TensorSection,
  bytes: Uint8Array,
  form: Form | 'table' | 'vector',
): Promise<unknown> {
  const { arena, decoder } = side;
  const mark = arena.mark();
  try {
    decoder.check(section, bytes);
    if (form === 'vector') return [...(await decoder.vector(section, bytes))];
    if (form === 'table')
      return tableBytes(side, await decoder.table(section, bytes), extentOf(section.shape).columns);
    return layerBytes(side, await decoder.linear(section, bytes, form), true);
  } catch (error) {
    if (error instanceof PackError) return `${error.code}: ${error.message}`;
    throw error;
  } finally {
    arena.release(mark);
  }
}

/** Matrices alone are layers and tables, small ones here. */
const fits = ({ shape }: TensorSection): boolean =>
  shape.length === 2 && extentOf(shape).rows * extentOf(shape).columns < 1e6;

test(
  `of ${FILES} broken ones every section is refused alike, or read alike`,
  async () => {
    const original = tinyPack();
    const [wasm, twin] = sides('simd', false);
    // What was placed before must stay as it is.
    const guard = wasm.arena.place(GUARD_BYTES);
    const guarded = () => wasm.arena.views().u8.subarray(guard, guard + GUARD_BYTES);
    guarded().fill(0xa5);
    let [read, refused] = [0, 0];
    for (let seed = FIRST; seed < FIRST + FILES; seed++) {
      let parts;
      try {
        parts = [...sectionsOf(mutate(original, seed)).sections];
      } catch (error) {
        if (error instanceof PackError) continue;
        throw error;
      }
      for (const part of parts) {
        if (part.of !== 'tensor') continue;
        const { section, bytes } = part;
        for (const form of FORMS[section.kind]) {
          if (form !== 'vector' && !fits(section)) continue;
          const found = await outcome(wasm, section, bytes, form);
          expect(found, `file ${seed}, ${section.name} as ${form}`).toEqual(
            await outcome(twin, section, bytes, form),
          );
          if (typeof found === 'string') refused++;
          else read++;
        }
      }
    }
    expect(refused).toBeGreaterThan(FILES / 10);
    expect(read).toBeGreaterThan(FILES);
    expect(guarded().every((byte) => byte === 0xa5)).toBe(true);
  },
  Math.max(60_000, 40 * FILES),
);
