// The encoder's parts as sections of a pack, by name. Nothing that is missing or of another shape than the config says comes
// through. This is all that knows of both.
import type { PackedEncoder, PackedLinear, PackedNorm, PackedTable } from '../decode/packed.js';
import { RuntimeError } from '../encoder/index.js';
import { PackError, type PackHeader, type TensorSection } from '../format/index.js';
import type { EncoderConfig } from './config.js';
import { SPAN_HEAD } from './families.js';
import { type Form, layerForm } from './linear-form.js';

/** Finds tensors whose shape is known beforehand. */
function finder({ tensors }: PackHeader, form: Form) {
  const has = (name: string): boolean => tensors.has(`${name}.weight`);
  const tensor = (name: string, shape: readonly number[]): TensorSection => {
    const found = tensors.get(name);
    if (!found) throw new PackError('missing', `expected a tensor ${name}, found none; pack the model again`);
    if (found.shape.join() === shape.join()) return found;
    throw new RuntimeError(
      'weights',
      `tensor ${name}: expected [${shape.join(', ')}] from the config, found [${found.shape.join(', ')}]; ` +
        'pack the model again',
    );
  };
  return {
    has,
    rowsOf: (name: string): number => tensors.get(`${name}.weight`)!.shape[0] ?? 0,
    norm: (name: string, width: number): PackedNorm => ({
      gain: tensor(`${name}.weight`, [width]),
      bias: tensor(`${name}.bias`, [width]),
    }),
    /** Of which the first `used` rows are read. */
    table: (name: string, rows: number, width: number, used = rows): PackedTable => ({
      section: tensor(`${name}.weight`, [rows, width]),
      rows: used,
    }),
    /** A layer that has lost all its inputs is its bias alone. */
    linear: (name: string, rows: number, columns: number, as?: PackedLinear['as']): PackedLinear => {
      const bias = tensor(`${name}.bias`, [rows]);
      if (columns === 0) return { rows, bias, as: 'dense' };
      const matrix = tensor(`${name}.weight`, [rows, columns]);
      return { rows, matrix, bias, as: as ?? layerForm(matrix.kind, form) };
    },
  };
}

type Finder = ReturnType<typeof finder>;

function blockOf(
  { linear, norm }: Finder,
  config: EncoderConfig,
  i: number,
): PackedEncoder['blocks'][number] {
  const { names, hidden, headSize } = config;
  const prefix = `${names.prefix}${i}.`;
  const { query, key, value, attended, attendedNorm, wide, narrow, norm: last } = names.blocks;
  const [width, neurons] = [config.heads[i]! * headSize, config.neurons[i]!];
  const project = (name: string): PackedLinear => linear(prefix + name, width, hidden);
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
function headOf({ has, linear, rowsOf }: Finder, { names, hidden }: EncoderConfig): PackedEncoder['head'] {
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
function typesOf({ table }: Finder, { names, types: rows, hidden }: EncoderConfig): PackedTable | undefined {
  if (names.types === 'none') return undefined;
  return table(`${names.embeddings}token_type_embeddings`, rows, hidden, names.types === 'first' ? 1 : rows);
}

/** Throws PackError 'missing' or RuntimeError 'weights' where the header contradicts its config. */
export function weightsOf(header: PackHeader, config: EncoderConfig, form: Form): PackedEncoder {
  const read = finder(header, form);
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
