// From sections of a packed file to an encoder's memory: by WebAssembly where a kind has a way straight into the layout of its
// kernels, otherwise by the reader and the arrays in TypeScript (fallback.ts), which also tell what is wrong with a section.
import type { Arena } from '../encoder/arena.js';
import type { Linear } from '../encoder/linear.js';
import type { PlacedTable } from '../encoder/tables.js';
import type { LinearWeights, Table } from '../encoder/weights.js';
import type { Section, TensorSection } from '../format/header.js';
import { PackError } from '../format/pack-error.js';
import { checkSection } from '../format/read-pack.js';
import { extentOf, type Kind } from '../format/tensors.js';
import { MOST_COLUMNS } from '../encoder/check-linear.js';
import { isWide } from '../kernels/int8-layout.js';
import type { Levels } from '../kernels/program.js';
import { decodeByteTable, decodeDense, decodeFloatTable, decodeVector, type FloatKind } from './dense.js';
import { decodeFile } from './file.js';
import { type Bound, bindDecoder } from './functions.js';
import { lateTwin } from './late-twin.js';
import { decodeF32, decodeInt8Layer, decodeQ15 } from './sparse.js';
import { checksum } from './stream.js';

type LayerForm = LinearWeights['form'];

/** Now, or after the twin has been loaded. */
export type Soon<A> = A | Promise<A>;

/**
 * Puts sections, one after the other, into the memory that it was made for; what it throws is a PackError that names the
 * section.
 */
export interface Decoder {
  /** The bytes, if they are those of the section. */
  check(section: Section, bytes: Uint8Array): Uint8Array;
  /** A layer whose bias is zero so far. */
  linear(section: TensorSection, bytes: Uint8Array, as: LayerForm): Soon<Linear>;
  table(section: TensorSection, bytes: Uint8Array): Soon<PlacedTable>;
  /** An array that shares no memory. */
  vector(section: TensorSection, bytes: Uint8Array): Soon<Float32Array>;
  file(section: Section, bytes: Uint8Array): Soon<Uint8Array>;
}

const isFloats = (kind: Kind): kind is FloatKind => kind === 'f32' || kind === 'f16';

/** In which form a table of a kind stands. */
export const tableForm = (kind: Kind): Table['form'] => (kind === 'int8' || kind === 'int4' ? kind : 'f32');

function linearBy(
  bound: Bound,
  section: TensorSection,
  bytes: Uint8Array,
  as: LayerForm,
  levels: Levels,
): Linear | undefined {
  const { rows, columns } = extentOf(section.shape);
  const { kind } = section;
  const singles = kind === 'sparse-int8' || kind === 'sparse-codebook' || kind === 'sparse-f16';
  if (singles && as === 'q15') return { form: as, rows, columns, at: decodeQ15(bound, section, bytes) };
  if (singles && as === 'f32') return { form: as, rows, columns, at: decodeF32(bound, section, bytes) };
  // Sparse blocks that reach past the last column are looked at by the twin.
  const blocks = kind === 'int8' ? columns <= MOST_COLUMNS : kind === 'sparse-1x4' && columns % 4 === 0;
  if ((singles && as === 'quads') || (blocks && as === 'int8'))
    return { form: as, rows, columns, at: decodeInt8Layer(bound, section, bytes, isWide(levels.int8)) };
  if (isFloats(kind) && as === 'dense')
    return { form: as, rows, columns, at: decodeDense(bound, section, bytes, kind) };
  return undefined;
}

function tableBy(bound: Bound, section: TensorSection, bytes: Uint8Array): PlacedTable | undefined {
  const { kind } = section;
  if (isFloats(kind)) return decodeFloatTable(bound, section, bytes, kind);
  if (kind === 'int8' || kind === 'int4') return decodeByteTable(bound, section, bytes, kind);
  return undefined;
}

/** Takes the first place of the arena. What has no way of its own or is refused is left to `twin`. */
export function wasmDecoder(arena: Arena, levels: Levels, twin = lateTwin(arena, levels)): Decoder {
  const bound = bindDecoder(arena);
  const orTwin = <A>(straight: () => A | undefined, other: () => Soon<A>): Soon<A> => {
    const mark = arena.mark();
    try {
      const placed = straight();
      if (placed) return placed;
    } catch (error) {
      if (!(error instanceof PackError)) throw error;
    }
    arena.release(mark);
    return other();
  };
  return {
    check: (section, bytes) => checkSection(section, bytes, (of) => checksum(bound, of)),
    linear: (section, bytes, as) =>
      orTwin(
        () => linearBy(bound, section, bytes, as, levels),
        () => twin.linear(section, bytes, as),
      ),
    table: (section, bytes) =>
      orTwin(
        () => tableBy(bound, section, bytes),
        () => twin.table(section, bytes),
      ),
    vector: (section, bytes) =>
      orTwin(
        () => (isFloats(section.kind) ? decodeVector(bound, section, bytes, section.kind) : undefined),
        () => twin.vector(section, bytes),
      ),
    file: (section, bytes) =>
      orTwin(
        () => decodeFile(bound, section, bytes),
        () => twin.file(section, bytes),
      ),
  };
}
