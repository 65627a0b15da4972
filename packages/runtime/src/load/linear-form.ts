// Packed matrices as layers of the encoder, each in the form that computes it.
import { type LinearWeights, nonZeros, type SparseRows, wholeBlocks } from '../encoder/index.js';
import { denseOf, f16ToF32, type Kind, type PackTensor } from '../format/index.js';

/**
 * In what layers are computed: f32; q15, 16-bit fixed point; int8, of inputs too. `auto` takes int8 where the file has integers
 * or a codebook, f32 where it has floats.
 */
export const FORMS = ['auto', 'f32', 'q15', 'int8'] as const;
export type Form = (typeof FORMS)[number];

type LayerForm = LinearWeights['form'];

const AUTO: Readonly<Record<Kind, LayerForm>> = {
  f32: 'dense',
  f16: 'dense',
  int8: 'int8',
  int4: 'dense',
  'sparse-int8': 'quads',
  'sparse-codebook': 'quads',
  'sparse-f16': 'f32',
  'sparse-1x4': 'int8',
};

/** How a matrix of a kind is computed; int8 of single values is `quads`. */
export function layerForm(kind: Kind, form: Form): LayerForm {
  if (form === 'auto') return AUTO[kind];
  const sparse = kind.startsWith('sparse');
  if (form === 'int8' && sparse && kind !== 'sparse-1x4') return 'quads';
  return form === 'f32' && !sparse ? 'dense' : form;
}

/** The layer of a matrix [rows, columns]. */
export function linearOf(tensor: PackTensor, bias: Float32Array, form: LayerForm): LinearWeights {
  const rows = bias.length;
  const sized = { rows, columns: tensor.shape[1]!, bias };
  if (form === 'f32' || form === 'q15' || form === 'quads')
    return { ...sized, form, ...singles(tensor, rows) };
  if (form === 'int8') return { ...sized, form, ...blocks(tensor, rows) };
  return { ...sized, form, values: denseOf(tensor) };
}

interface Singles {
  readonly entries: SparseRows;
  readonly values: Float32Array | Int8Array;
  readonly scales?: Float32Array;
}

/** The values that are not zero, one by one. */
function singles(tensor: PackTensor, rows: number): Singles {
  switch (tensor.kind) {
    case 'sparse-int8': {
      const { starts: rowStart, columns, data: values, scales } = tensor;
      return { entries: { rowStart, columns }, values, scales };
    }
    case 'sparse-codebook': {
      const { starts: rowStart, columns, codebook } = tensor;
      return { entries: { rowStart, columns }, values: Float32Array.from(tensor.data, (i) => codebook[i]!) };
    }
    case 'sparse-f16': {
      const { starts: rowStart, columns } = tensor;
      return { entries: { rowStart, columns }, values: f16ToF32(tensor.data) };
    }
    default:
      return nonZeros(denseOf(tensor), rows);
  }
}

interface Blocks {
  readonly entries: SparseRows;
  readonly values: Int8Array;
  readonly scales: Float32Array;
}

/** Blocks of four columns. What is int8 in the file stays as it is, the rest is rounded by the largest of its row. */
function blocks(tensor: PackTensor, rows: number): Blocks {
  if (tensor.kind === 'sparse-1x4') {
    const { starts: rowStart, columns, data: values, scales } = tensor;
    return { entries: { rowStart, columns }, values, scales };
  }
  if (tensor.kind === 'int8') return { ...wholeBlocks(tensor.data, rows), scales: tensor.scales };
  const dense = denseOf(tensor);
  const columns = dense.length / rows;
  const scales = rowScales(dense, rows);
  const values = Int8Array.from(dense, (value, at) => Math.round(value / scales[Math.floor(at / columns)]!));
  return { ...wholeBlocks(values, rows), scales };
}

function rowScales(dense: Float32Array, rows: number): Float32Array {
  const columns = dense.length / rows;
  return Float32Array.from({ length: rows }, (_, row) => {
    const values = dense.subarray(row * columns, (row + 1) * columns);
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return largest === 0 ? 1 : largest / 127;
  });
}
