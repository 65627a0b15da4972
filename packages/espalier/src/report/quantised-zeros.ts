// What rounding to int8 does to zeros: every zero of the float32 weights stays one, and small weights join them.
import { toInt8 } from '../models/int8.js';
import type { Model } from '../models/model.js';

export interface QuantisedZeros {
  /** Weights that are stored as int8, and how many of them are not zero in float32. */
  readonly weights: number;
  readonly nonzero: number;
  /** Weights that are not zero in float32 and zero in int8, in all and by matrix. */
  readonly rounded: number;
  readonly matrices: Readonly<Record<string, number>>;
}

/** Zeros of a model's int8 matrices; undefined where it is not quantised. */
export function quantisedZeros({ tensors, quantisation }: Model): QuantisedZeros | undefined {
  if (!quantisation) return undefined;
  const { layers, tables } = quantisation;
  const scales = [
    ...Object.entries(layers).map(([name, layer]) => [`${name}.weight`, layer.weightScales] as const),
    ...Object.entries(tables).map(([name, table]) => [name, table.scales] as const),
  ];
  const matrices: Record<string, number> = {};
  const total = { weights: 0, nonzero: 0, rounded: 0 };
  for (const [name, own] of scales) {
    const { data } = tensors.get(name)!;
    const quantised = toInt8(data, own);
    let rounded = 0;
    for (let i = 0; i < data.length; i++) {
      if (data[i] === 0) continue;
      total.nonzero++;
      if (quantised[i] === 0) rounded++;
    }
    total.weights += data.length;
    total.rounded += rounded;
    matrices[name] = rounded;
  }
  return { ...total, matrices };
}
