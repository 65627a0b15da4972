// From the bytes of one packed tensor to its arrays. Everything is checked before an array is given out: numbers of
// values, ascending columns inside the matrix, finite scales above zero, values that the kind has.
import { type ByteSource, byteSource, nibbleOf } from './bytes.js';
import { ESCAPE } from './encode-tensor.js';
import { bf16ToF32 } from './half.js';
import { PackError } from './pack-error.js';
import { readStream } from './stream.js';
import { type Extent, extentOf, type Kind, type PackTensor, type Shape } from './tensors.js';

export interface TensorForm {
  readonly name: string;
  readonly kind: Kind;
  readonly shape: Shape;
  /** Of `int4`: columns a scale. */
  readonly group?: number | undefined;
}

interface Pattern {
  readonly starts: Uint32Array;
  readonly columns: Uint16Array;
}

function readWords(source: ByteSource, count: number, where: string): Uint16Array {
  const high = readStream(source, count, where);
  const low = readStream(source, count, where);
  return Uint16Array.from(high, (byte, i) => (byte << 8) | low[i]!);
}

function readScales(source: ByteSource, count: number, name: string): Float32Array {
  const scales = bf16ToF32(readWords(source, count, `${name}: scales`));
  const wrong = scales.findIndex((scale) => !(scale > 0 && Number.isFinite(scale)));
  if (wrong < 0) return scales;
  throw new PackError(
    'scale',
    `${name}: scale ${wrong}: expected a finite number above 0, found ${scales[wrong]!}`,
  );
}

function readStarts(source: ByteSource, { rows, columns }: Extent, name: string): Uint32Array {
  const counts = readWords(source, rows, `${name}: row counts`);
  const starts = new Uint32Array(rows + 1);
  for (let row = 0; row < rows; row++) {
    const count = counts[row]!;
    if (count > columns) {
      throw new PackError('count', `${name}: row ${row}: expected at most ${columns} values, found ${count}`);
    }
    starts[row + 1] = starts[row]! + count;
  }
  return starts;
}

/** Row counts and gaps; `columns` are those of the pattern, blocks where it has blocks. */
function readPattern(source: ByteSource, { rows, columns: width }: Extent, name: string): Pattern {
  const starts = readStarts(source, { rows, columns: width }, name);
  const count = starts[rows]!;
  const most = count + rows * Math.floor(width / ESCAPE);
  const gaps = readStream(source, { least: count, most }, `${name}: gaps`);
  const columns = new Uint16Array(count);
  let gap = 0;
  for (let row = 0; row < rows; row++) {
    let column = -1;
    for (let at = starts[row]!; at < starts[row + 1]!; at++) {
      while (gaps[gap] === ESCAPE) {
        column += ESCAPE;
        gap++;
      }
      column += 1 + (gaps[gap++] ?? width);
      if (column >= width) {
        throw new PackError(
          'column',
          `${name}: row ${row}: expected columns below ${width}, found ${column}`,
        );
      }
      columns[at] = column;
    }
  }
  if (gap === gaps.length) return { starts, columns };
  throw new PackError('count', `${name}: expected ${gap} gaps, found ${gaps.length}`);
}

function readInt8(source: ByteSource, count: number, name: string): Int8Array {
  const { buffer, byteOffset } = readStream(source, count, `${name}: values`);
  const values = new Int8Array(buffer, byteOffset, count);
  const wrong = values.indexOf(-128);
  if (wrong < 0) return values;
  throw new PackError('value', `${name}: value ${wrong}: expected -127 to 127, found -128`);
}

function readInt4(source: ByteSource, { rows, columns }: Extent, name: string): Uint8Array {
  const stride = (columns + 1) >>> 1;
  const data = readStream(source, rows * stride, `${name}: values`);
  const wrong = data.findIndex((byte) => (byte & 15) === 0 || byte >>> 4 === 0);
  if (wrong < 0) return data;
  throw new PackError('value', `${name}: byte ${wrong}: expected values from -7 to 7, found -8`);
}

/** Floats as they stand in the file, in place where they are aligned. */
function readFloats(source: ByteSource, count: number, name: string): Float32Array {
  const bytes = source.take(4 * count);
  const { buffer, byteOffset } = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const values = new Float32Array(buffer, byteOffset, count);
  for (let i = 0; i < count; i++) {
    if (Number.isFinite(values[i])) continue;
    throw new PackError('value', `${name}: value ${i}: expected a finite number, found ${values[i]!}`);
  }
  return values;
}

function checkHalves(halves: Uint16Array, name: string): Uint16Array {
  const wrong = halves.findIndex((half) => (half & 0x7c00) === 0x7c00);
  if (wrong < 0) return halves;
  throw new PackError('value', `${name}: value ${wrong}: expected a finite number, found none`);
}

function readHalves(source: ByteSource, count: number, name: string): Uint16Array {
  const bytes = source.take(2 * count);
  const { buffer, byteOffset } = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
  return checkHalves(new Uint16Array(buffer, byteOffset, count), name);
}

/** Two a byte, the first in the lower half. */
function readIndices(source: ByteSource, count: number, name: string): Uint8Array {
  const pairs = readStream(source, (count + 1) >>> 1, `${name}: values`);
  const indices = new Uint8Array(count);
  for (let i = 0; i < count; i++) indices[i] = nibbleOf(pairs, i);
  return indices;
}

/** A block that ends beyond the matrix has zeros there. */
export function checkLastBlocks(columns: Uint16Array, data: Int8Array, width: number, name: string): void {
  const last = Math.ceil(width / 4) - 1;
  const inside = width - 4 * last;
  if (inside === 4) return;
  columns.forEach((column, block) => {
    if (column === last && data.subarray(4 * block + inside, 4 * block + 4).some((value) => value !== 0)) {
      throw new PackError('column', `${name}: block ${block} has values beyond column ${width}`);
    }
  });
}

function readSparse(source: ByteSource, { kind, name, shape }: TensorForm): PackTensor {
  const { rows, columns } = extentOf(shape);
  const width = kind === 'sparse-1x4' ? Math.ceil(columns / 4) : columns;
  const pattern = readPattern(source, { rows, columns: width }, name);
  const count = pattern.columns.length;
  if (kind === 'sparse-codebook') {
    const codebook = readFloats(source, 16, `${name}: codebook`);
    return { kind, shape, ...pattern, codebook, data: readIndices(source, count, name) };
  }
  if (kind === 'sparse-f16') {
    const data = checkHalves(readWords(source, count, `${name}: values`), name);
    return { kind, shape, ...pattern, data };
  }
  const scales = readScales(source, rows, name);
  if (kind !== 'sparse-1x4') {
    return { kind: 'sparse-int8', shape, ...pattern, scales, data: readInt8(source, count, name) };
  }
  const data = readInt8(source, 4 * count, name);
  checkLastBlocks(pattern.columns, data, columns, name);
  return { kind, shape, ...pattern, scales, data };
}

function read(source: ByteSource, form: TensorForm): PackTensor {
  const { kind, name, shape } = form;
  const extent = extentOf(shape);
  const { rows, columns } = extent;
  switch (kind) {
    case 'f32':
      return { kind, shape, data: readFloats(source, rows * columns, name) };
    case 'f16':
      return { kind, shape, data: readHalves(source, rows * columns, name) };
    case 'int8': {
      const scales = readScales(source, rows, name);
      return { kind, shape, scales, data: readInt8(source, rows * columns, name) };
    }
    case 'int4': {
      const group = form.group!; // checked with the header
      const scales = readScales(source, rows * Math.ceil(columns / group), name);
      return { kind, shape, group, scales, data: readInt4(source, extent, name) };
    }
    default:
      return readSparse(source, form);
  }
}

/** Throws where more is left of a section than its padding. */
export function checkEnd(source: ByteSource, name: string): void {
  const { left } = source;
  if (left < ALIGNMENT && source.take(left).every((byte) => byte === 0)) return;
  throw new PackError('count', `${name}: expected its section to end with its values, found more bytes`);
}

/** The tensor whose section is `bytes`, padding included. Throws PackError naming it. */
export function decodeTensor(form: TensorForm, bytes: Uint8Array): PackTensor {
  const source = byteSource(bytes, form.name);
  const tensor = read(source, form);
  checkEnd(source, form.name);
  return tensor;
}

/** Sections begin at multiples of this, after zeros. */
export const ALIGNMENT = 16;
