// How many attention heads and feed-forward neurons each block has. Where they are the same in every block, the
// ordinary settings of config.json say so; otherwise they stand there under a key of our own, "espalier". The size of
// a head is always hidden_size / num_attention_heads.
import { z } from 'zod';
import type { ModelConfig } from './config.js';

/** Counts by block. */
export interface Structure {
  readonly heads: readonly number[];
  readonly neurons: readonly number[];
}

const counts = z.array(z.int().nonnegative());

/** The key "espalier" of config.json: what is not as the ordinary settings say. */
export const structureSchema = z.strictObject({ heads: counts.optional(), neurons: counts.optional() });

type Sizes = Pick<
  ModelConfig,
  'hidden_size' | 'num_hidden_layers' | 'num_attention_heads' | 'intermediate_size' | 'espalier'
>;

/** What is wrong with the key, if anything: where, and what was expected. */
export function structureProblem(config: Sizes): { path: string[]; message: string } | undefined {
  const limits = { heads: config.num_attention_heads, neurons: config.intermediate_size };
  for (const kind of ['heads', 'neurons'] as const) {
    const found = config.espalier?.[kind];
    if (!found) continue;
    if (found.length === config.num_hidden_layers && found.every((count) => count <= limits[kind])) continue;
    const message =
      `expected ${config.num_hidden_layers} counts, one for each block, of at most ${limits[kind]}; ` +
      `found ${JSON.stringify(found).slice(0, 80)}`;
    return { path: ['espalier', kind], message };
  }
  return undefined;
}

export const headSize = ({ hidden_size, num_attention_heads }: Sizes): number =>
  hidden_size / num_attention_heads;

export function structureOf(config: Sizes): Structure {
  const everywhere = (count: number): number[] => new Array<number>(config.num_hidden_layers).fill(count);
  const { heads = everywhere(config.num_attention_heads), neurons = everywhere(config.intermediate_size) } =
    config.espalier ?? {};
  return {
    heads: heads.slice(0, config.num_hidden_layers),
    neurons: neurons.slice(0, config.num_hidden_layers),
  };
}

/** The config with these counts. Neurons that are equally many everywhere need no key: stock tools read them. */
export function withStructure(before: ModelConfig, { heads, neurons }: Structure): ModelConfig {
  const [wide] = neurons;
  const even = wide! > 0 && neurons.every((count) => count === wide);
  const key = {
    ...(heads.some((count) => count !== before.num_attention_heads) && { heads: [...heads] }),
    ...(!even && { neurons: [...neurons] }),
  };
  const config = { ...before, ...(even && { intermediate_size: wide! }) };
  delete config.espalier;
  return Object.keys(key).length > 0 ? { ...config, espalier: key } : config;
}

/** Whether stock tools cannot read a model of this config. */
export const isRagged = ({ espalier }: Pick<ModelConfig, 'espalier'>): boolean => espalier !== undefined;
