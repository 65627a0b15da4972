// How small a sparse model is, by what is counted. The published "40x" (Prune Once for All) counts surviving values of
// the encoder alone; a file also says where they stand and holds everything else.
import { familyOf } from '../models/families.js';
import type { Model } from '../models/model.js';

/** Dense float32 bytes over the bytes of the values, and of the values with their places told in two ways. */
export interface Ratios {
  readonly values: number;
  /** One bit for every weight, zero or not. */
  readonly bitmap: number;
  /** A 16-bit column for every value. */
  readonly indices: number;
}

export interface Size {
  /** The encoder's linear matrices alone, values in float32 and in int8. */
  readonly encoder: { readonly denseF32: number; readonly f32: Ratios; readonly int8: Ratios };
  /** The whole model: other tensors dense, and in int8 where they are matrices. */
  readonly model: {
    readonly denseF32: number;
    /** Fraction of parameters that are not zero. */
    readonly density: number;
    readonly f32: Ratios;
    readonly int8: Ratios;
    /** Dense float32 bytes over those of model.safetensors with gzip. */
    readonly gzip: number;
  };
}

/** Weights of matrices, and what is stored dense beside them. */
interface Counts {
  readonly weights: number;
  readonly nonzero: number;
  /** Bytes that are counted whatever the form. */
  readonly dense?: number;
}

/** Ratios for values of `width` bytes against `denseF32` bytes. */
export function sizeRatios(denseF32: number, { weights, nonzero, dense = 0 }: Counts, width: number): Ratios {
  const values = dense + nonzero * width;
  return {
    values: denseF32 / values,
    bitmap: denseF32 / (values + weights / 8),
    indices: denseF32 / (values + nonzero * 2),
  };
}

/** Sizes of a model; `matrices` are the zero fractions of its encoder matrices, `gzip` bytes of its file. */
export function measureSize(
  { config, tensors }: Model,
  { matrices, nonzero }: { readonly matrices: Readonly<Record<string, number>>; readonly nonzero: number },
  gzip: number,
): Size {
  const { encoderLinear } = familyOf(config);
  const encoder = { weights: 0, nonzero: 0 };
  const rest = { f32: 0, int8: 0 };
  for (const [name, { data, shape }] of tensors) {
    if (encoderLinear.test(name)) {
      encoder.weights += data.length;
      encoder.nonzero += Math.round((1 - matrices[name]!) * data.length);
    } else {
      rest.f32 += 4 * data.length;
      rest.int8 += (shape.length === 2 ? 1 : 4) * data.length;
    }
  }
  const alone = 4 * encoder.weights;
  const whole = alone + rest.f32;
  return {
    encoder: { denseF32: alone, f32: sizeRatios(alone, encoder, 4), int8: sizeRatios(alone, encoder, 1) },
    model: {
      denseF32: whole,
      density: nonzero / (whole / 4),
      f32: sizeRatios(whole, { ...encoder, dense: rest.f32 }, 4),
      int8: sizeRatios(whole, { ...encoder, dense: rest.int8 }, 1),
      gzip: whole / gzip,
    },
  };
}
