// config.json of a checkpoint, in Hugging Face names and with transformers' defaults. Keys that are not known here
// are kept and written back.
import { z } from 'zod';
import { FormatError } from '../errors.js';
import { CONFIG_NAMES, fromFile, inNamesOfFile, toFile } from './config-names.js';
import { structureProblem, structureSchema } from './structure.js';

const rate = z.number().min(0).max(1);
const count = z.int().positive();

/** Names under which transformers knows the exact, erf-based GELU. */
const EXACT_GELU = ['gelu', 'gelu_python'];

/** How XLNet sums up a sequence. ELECTRA's files have these settings too, and mean nothing here by them. */
const XLNET_SUMMARY = {
  summary_type: 'last',
  summary_use_proj: true,
  summary_activation: 'tanh',
  summary_first_dropout: 0,
};

const labelNames = z.record(z.string(), z.string()).refine(
  (names) => {
    const indices = Object.keys(names);
    return indices.length > 0 && indices.every((_, index) => Object.hasOwn(names, String(index)));
  },
  { error: 'expected the indices 0, 1, 2, ... as keys' },
);

const schema = z
  .looseObject({
    model_type: z.enum(Object.keys(CONFIG_NAMES)),
    architectures: z.array(z.string()).nullish(),
    vocab_size: count.default(30522),
    hidden_size: count.default(768),
    embedding_size: count.optional(),
    num_hidden_layers: count.default(12),
    num_attention_heads: count.default(12),
    intermediate_size: count.default(3072),
    hidden_act: z
      .string()
      .refine((name) => EXACT_GELU.includes(name), {
        error: ({ input }) =>
          `expected "gelu" (exact), found ${JSON.stringify(input)}, which is not supported`,
      })
      .default('gelu'),
    hidden_dropout_prob: rate.default(0.1),
    attention_probs_dropout_prob: rate.default(0.1),
    classifier_dropout: rate.nullish(),
    max_position_embeddings: count.default(512),
    type_vocab_size: count.default(2),
    layer_norm_eps: z.number().positive().default(1e-12),
    pad_token_id: z.int().nonnegative().nullable().default(0),
    initializer_range: z.number().nonnegative().default(0.02),
    id2label: labelNames.nullish(),
    label2id: z.record(z.string(), z.int().nonnegative()).nullish(),
    problem_type: z
      .enum(['regression', 'single_label_classification', 'multi_label_classification'])
      .nullish(),
    // Variants of BERT that compute something else; refused rather than computed wrongly.
    position_embedding_type: z.literal('absolute').nullish(),
    is_decoder: z.literal(false).nullish(),
    add_cross_attention: z.literal(false).nullish(),
    pruned_heads: z.record(z.string(), z.never()).nullish(),
    // Variants of XLNet that do.
    attn_type: z.literal('bi').nullish(),
    untie_r: z.literal(true).nullish(),
    bi_data: z.literal(false).nullish(),
    clamp_len: z.int().max(0).nullish(),
    /** Ours: blocks that have lost heads or neurons. */
    espalier: structureSchema.optional(),
  })
  .refine(({ hidden_size, num_attention_heads }) => hidden_size % num_attention_heads === 0, {
    error: 'expected a multiple of num_attention_heads',
    path: ['hidden_size'],
  })
  .refine(
    ({ d_head, hidden_size, num_attention_heads }) =>
      d_head === undefined || d_head === null || d_head === hidden_size / num_attention_heads,
    { error: 'expected hidden_size / num_attention_heads', path: ['d_head'] },
  )
  .superRefine((config, context) => {
    if (config.model_type !== 'xlnet') return;
    for (const [key, value] of Object.entries(XLNET_SUMMARY)) {
      const found = config[key] ?? value;
      const message = `expected ${JSON.stringify(value)}, found ${JSON.stringify(found)}, which is not supported`;
      if (found !== value) context.addIssue({ code: 'custom', path: [key], message });
    }
  })
  .refine(({ model_type, hidden_size }) => model_type !== 'xlnet' || hidden_size % 2 === 0, {
    error: 'expected an even number: half of the encoded distances are sines, half cosines',
    path: ['hidden_size'],
  })
  .refine(
    ({ model_type, pad_token_id, max_position_embeddings }) =>
      model_type !== 'roberta' || (pad_token_id !== null && max_position_embeddings > pad_token_id + 1),
    { error: 'expected an id, and more positions after it: they count from there', path: ['pad_token_id'] },
  )
  .superRefine((config, context) => {
    const problem = structureProblem(config);
    if (problem) context.addIssue({ code: 'custom', ...problem });
  });

export type ModelConfig = z.infer<typeof schema>;

/** Checks a parsed config.json and fills in defaults. Throws FormatError naming `path`, key, expected and found. */
export function parseConfig(value: unknown, path: string): ModelConfig {
  const parsed = schema.safeParse(fromFile(value));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const message = `${issue.path.map(String).join('.') || 'config'}: ${issue.message}`;
  throw new FormatError(path, inNamesOfFile(value, message));
}

/** Number of labels of the classification head; transformers' default is 2. */
export function labelCount({ id2label, num_labels: legacy }: ModelConfig): number {
  if (id2label) return Object.keys(id2label).length;
  return typeof legacy === 'number' ? legacy : 2;
}

/**
 * The text of config.json: keys sorted as transformers sorts them, weights declared float32, since that is how they
 * are written.
 */
export function formatConfig(config: ModelConfig): string {
  const written: Record<string, unknown> = { ...toFile(config), dtype: 'float32' };
  delete written['torch_dtype']; // the older name of dtype
  const sorted = Object.entries(written).sort(([a], [b]) => (a < b ? -1 : 1));
  return `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`;
}
