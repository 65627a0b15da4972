// The encoder in f64, as plainly as can be: dense matrices, one sequence at a time.
import { normalDistribution } from '../../src/kernels/gelu.js';
import type { EncoderWeights, LinearWeights, NormWeights, Table, Tokens } from '../../src/encoder/index.js';

type Rows = number[][];

/** W as [rows][columns]. */
export function denseRows(weights: LinearWeights): Rows {
  const { rows, columns } = weights;
  const dense: Rows = Array.from({ length: rows }, () => new Array<number>(columns).fill(0));
  if (weights.form === 'dense')
    return dense.map((row, r) => row.map((_, c) => weights.values[r * columns + c]!));
  const { rowStart, columns: places } = weights.entries;
  const width = weights.form === 'int8' ? 4 : 1;
  dense.forEach((row, r) => {
    for (let entry = rowStart[r]!; entry < rowStart[r + 1]!; entry++)
      for (let i = 0; i < width; i++) {
        const column = width * places[entry]! + i;
        if (column < columns) row[column] = weights.values[width * entry + i]! * (weights.scales?.[r] ?? 1);
      }
  });
  return dense;
}

const linear = (weights: LinearWeights, xs: Rows): Rows => {
  const dense = denseRows(weights);
  return xs.map((x) =>
    dense.map((row, r) => row.reduce((sum, value, i) => sum + value * x[i]!, weights.bias[r]!)),
  );
};

const sum = (a: Rows, b: Rows): Rows => a.map((row, t) => row.map((value, i) => value + b[t]![i]!));

const norm = ({ gain, bias }: NormWeights, epsilon: number, xs: Rows): Rows =>
  xs.map((x) => {
    const mean = x.reduce((all, value) => all + value, 0) / x.length;
    const variance = x.reduce((all, value) => all + (value - mean) ** 2, 0) / x.length;
    return x.map((value, i) => ((value - mean) / Math.sqrt(variance + epsilon)) * gain[i]! + bias[i]!);
  });

function attend(q: Rows, k: Rows, v: Rows, headSize: number): Rows {
  const out: Rows = q.map((row) => row.map(() => 0));
  for (let first = 0; first < q[0]!.length; first += headSize) {
    const features = Array.from({ length: headSize }, (_, i) => first + i);
    q.forEach((query, t) => {
      const scores = k.map((key) =>
        Math.exp(features.reduce((all, i) => all + query[i]! * key[i]!, 0) / Math.sqrt(headSize)),
      );
      const total = scores.reduce((all, score) => all + score, 0);
      for (const i of features)
        out[t]![i] = scores.reduce((all, score, j) => all + score * v[j]![i]!, 0) / total;
    });
  }
  return out;
}

const row = (table: Table, index: number, hidden: number): number[] =>
  Array.from({ length: hidden }, (_, i) => entry(table, index, i, hidden));

function entry(table: Table, index: number, i: number, hidden: number): number {
  if (table.form === 'f32') return table.values[index * hidden + i]!;
  if (table.form === 'int8') return table.values[index * hidden + i]! * table.scales[index]!;
  const { values, scales, group } = table;
  const byte = values[index * Math.ceil(hidden / 2) + (i >> 1)]!;
  const nibble = i % 2 === 0 ? byte & 15 : byte >> 4;
  return (nibble - 8) * scales[index * Math.ceil(hidden / group) + Math.floor(i / group)]!;
}

/** Hidden states, [tokens][hidden]. */
export function referenceHidden(weights: EncoderWeights, { ids, typeIds }: Tokens): Rows {
  const { hidden, headSize, epsilon, embeddings } = weights;
  const { words, positions, types, firstPosition } = embeddings;
  let x: Rows = Array.from(ids, (id, token) => {
    const type = types && row(types, types.rows === 1 ? 0 : (typeIds?.[token] ?? 0), hidden);
    const position = row(positions, firstPosition + token, hidden);
    return row(words, id, hidden).map((value, i) => value + position[i]! + (type?.[i] ?? 0));
  });
  x = norm(embeddings.norm, epsilon, x);
  for (const { attention, attended, attendedNorm, wide, narrow, norm: last } of weights.blocks) {
    const empty: Rows = x.map(() => []);
    const context = attention
      ? attend(linear(attention.query, x), linear(attention.key, x), linear(attention.value, x), headSize)
      : empty;
    const middle = norm(attendedNorm, epsilon, sum(linear(attended, context), x));
    const inner = wide
      ? linear(wide, middle).map((of) => of.map((value) => value * normalDistribution(value)))
      : empty;
    x = norm(last, epsilon, sum(linear(narrow, inner), middle));
  }
  return x;
}

/** Logits of the model's head: [labels], or [tokens][start, end] one after the other. */
export function referenceLogits(weights: EncoderWeights, tokens: Tokens): number[] {
  const { head } = weights;
  const states = referenceHidden(weights, tokens);
  if (head!.kind === 'span') return linear(head!.output, states).flat();
  const { dense, activation, output } = head!;
  const activate = activation === 'tanh' ? Math.tanh : (x: number) => Math.max(0, x);
  return linear(output, [linear(dense, [states[0]!])[0]!.map(activate)])[0]!;
}

/** Distance in L2 over the length of what was expected. */
export function relativeDistance(found: ArrayLike<number>, expected: readonly number[]): number {
  if (found.length !== expected.length) return Infinity;
  const squares = expected.reduce((all, value, i) => all + (found[i]! - value) ** 2, 0);
  return Math.sqrt(squares / expected.reduce((all, value) => all + value ** 2, 0));
}
