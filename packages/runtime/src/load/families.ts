// What the families of encoders call their layers and settings, and how their heads begin.

/** Layers of a block, after its number. */
export interface BlockNames {
  readonly query: string;
  readonly key: string;
  readonly value: string;
  readonly attended: string;
  readonly attendedNorm: string;
  readonly wide: string;
  readonly narrow: string;
  readonly norm: string;
}

export interface Family {
  readonly name: string;
  /** Before the names of tables and their LayerNorm. */
  readonly embeddings: string;
  /** Before the number of a block. */
  readonly prefix: string;
  readonly blocks: BlockNames;
  /** Rows of token types that are read: by type, the first one always, or there are none. */
  readonly types: 'all' | 'first' | 'none';
  /** Whether positions count from the one after the padding id. */
  readonly positionsAfterPadding: boolean;
  readonly head: {
    readonly dense: string;
    readonly activation: 'tanh' | 'relu' | 'gelu';
    readonly output: string;
  };
  /** Settings of config.json. */
  readonly settings: {
    readonly hidden: string;
    readonly blocks: string;
    readonly heads: string;
    readonly neurons: string;
    readonly activation: string;
    /** Absent where the family's code fixes it. */
    readonly epsilon?: string;
  };
}

const BERT_BLOCKS: BlockNames = {
  query: 'attention.self.query',
  key: 'attention.self.key',
  value: 'attention.self.value',
  attended: 'attention.output.dense',
  attendedNorm: 'attention.output.LayerNorm',
  wide: 'intermediate.dense',
  narrow: 'output.dense',
  norm: 'output.LayerNorm',
};

const BERT_SETTINGS: Family['settings'] = {
  hidden: 'hidden_size',
  blocks: 'num_hidden_layers',
  heads: 'num_attention_heads',
  neurons: 'intermediate_size',
  activation: 'hidden_act',
  epsilon: 'layer_norm_eps',
};

const bertLike = (name: string) => ({
  name,
  embeddings: `${name}.embeddings.`,
  prefix: `${name}.encoder.layer.`,
  blocks: BERT_BLOCKS,
  settings: BERT_SETTINGS,
});

const bert: Family = {
  ...bertLike('bert'),
  types: 'all',
  positionsAfterPadding: false,
  head: { dense: 'bert.pooler.dense', activation: 'tanh', output: 'classifier' },
};

const roberta: Family = {
  ...bertLike('roberta'),
  types: 'first',
  positionsAfterPadding: true,
  head: { dense: 'classifier.dense', activation: 'tanh', output: 'classifier.out_proj' },
};

const electra: Family = {
  ...bertLike('electra'),
  types: 'all',
  positionsAfterPadding: false,
  head: { dense: 'classifier.dense', activation: 'gelu', output: 'classifier.out_proj' },
};

const distilbert: Family = {
  name: 'distilbert',
  embeddings: 'distilbert.embeddings.',
  prefix: 'distilbert.transformer.layer.',
  blocks: {
    query: 'attention.q_lin',
    key: 'attention.k_lin',
    value: 'attention.v_lin',
    attended: 'attention.out_lin',
    attendedNorm: 'sa_layer_norm',
    wide: 'ffn.lin1',
    narrow: 'ffn.lin2',
    norm: 'output_layer_norm',
  },
  types: 'none',
  positionsAfterPadding: false,
  head: { dense: 'pre_classifier', activation: 'relu', output: 'classifier' },
  settings: {
    hidden: 'dim',
    blocks: 'n_layers',
    heads: 'n_heads',
    neurons: 'hidden_dim',
    activation: 'activation',
  },
};

export const FAMILIES: readonly Family[] = [bert, roberta, distilbert, electra];

/** The head of answer spans, which every family calls the same. */
export const SPAN_HEAD = 'qa_outputs';
