// What 8-bit quantisation touches, for training and for calibration alike: the linear layers of encoder and pooler,
// which of their outputs are rounded again, and embedding tables where asked for (Prune Once for All, its package).
import { z } from 'zod';
import { UsageError } from '../errors.js';
import { largestMagnitudes, symmetricScale } from '../models/int8.js';
import type { Model } from '../models/model.js';
import type { AffineRange, Quantisation, QuantisedLayer } from '../models/quantisation.js';
import { compilePattern } from './prunable.js';

export const quantisableOptions = {
  weights: z
    .enum(['per-tensor', 'per-channel'])
    .default('per-tensor')
    .describe('one scale for a weight matrix, or one for each of its output units'),
  names: z
    .string()
    .optional()
    .describe('regular expression over parameter names; default: the linear matrices of encoder and pooler'),
  float: z
    .string()
    .default('output\\.dense|out_lin|lin2|layer_2|value|v_lin|embeddings_project|classifier')
    .describe('regular expression over the names of layers whose outputs stay float32'),
  embeddings: z.boolean().default(false).describe('embedding tables in int8 too, one scale a row'),
};

export type QuantisableOptions = z.infer<z.ZodObject<typeof quantisableOptions>>;

export interface QuantisableLayer {
  /** Name without `.weight`. */
  readonly name: string;
  /** Scales of its weights: 1, or one for each row. */
  readonly scales: number;
  /** Whether its output is rounded too. */
  readonly requantise: boolean;
}

export interface Quantisable {
  readonly layers: readonly QuantisableLayer[];
  /** Names of embedding tables. */
  readonly tables: readonly string[];
}

/** Names of embedding tables. */
export const TABLE = /(^|\.)(embeddings\.\w+_embeddings|word_embedding)\.weight$/;

/** Chooses among a model's tensors. `byDefault` is the family's `prunedLinear`. Throws UsageError when none is left. */
export function quantisable(
  tensors: Iterable<{ readonly name: string; readonly shape: readonly number[] }>,
  byDefault: RegExp,
  { weights, names, float, embeddings }: QuantisableOptions,
): Quantisable {
  const wanted = names === undefined ? undefined : compilePattern(names);
  const stays = compilePattern(float);
  const matrices = [...tensors].filter(({ shape }) => shape.length === 2);
  const layers = matrices
    .filter(({ name }) => !TABLE.test(name) && name.endsWith('.weight'))
    .filter(({ name }) => (wanted ?? byDefault).test(name))
    .map(({ name, shape }) => {
      const layer = name.slice(0, -'.weight'.length);
      const scales = weights === 'per-channel' ? shape[0]! : 1;
      return { name: layer, scales, requantise: !stays.test(layer) };
    });
  if (layers.length === 0) {
    throw new UsageError(
      `no linear layer of the model matches ${names ?? byDefault}; "espalier inspect" lists the names`,
    );
  }
  const tables = matrices.filter(({ name }) => embeddings && TABLE.test(name)).map(({ name }) => name);
  return { layers, tables };
}

const inputOf = (layer: string): string => `${layer}.input`;
const outputOf = (layer: string): string => `${layer}.output`;

/** Names of the activations that are rounded. */
export const quantisedSites = ({ layers }: Quantisable): ReadonlySet<string> =>
  new Set(layers.flatMap(({ name, requantise }) => [inputOf(name), ...(requantise ? [outputOf(name)] : [])]));

/** The record of a model, from the largest magnitudes of each matrix and the range of each site. */
export function quantisationOf(
  { layers, tables }: Quantisable,
  { tensors }: Model,
  largest: (tensor: string, scales: number) => Iterable<number>,
  range: (site: string) => AffineRange,
): Quantisation {
  const layer = ({ name, scales, requantise }: QuantisableLayer): QuantisedLayer => ({
    weightScales: Array.from(largest(`${name}.weight`, scales), symmetricScale),
    input: range(inputOf(name)),
    ...(requantise && { output: range(outputOf(name)) }),
  });
  const table = (name: string): { scales: number[] } => {
    const { shape, data } = tensors.get(name)!;
    return { scales: largestMagnitudes(data, shape[0]!).map(symmetricScale) };
  };
  return {
    layers: Object.fromEntries(layers.map((chosen) => [chosen.name, layer(chosen)])),
    tables: Object.fromEntries(tables.map((name) => [name, table(name)])),
  };
}
