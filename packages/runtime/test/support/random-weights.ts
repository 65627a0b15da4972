// Encoders of random weights, of any shape and form of layers.
import { uniform, type Uniform } from '../../src/kernels/case.js';
import type {
  EncoderWeights,
  HeadWeights,
  LinearWeights,
  NormWeights,
  Table,
} from '../../src/encoder/index.js';

/** About normal, of deviation 1. */
const normal = (random: Uniform): number => {
  const sum = random() + random() + random() + random() - 2;
  return sum * Math.sqrt(3);
};

const numbers = (random: Uniform, length: number, deviation: number): Float32Array =>
  Float32Array.from({ length }, () => deviation * normal(random));

export interface Layer {
  readonly rows: number;
  readonly columns: number;
  readonly form: LinearWeights['form'];
  readonly density: number;
}

export function randomLinear(random: Uniform, { rows, columns, form, density }: Layer): LinearWeights {
  const deviation = 1 / Math.sqrt(Math.max(1, columns * density));
  const sized = { rows, columns, bias: numbers(random, rows, 0.1) };
  if (form === 'dense') return { ...sized, form, values: numbers(random, rows * columns, deviation) };
  const width = form === 'int8' ? 4 : 1;
  const rowStart = new Uint32Array(rows + 1);
  const places: number[] = [];
  for (let row = 0; row < rows; row++) {
    for (let place = 0; place < Math.ceil(columns / width); place++)
      if (random() < density) places.push(place);
    rowStart[row + 1] = places.length;
  }
  const entries = { rowStart, columns: Uint16Array.from(places) };
  if (form !== 'int8') return { ...sized, form, entries, values: numbers(random, places.length, deviation) };
  const values = new Int8Array(4 * places.length);
  places.forEach((place, entry) => {
    for (let i = 0; i < 4; i++)
      if (4 * place + i < columns) values[4 * entry + i] = Math.round(40 * normal(random));
  });
  return { ...sized, form, entries, values, scales: new Float32Array(rows).fill(deviation / 40) };
}

export interface RandomEncoder {
  readonly hidden: number;
  readonly headSize: number;
  /** By block. */
  readonly heads: readonly number[];
  readonly neurons: readonly number[];
  readonly form: LinearWeights['form'];
  readonly density: number;
  readonly vocabulary: number;
  readonly positions: number;
  readonly tables: Table['form'];
  readonly head?: 'classification' | 'span';
}

export const SMALL: RandomEncoder = {
  ...{ hidden: 24, headSize: 8, heads: [3, 3], neurons: [40, 40] },
  ...{ form: 'f32', density: 0.4, vocabulary: 30, positions: 80, tables: 'f32' },
};

const GROUP = 7;

function randomTable(random: Uniform, rows: number, hidden: number, form: Table['form']): Table {
  if (form === 'f32') return { form, rows, values: numbers(random, rows * hidden, 1) };
  const scalesOf = (count: number): Float32Array =>
    numbers(random, count, 0.001).map((value) => 0.02 + value);
  if (form === 'int8') {
    const values = Int8Array.from({ length: rows * hidden }, () => Math.round(40 * normal(random)));
    return { form, rows, values, scales: scalesOf(rows) };
  }
  const values = Uint8Array.from({ length: rows * Math.ceil(hidden / 2) }, () => Math.floor(256 * random()));
  return { form, rows, values, group: GROUP, scales: scalesOf(rows * Math.ceil(hidden / GROUP)) };
}

export function randomEncoder(of: RandomEncoder, seed = 1): EncoderWeights {
  const random = uniform(seed);
  const { hidden, headSize, form, density } = of;
  const norm = (): NormWeights => ({
    gain: numbers(random, hidden, 0.1).map((value) => 1 + value),
    bias: numbers(random, hidden, 0.1),
  });
  const table = (rows: number): Table => randomTable(random, rows, hidden, of.tables);
  const linear = (rows: number, columns: number, is = form): LinearWeights =>
    randomLinear(random, { rows, columns, form: is, density: is === 'dense' ? 1 : density });
  const head = (): HeadWeights =>
    of.head === 'span'
      ? { kind: 'span', output: linear(2, hidden, 'dense') }
      : {
          ...{ kind: 'classification', activation: 'tanh' },
          ...{ dense: linear(hidden, hidden, 'dense'), output: linear(3, hidden, 'dense') },
        };
  return {
    ...{ hidden, headSize, epsilon: 1e-12 },
    embeddings: {
      ...{ words: table(of.vocabulary), positions: table(of.positions), types: table(2) },
      ...{ firstPosition: 0, norm: norm() },
    },
    blocks: of.heads.map((heads, i) => {
      const [attended, neurons] = [heads * headSize, of.neurons[i]!];
      const project = (): LinearWeights => linear(attended, hidden);
      return {
        ...(heads > 0 && { attention: { query: project(), key: project(), value: project() } }),
        ...{ attended: linear(hidden, attended), attendedNorm: norm() },
        ...(neurons > 0 && { wide: linear(neurons, hidden) }),
        ...{ narrow: linear(hidden, neurons), norm: norm() },
      };
    }),
    ...(of.head && { head: head() }),
  };
}

/** A sequence of random ids and types. */
export function randomTokens(random: Uniform, length: number, vocabulary: number) {
  return {
    ids: Int32Array.from({ length }, () => Math.floor(vocabulary * random())),
    typeIds: Uint8Array.from({ length }, () => Math.floor(2 * random())),
  };
}
