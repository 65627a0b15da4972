// How far an embedding table kept its neighbourhoods: the mean fraction of shared nearest neighbours by cosine, before
// and after. It stands for the pictures of Guo et al. (2019, Reweighted Proximal Pruning); since tables are not pruned,
// it measures the drift of continued training.
import { UsageError } from '../errors.js';
import type { HostTensor } from '../tensor/tensor.js';

export interface OverlapOptions {
  /** Neighbours of each piece, itself left out; at most all others. */
  readonly k?: number;
  /** How many pieces are looked at, and among how many neighbours are sought. */
  readonly pieces?: number;
  /** Rows of the tables, most frequent first; default their order. */
  readonly order?: ArrayLike<number>;
}

/**
 * Mean over the pieces of |neighbours before and after| / k; tables are [vocabulary, width]. Throws UsageError for
 * tables of different vocabularies.
 */
export function neighbourOverlap(
  before: HostTensor<'F32'>,
  after: HostTensor<'F32'>,
  { k = 10, pieces = 5000, order }: OverlapOptions = {},
): number {
  const [rows, others] = [before.shape[0]!, after.shape[0]!];
  if (rows !== others) {
    throw new UsageError(
      `neighbour overlap: embedding tables of ${rows} and ${others} rows; both models need one vocabulary`,
    );
  }
  const ids = order ? Int32Array.from(order) : Int32Array.from({ length: rows }, (_, row) => row);
  const chosen = ids.subarray(0, pieces);
  const wanted = Math.min(k, chosen.length - 1);
  if (wanted < 1) {
    throw new UsageError(
      `neighbour overlap: expected two pieces and one neighbour at least, found ${chosen.length} and ${k}`,
    );
  }
  const [first, second] = [before, after].map((table) =>
    nearest(unitRows(table, chosen), chosen.length, wanted),
  );
  let shared = 0;
  for (let piece = 0; piece < chosen.length; piece++) {
    const at = piece * wanted;
    const known = new Set(first!.subarray(at, at + wanted));
    for (const neighbour of second!.subarray(at, at + wanted)) if (known.has(neighbour)) shared++;
  }
  return shared / (chosen.length * wanted);
}

/** The chosen rows at length 1, [ids.length, width]; a row of zeros stays one. */
function unitRows({ shape, data }: HostTensor<'F32'>, ids: Int32Array): Float32Array {
  const width = shape[1]!;
  const units = new Float32Array(ids.length * width);
  for (const [index, id] of ids.entries()) {
    const row = data.subarray(id * width, (id + 1) * width);
    const norm = Math.sqrt(row.reduce((sum, x) => sum + x * x, 0));
    if (norm > 0) for (let i = 0; i < width; i++) units[index * width + i] = row[i]! / norm;
  }
  return units;
}

/** Rows whose products with all others are taken together, so that each other row is read once for all of them. */
const BLOCK = 4;

/** For each of `count` unit rows the `k` others of greatest cosine, [count, k]; of equal ones the first. */
function nearest(units: Float32Array, count: number, k: number): Int32Array {
  const width = units.length / count;
  const found = new Int32Array(count * k);
  const cosines = Array.from({ length: BLOCK }, () => new Float32Array(count));
  for (let start = 0; start < count; start += BLOCK) {
    products(units, width, start, cosines);
    for (let row = start; row < Math.min(count, start + BLOCK); row++) {
      const scores = cosines[row - start]!;
      scores[row] = -Infinity; // not its own neighbour
      greatest(scores, found.subarray(row * k, (row + 1) * k));
    }
  }
  return found;
}

/** cosines[b] = units * units[start + b]; rows past the end repeat the last one. */
function products(units: Float32Array, width: number, start: number, cosines: readonly Float32Array[]): void {
  const count = units.length / width;
  const rowAt = (i: number): number => Math.min(count - 1, start + i) * width;
  const [a, b, c, d] = [rowAt(0), rowAt(1), rowAt(2), rowAt(3)];
  for (let other = 0; other < count; other++) {
    const at = other * width;
    let w = 0;
    let x = 0;
    let y = 0;
    let z = 0;
    for (let i = 0; i < width; i++) {
      const unit = units[at + i]!;
      w += units[a + i]! * unit;
      x += units[b + i]! * unit;
      y += units[c + i]! * unit;
      z += units[d + i]! * unit;
    }
    cosines[0]![other] = w;
    cosines[1]![other] = x;
    cosines[2]![other] = y;
    cosines[3]![other] = z;
  }
}

/** Indices of the greatest scores into `out`, in falling order: insertion, since few of many enter. */
function greatest(scores: Float32Array, out: Int32Array): void {
  let filled = 0;
  for (let index = 0; index < scores.length; index++) {
    const score = scores[index]!;
    if (filled === out.length && score <= scores[out[filled - 1]!]!) continue;
    let place = filled < out.length ? filled++ : filled - 1;
    for (; place > 0 && scores[out[place - 1]!]! < score; place--) out[place] = out[place - 1]!;
    out[place] = index;
  }
}
