// What makes an int8 model of float32 weights: scales and zero points, kept beside the weights as quantisation.json.
// The scheme is that of Prune Once for All (Zafrir et al., 2021): symmetric int8 weights, affine uint8 activations.
import { z } from 'zod';
import { FormatError } from '../errors.js';
import { readJson } from '../io/json.js';
import type { Shape } from '../tensor/tensor.js';

/** uint8, affine: real = scale * (q - zeroPoint), q in 0..255. */
export interface AffineRange {
  readonly scale: number;
  readonly zeroPoint: number;
}

export interface QuantisedLayer {
  /** int8 [-127..127], symmetric, zero point 0: one scale, or one per output unit (row of [out, in]). */
  readonly weightScales: readonly number[];
  readonly input: AffineRange;
  /** Present where the output is requantised. */
  readonly output?: AffineRange | undefined;
}

export interface Quantisation {
  /** By layer name without `.weight`, e.g. bert.encoder.layer.0.attention.self.query */
  readonly layers: Readonly<Record<string, QuantisedLayer>>;
  /** int8 embedding tables by tensor name: one scale, or one per row. */
  readonly tables: Readonly<Record<string, { readonly scales: readonly number[] }>>;
}

export const QUANTISATION = 'quantisation.json';

const scale = z.number().positive(); // zod's numbers are finite
const range = z.strictObject({ scale, zeroPoint: z.int().min(0).max(255) });

export const quantisationSchema: z.ZodType<Quantisation> = z.strictObject({
  layers: z.record(
    z.string(),
    z.strictObject({ weightScales: z.array(scale).min(1), input: range, output: range.optional() }),
  ),
  tables: z.record(z.string(), z.strictObject({ scales: z.array(scale).min(1) })),
});

/** Shapes of a model's tensors, by name. */
type Shaped = ReadonlyMap<string, { readonly shape: Shape }>;

/**
 * Checks that every name is a matrix of the model and has one scale, or one per row. Throws FormatError naming
 * `path`, the matrix, expected and found.
 */
export function validateQuantisation({ layers, tables }: Quantisation, tensors: Shaped, path: string): void {
  const counts = [
    ...Object.entries(layers).map(([name, layer]) => [`${name}.weight`, layer.weightScales.length] as const),
    ...Object.entries(tables).map(([name, { scales }]) => [name, scales.length] as const),
  ];
  for (const [name, count] of counts) {
    const shown = JSON.stringify(name.slice(0, 80));
    const shape = tensors.get(name)?.shape;
    if (shape?.length !== 2) {
      throw new FormatError(path, `expected names of matrices, found ${shown}; it belongs to another model`);
    }
    const rows = shape[0]!;
    if (count !== 1 && count !== rows) {
      throw new FormatError(
        path,
        `matrix ${shown}: expected 1 scale or ${rows}, one per row, found ${count}`,
      );
    }
  }
}

/** Reads the record and checks it against the model's tensors. Throws FormatError naming the file and the place. */
export async function readQuantisation(path: string, tensors: Shaped): Promise<Quantisation> {
  const parsed = quantisationSchema.safeParse(await readJson(path));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new FormatError(path, `"${issue!.path.map(String).join('.')}": ${issue!.message}`);
  }
  validateQuantisation(parsed.data, tensors, path);
  return parsed.data;
}

export const formatQuantisation = (quantisation: Quantisation): string =>
  `${JSON.stringify(quantisation, null, 1)}\n`;
