// The encoder's weights from the tensors of a pack, by name. Nothing that is missing or of another shape than the config
// says comes through. This is all that knows of both: `weightsOf` takes a pack and gives arrays.
import {
  type BlockWeights,
  type EncoderWeights,
  type HeadWeights,
  type LinearWeights,
  type NormWeights,
  RuntimeError,
  type Table,
} from '../encoder/index.js';
import { denseOf, type Pack, PackError, type PackTensor } from '../format/index.js';
import type { EncoderConfig } from './config.js';
import { SPAN_HEAD } from './families.js';
import { type Form, layerForm, linearOf } from './linear-form.js';

function tableOf(rows: number, tensor: PackTensor): Table {
  if (tensor.kind === 'int8') return { form: 'int8', rows, values: tensor.data, scales: tensor.scales };
  if (tensor.kind === 'int4')
    return { form: 'int4', rows, values: tensor.data, group: tensor.group, scales: tensor.scales };
  return { form: 'f32', rows, values: denseOf(tensor) };
}

/** Reads tensors whose shape is known beforehand. */
function reader(pack: Pack, form: Form) {
  const { tensors } = pack.header;
  const has = (name: string): boolean => tensors.has(`${name}.weight`);
  const tensor = (name: string, shape: readonly number[]): PackTensor => {
    const found = tensors.get(name)?.shape;
    if (!found) throw new PackError('missing', `expected a tensor ${name}, found none; pack the model again`);
    if (found.join() === shape.join()) return pack.tensor(name);
    throw new RuntimeError(
      'weights',
      `tensor ${name}: expected [${shape.join(', ')}] from the config, found [${found.join(', ')}]; ` +
        'pack the model again',
    );
  };
  const vector = (name: string, length: number): Float32Array => denseOf(tensor(name, [length]));
  return {
    has,
    rowsOf: (name: string): number => tensors.get(`${name}.weight`)!.shape[0] ?? 0,
    norm: (name: string, width: number): NormWeights => ({
      gain: vector(`${name}.weight`, width),
      bias: vector(`${name}.bias`, width),
    }),
    firstRow: (name: string, rows: number, width: number): Float32Array =>
      denseOf(tensor(`${name}.weight`, [rows, width])).subarray(0, width),
    table: (name: string, rows: number, width: number): Table =>
      tableOf(rows, tensor(`${name}.weight`, [rows, width])),
    /** A layer that has lost all its inputs is its bias alone. */
    linear: (name: string, rows: number, columns: number, as?: LinearWeights['form']): LinearWeights => {
      const bias = vector(`${name}.bias`, rows);
      if (columns === 0) return { rows, columns, bias, form: 'dense', values: new Float32Array() };
      const matrix = tensor(`${name}.weight`, [rows, columns]);
      return linearOf(matrix, bias, as ?? layerForm(matrix.kind, form));
    },
  };
}

type Reader = ReturnType<typeof reader>;

function blockOf({ linear, norm }: Reader, config: EncoderConfig, i: number): BlockWeights {
  const { names, hidden, headSize } = config;
  const prefix = `${names.prefix}${i}.`;
  const { query, key, value, attended, attendedNorm, wide, narrow, norm: last } = names.blocks;
  const [width, neurons] = [config.heads[i]! * headSize, config.neurons[i]!];
  const project = (name: string): LinearWeights => linear(prefix + name, width, hidden);
  return {
    ...(width > 0 && { attention: { query: project(query), key: project(key), value: project(value) } }),
    attended: linear(prefix + attended, hidden, width),
    attendedNorm: norm(prefix + attendedNorm, hidden),
    ...(neurons > 0 && { wide: linear(prefix + wide, neurons, hidden) }),
    narrow: linear(prefix + narrow, hidden, neurons),
    norm: norm(prefix + last, hidden),
  };
}

/** The head there is, computed in f32; one for words or for every token's label is none. */
function headOf({ has, linear, rowsOf }: Reader, { names, hidden }: EncoderConfig): HeadWeights | undefined {
  if (has(SPAN_HEAD)) return { kind: 'span', output: linear(SPAN_HEAD, 2, hidden, 'dense') };
  const { dense, activation, output } = names.head;
  if (!has(dense) || !has(output)) return undefined;
  return {
    kind: 'classification',
    dense: linear(dense, hidden, hidden, 'dense'),
    activation,
    output: linear(output, rowsOf(output), hidden, 'dense'),
  };
}

/** Token types; where that of every token is the first, this row alone. */
function typesOf(
  { table, firstRow }: Reader,
  { names, types: rows, hidden }: EncoderConfig,
): Table | undefined {
  if (names.types === 'none') return undefined;
  const name = `${names.embeddings}token_type_embeddings`;
  if (names.types === 'all') return table(name, rows, hidden);
  return { form: 'f32', rows: 1, values: firstRow(name, rows, hidden) };
}

/** Throws PackError where the file is broken, RuntimeError 'weights' where it contradicts its config. */
export function weightsOf(pack: Pack, config: EncoderConfig, form: Form): EncoderWeights {
  const read = reader(pack, form);
  const { names, hidden, headSize, epsilon, firstPosition } = config;
  const { embeddings } = names;
  const words = read.table(`${embeddings}word_embeddings`, config.vocabulary, hidden);
  const positions = read.table(`${embeddings}position_embeddings`, config.positions, hidden);
  const types = typesOf(read, config);
  const norm = read.norm(`${embeddings}LayerNorm`, hidden);
  const blocks = config.heads.map((_, i) => blockOf(read, config, i));
  const head = headOf(read, config);
  return {
    ...{ hidden, headSize, epsilon, blocks },
    embeddings: {
      ...{ words, positions, firstPosition, norm },
      ...(types && { types }),
    },
    ...(head && { head }),
  };
}
