// The models and batches of the training benchmark; torch_step.py has the same table.

/** Layers, hidden width, heads, intermediate width, and the batch as rows x tokens. */
export const SIZES = {
  mini: { layers: 4, hidden: 256, heads: 4, intermediate: 1024, rows: 32, tokens: 64 },
  base: { layers: 12, hidden: 768, heads: 12, intermediate: 3072, rows: 8, tokens: 128 },
  large: { layers: 24, hidden: 1024, heads: 16, intermediate: 4096, rows: 4, tokens: 128 },
};

/** The shapes of the inference benchmark; `tiny` is there to see that it works. */
export const SHAPES = {
  'bert-base': SIZES.base,
  minilm: { layers: 6, hidden: 384, heads: 12, intermediate: 1536 },
  tiny: { layers: 2, hidden: 64, heads: 2, intermediate: 128 },
};

/** Tokens of a pre-training sequence, and how many of them are masked. */
export const PRETRAIN = { tokens: 128, masked: 19 };

/** Rows and tokens of a batch. */
export const batchOf = (size, objective) => ({
  rows: SIZES[size].rows,
  tokens: objective === 'pretrain' ? PRETRAIN.tokens : SIZES[size].tokens,
});
