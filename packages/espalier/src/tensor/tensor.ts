// Host tensors: a shape, a dtype and a flat row-major typed array. Names of dtypes follow safetensors.

export interface TensorArrays {
  F64: Float64Array;
  F32: Float32Array;
  F16: Uint16Array;
  BF16: Uint16Array;
  I64: BigInt64Array;
  I32: Int32Array;
  I16: Int16Array;
  I8: Int8Array;
  U8: Uint8Array;
  BOOL: Uint8Array;
}

export type Dtype = keyof TensorArrays;

export type Shape = readonly number[];

/** A tensor in host memory. `data.length` is the product of `shape`; F16 and BF16 hold raw bits. */
export interface HostTensor<D extends Dtype = Dtype> {
  readonly dtype: D;
  readonly shape: Shape;
  readonly data: TensorArrays[D];
}

/** Number of elements of a shape; 1 for a scalar. */
export const sizeOf = (shape: Shape): number => shape.reduce((product, extent) => product * extent, 1);

/** An f32 tensor over `data`, or of zeros. Throws RangeError when the data does not fill the shape. */
export function f32(shape: Shape, data: Float32Array = new Float32Array(sizeOf(shape))): HostTensor<'F32'> {
  if (data.length !== sizeOf(shape)) {
    throw new RangeError(
      `f32: shape [${shape.join(', ')}] needs ${sizeOf(shape)} values, found ${data.length}`,
    );
  }
  return { dtype: 'F32', shape, data };
}
