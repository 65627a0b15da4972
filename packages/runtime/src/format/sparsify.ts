// From float32 matrices to their sparse kinds.
import { makeCodebook, nearestEntries } from './codebook.js';
import { PackError } from './pack-error.js';
import { toF16, toInt8 } from './quantise.js';
import { type Extent, extentOf, type PackTensor, type Shape } from './tensors.js';

/** Rows and columns of a sparse matrix are 16-bit numbers. */
export const MOST_SPARSE = 65535;

interface Pattern {
  readonly starts: Uint32Array;
  readonly columns: Uint16Array;
  /** Where the kept values stand in the dense matrix. */
  readonly places: Uint32Array;
}

function checkSparse({ rows, columns }: Extent): void {
  if (rows <= MOST_SPARSE && columns <= MOST_SPARSE) return;
  throw new PackError(
    'column',
    `a sparse matrix has at most ${MOST_SPARSE} rows and columns, found ${rows} x ${columns}`,
  );
}

function patternOf(extent: Extent, width: number, isKept: (at: number) => boolean): Pattern {
  checkSparse(extent);
  const blocks = Math.ceil(extent.columns / width);
  const starts = new Uint32Array(extent.rows + 1);
  const columns: number[] = [];
  const places: number[] = [];
  for (let row = 0; row < extent.rows; row++) {
    for (let block = 0; block < blocks; block++) {
      const from = row * extent.columns + block * width;
      const until = Math.min(from + width, (row + 1) * extent.columns);
      let kept = false;
      for (let at = from; at < until; at++) kept ||= isKept(at);
      if (!kept) continue;
      columns.push(block);
      places.push(from);
    }
    starts[row + 1] = columns.length;
  }
  return { starts, columns: Uint16Array.from(columns), places: Uint32Array.from(places) };
}

/** What is not zero in int8. */
export function toSparseInt8(shape: Shape, values: Float32Array): PackTensor {
  const { scales, data: dense } = toInt8(shape, values);
  const { starts, columns, places } = patternOf(extentOf(shape), 1, (at) => dense[at] !== 0);
  const data = Int8Array.from(places, (at) => dense[at]!);
  return { kind: 'sparse-int8', shape, starts, columns, scales, data };
}

/** Blocks of four columns with a value that is not zero in int8. */
export function toSparse1x4(shape: Shape, values: Float32Array): PackTensor {
  const extent = extentOf(shape);
  const { scales, data: dense } = toInt8(shape, values);
  const { starts, columns, places } = patternOf(extent, 4, (at) => dense[at] !== 0);
  const data = new Int8Array(4 * places.length);
  places.forEach((place, block) => {
    const width = Math.min(4, extent.columns - 4 * columns[block]!);
    data.set(dense.subarray(place, place + width), 4 * block);
  });
  return { kind: 'sparse-1x4', shape, starts, columns, scales, data };
}

export function toSparseF16(shape: Shape, values: Float32Array): PackTensor {
  const { data: dense } = toF16(shape, values);
  const { starts, columns, places } = patternOf(extentOf(shape), 1, (at) => (dense[at]! & 0x7fff) !== 0);
  return { kind: 'sparse-f16', shape, starts, columns, data: Uint16Array.from(places, (at) => dense[at]!) };
}

export function toSparseCodebook(shape: Shape, values: Float32Array): PackTensor {
  const { starts, columns, places } = patternOf(extentOf(shape), 1, (at) => values[at] !== 0);
  const kept = Float32Array.from(places, (at) => values[at]!);
  const codebook = kept.length > 0 ? makeCodebook(kept) : new Float32Array(16);
  return { kind: 'sparse-codebook', shape, starts, columns, codebook, data: nearestEntries(kept, codebook) };
}
