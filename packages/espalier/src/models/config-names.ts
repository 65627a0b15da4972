// What the config.json of each family calls its settings, and transformers' defaults where they differ from BERT's.
// In memory every family has BERT's names; files keep their own.
import { z } from 'zod';

export interface ConfigNames {
  /** Name in memory to name in the file, where they differ. */
  readonly own: Readonly<Record<string, string>>;
  /** By name in memory. */
  readonly defaults: Readonly<Record<string, unknown>>;
  /** Settings that the family's code fixes and its files lack, by name in memory. */
  readonly fixed: Readonly<Record<string, unknown>>;
}

export const CONFIG_NAMES: Readonly<Record<string, ConfigNames>> = {
  bert: { own: {}, defaults: {}, fixed: {} },
  distilbert: {
    own: {
      hidden_size: 'dim',
      num_hidden_layers: 'n_layers',
      num_attention_heads: 'n_heads',
      intermediate_size: 'hidden_dim',
      hidden_act: 'activation',
      hidden_dropout_prob: 'dropout',
      attention_probs_dropout_prob: 'attention_dropout',
      classifier_dropout: 'seq_classif_dropout',
    },
    defaults: { num_hidden_layers: 6, classifier_dropout: 0.2 },
    fixed: { layer_norm_eps: 1e-12, type_vocab_size: 1 },
  },
  roberta: { own: {}, defaults: { vocab_size: 50265, pad_token_id: 1 }, fixed: {} },
  electra: {
    own: {},
    defaults: { embedding_size: 128, hidden_size: 256, num_attention_heads: 4, intermediate_size: 1024 },
    fixed: {},
  },
  xlnet: {
    own: {
      hidden_size: 'd_model',
      num_hidden_layers: 'n_layer',
      num_attention_heads: 'n_head',
      intermediate_size: 'd_inner',
      hidden_act: 'ff_activation',
      hidden_dropout_prob: 'dropout',
      classifier_dropout: 'summary_last_dropout',
    },
    defaults: {
      ...{ vocab_size: 32000, hidden_size: 1024, num_hidden_layers: 24, num_attention_heads: 16 },
      ...{ intermediate_size: 4096, classifier_dropout: 0.1, pad_token_id: 5 },
    },
    // No table sets a limit to the length: 512 is what the published models were trained on. All dropout of the
    // encoder has one rate, that of `dropout`.
    fixed: { max_position_embeddings: 512, type_vocab_size: 3, attention_probs_dropout_prob: 0 },
  },
};

const typed = z.looseObject({ model_type: z.string() });

const isTyped = (config: unknown): config is z.infer<typeof typed> => typed.safeParse(config).success;

const namesOf = (config: unknown): ConfigNames | undefined =>
  isTyped(config) && Object.hasOwn(CONFIG_NAMES, config.model_type)
    ? CONFIG_NAMES[config.model_type]
    : undefined;

/** Settings under their names in memory, with the family's defaults. What is of no known family stays as it is. */
export function fromFile(config: unknown): unknown {
  const names = namesOf(config);
  if (!names || !isTyped(config)) return config;
  const common = new Map(Object.entries(names.own).map(([name, own]) => [own, name]));
  const renamed = Object.entries(config).map(([key, value]) => [common.get(key) ?? key, value]);
  return { ...names.defaults, ...Object.fromEntries(renamed), ...names.fixed };
}

/** Settings under the names of the family's files. */
export function toFile(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { own = {}, fixed = {} } = namesOf(config) ?? {};
  return Object.fromEntries(
    Object.entries(config).flatMap(([name, value]) =>
      Object.hasOwn(fixed, name) ? [] : [[Object.hasOwn(own, name) ? own[name]! : name, value]],
    ),
  );
}

/** A message with the names that stand in the file. */
export const inNamesOfFile = (config: unknown, message: string): string =>
  Object.entries(namesOf(config)?.own ?? {}).reduce(
    (text, [name, own]) => text.replaceAll(name, own),
    message,
  );
