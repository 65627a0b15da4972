// Tensors of 16-bit floats, IEEE 754 binary16 (F16) and bfloat16 (BF16), in F32.
import { bf16ToF32, f16ToF32 } from '@espalier/runtime/format';
import { EspalierError } from '../errors.js';
import type { HostTensor } from './tensor.js';

const isDtype = <D extends HostTensor['dtype']>(tensor: HostTensor, dtype: D): tensor is HostTensor<D> =>
  tensor.dtype === dtype;

/** The tensor in F32: itself when it is F32 already. Throws EspalierError when it does not hold floats. */
export function toF32(tensor: HostTensor): HostTensor<'F32'> {
  if (isDtype(tensor, 'F32')) return tensor;
  const { shape } = tensor;
  if (isDtype(tensor, 'F16')) return { dtype: 'F32', shape, data: f16ToF32(tensor.data) };
  if (isDtype(tensor, 'BF16')) return { dtype: 'F32', shape, data: bf16ToF32(tensor.data) };
  if (isDtype(tensor, 'F64')) return { dtype: 'F32', shape, data: Float32Array.from(tensor.data) };
  throw new EspalierError(`expected a tensor of floats (F32, F16, BF16 or F64), found ${tensor.dtype}`);
}
