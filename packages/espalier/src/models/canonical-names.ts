// From the tensors of a file to one set of names: checkpoints of other ages and classes differ in prefix,
// layer-normalisation names, saved buffers and the tied decoder. Everything becomes F32.
import { FormatError } from '../errors.js';
import { toF32 } from '../tensor/half.js';
import type { HostTensor } from '../tensor/tensor.js';
import type { Family } from './encoder.js';

/** Buffers that older versions of transformers saved; they hold no weights. */
const BUFFER = /(^|\.)embeddings\.(position_ids|token_type_ids)$/;

/** Older files say gamma and beta in layer normalisation; files of the bare encoder lack the prefix. */
function canonicalName({ bare, prefix }: Family, name: string): string {
  const renamed = name
    .replace(/LayerNorm\.gamma$/, 'LayerNorm.weight')
    .replace(/LayerNorm\.beta$/, 'LayerNorm.bias');
  return bare.test(renamed) ? `${prefix}${renamed}` : renamed;
}

function removeTied({ ties }: Family, tensors: Map<string, HostTensor<'F32'>>, path: string): void {
  for (const [copy, original] of ties) {
    const found = tensors.get(copy);
    if (!found) continue;
    const source = tensors.get(original);
    if (source?.data.length !== found.data.length || !found.data.every((x, i) => x === source.data[i])) {
      throw new FormatError(
        path,
        `tensor "${copy}": expected the values of "${original}", to which it is tied; found others, which is not supported`,
      );
    }
    tensors.delete(copy);
  }
}

/** Throws FormatError naming `path` and the tensor where a weight is NaN or infinite: no score of such a model means anything. */
export function checkFinite(name: string, { data }: HostTensor<'F32'>, path: string): void {
  for (let i = 0; i < data.length; i++) {
    if (Number.isFinite(data[i])) continue;
    throw new FormatError(
      path,
      `tensor ${JSON.stringify(name)}: expected finite float32 numbers, found ${data[i]!} at index ${i} of ${data.length}; ` +
        'the file is damaged or its training diverged, take another copy or train it again',
    );
  }
}

/**
 * The weights of a file under their present names, in F32. Throws FormatError naming `path` and the tensor
 * for a name that arises twice, a tensor that is not of finite floats, and an untied decoder.
 */
export function canonicalTensors(
  family: Family,
  raw: ReadonlyMap<string, HostTensor>,
  path: string,
): Map<string, HostTensor<'F32'>> {
  const tensors = new Map<string, HostTensor<'F32'>>();
  for (const [rawName, tensor] of raw) {
    if (BUFFER.test(rawName)) continue;
    const name = canonicalName(family, rawName);
    if (tensors.has(name))
      throw new FormatError(path, `tensor "${name}": expected once, found under two names`);
    if (!/^(B?F16|F32|F64)$/.test(tensor.dtype)) {
      throw new FormatError(
        path,
        `tensor ${JSON.stringify(rawName)}: expected floats, found ${tensor.dtype}`,
      );
    }
    const weights = toF32(tensor);
    checkFinite(rawName, weights, path);
    tensors.set(name, weights);
  }
  removeTied(family, tensors, path);
  return tensors;
}
