// config.json: transformers' defaults, what is kept, what is refused; and how a family is recognised.
import { describe, expect, test } from 'vitest';
import { FormatError } from '../../src/errors.js';
import { formatConfig, labelCount, parseConfig } from '../../src/models/config.js';
import { inferFamily } from '../../src/models/infer-family.js';

const bert = { model_type: 'bert' };
const parse = (extra: object): ReturnType<typeof parseConfig> => parseConfig({ ...bert, ...extra }, 'c.json');

describe('parseConfig', () => {
  test('defaults are those of transformers 5.18', () => {
    expect(parse({})).toEqual({
      model_type: 'bert',
      vocab_size: 30522,
      hidden_size: 768,
      num_hidden_layers: 12,
      num_attention_heads: 12,
      intermediate_size: 3072,
      hidden_act: 'gelu',
      hidden_dropout_prob: 0.1,
      attention_probs_dropout_prob: 0.1,
      max_position_embeddings: 512,
      type_vocab_size: 2,
      layer_norm_eps: 1e-12,
      pad_token_id: 0,
      initializer_range: 0.02,
    });
  });

  test('unknown keys are kept and written back, sorted; weights are declared float32', () => {
    const config = parse({ zebra: { stripes: [1] }, torch_dtype: 'float16', dtype: 'float16' });
    const text = formatConfig(config);
    const written = JSON.parse(text) as Record<string, unknown>;
    expect(written).toMatchObject({ zebra: { stripes: [1] }, dtype: 'float32', hidden_size: 768 });
    expect(written).not.toHaveProperty('torch_dtype');
    expect(Object.keys(written)).toEqual(Object.keys(written).sort());
    expect(formatConfig(parseConfig(written, 'c.json'))).toBe(text);
  });

  test('keys named like object properties do no harm', () => {
    const config = parseConfig(
      JSON.parse('{"model_type":"bert","__proto__":{"vocab_size":1},"constructor":1}'),
      'c',
    );
    expect(config.vocab_size).toBe(30522);
    expect(Object.getPrototypeOf(config)).toBe(Object.prototype);
  });

  test.each([
    [{ hidden_size: '4' }, 'hidden_size: Invalid input: expected number, received string'],
    [{ hidden_size: 0 }, 'hidden_size'],
    [{ hidden_size: 10, num_attention_heads: 3 }, 'hidden_size: expected a multiple of num_attention_heads'],
    [{ num_hidden_layers: 1.5 }, 'num_hidden_layers'],
    [{ hidden_dropout_prob: 1.5 }, 'hidden_dropout_prob'],
    [{ layer_norm_eps: 0 }, 'layer_norm_eps'],
    [{ hidden_act: 'relu' }, 'hidden_act: expected "gelu" (exact), found "relu", which is not supported'],
    [{ hidden_act: 'gelu_new' }, 'found "gelu_new"'],
    [{ id2label: { 0: 'a', 2: 'b' } }, 'id2label: expected the indices 0, 1, 2, ... as keys'],
    [{ id2label: {} }, 'id2label'],
    [{ position_embedding_type: 'relative_key' }, 'position_embedding_type'],
    [{ is_decoder: true }, 'is_decoder'],
    [{ pruned_heads: { 0: [1] } }, 'pruned_heads'],
    [{ problem_type: 'guess' }, 'problem_type'],
  ])('%o is refused', (extra, message) => {
    expect(() => parse(extra)).toThrow(FormatError);
    expect(() => parse(extra)).toThrow(message);
    expect(() => parse(extra)).toThrow('c.json');
  });

  test.each([['gelu'], ['gelu_python']])('%s is the exact GELU', (name) => {
    expect(parse({ hidden_act: name }).hidden_act).toBe(name);
  });

  test('number of labels: from id2label, then num_labels, then 2', () => {
    expect(labelCount(parse({}))).toBe(2);
    expect(labelCount(parse({ num_labels: 5 }))).toBe(5);
    expect(labelCount(parse({ id2label: { 0: 'a', 1: 'b', 2: 'c' }, num_labels: 5 }))).toBe(3);
  });
});

describe('the config of DistilBERT', () => {
  const own = {
    model_type: 'distilbert',
    dim: 8,
    n_layers: 3,
    n_heads: 2,
    hidden_dim: 12,
    activation: 'gelu',
    dropout: 0.3,
    attention_dropout: 0.4,
    seq_classif_dropout: 0.5,
    sinusoidal_pos_embds: false,
  };

  test('has the names of BERT in memory and its own in the file', () => {
    const config = parseConfig(own, 'c.json');
    expect(config).toMatchObject({
      hidden_size: 8,
      num_hidden_layers: 3,
      num_attention_heads: 2,
      intermediate_size: 12,
      hidden_dropout_prob: 0.3,
      attention_probs_dropout_prob: 0.4,
      classifier_dropout: 0.5,
      layer_norm_eps: 1e-12,
    });
    const written = JSON.parse(formatConfig(config)) as Record<string, unknown>;
    expect(written).toEqual({
      ...own,
      dtype: 'float32',
      initializer_range: 0.02,
      max_position_embeddings: 512,
      pad_token_id: 0,
      vocab_size: 30522,
    });
  });

  test.each([
    [{ dim: 0 }, 'c.json: dim: '],
    [{ dim: 9 }, 'dim: expected a multiple of n_heads'],
    [{ activation: 'relu' }, 'activation: expected "gelu" (exact), found "relu"'],
  ])('%o is refused by its own name', (extra, message) => {
    expect(() => parseConfig({ ...own, ...extra }, 'c.json')).toThrow(message);
  });
});

test.each([
  ['distilbert', { num_hidden_layers: 6, classifier_dropout: 0.2, hidden_size: 768, vocab_size: 30522 }],
  ['roberta', { vocab_size: 50265, pad_token_id: 1, layer_norm_eps: 1e-12, type_vocab_size: 2 }],
  ['electra', { embedding_size: 128, hidden_size: 256, num_attention_heads: 4, intermediate_size: 1024 }],
  [
    'xlnet',
    {
      ...{ vocab_size: 32000, hidden_size: 1024, num_hidden_layers: 24, num_attention_heads: 16 },
      ...{ intermediate_size: 4096, hidden_act: 'gelu', hidden_dropout_prob: 0.1, classifier_dropout: 0.1 },
      ...{ layer_norm_eps: 1e-12, pad_token_id: 5, initializer_range: 0.02 },
    },
  ],
])('defaults of %s are those of transformers 5.18', (family, expected) => {
  expect(parseConfig({ model_type: family }, 'c.json')).toMatchObject(expected);
});

describe('XLNet', () => {
  const own = {
    d_model: 8,
    n_layer: 2,
    n_head: 2,
    d_head: 4,
    d_inner: 12,
    dropout: 0.4,
    summary_last_dropout: 0.3,
  };

  test('has the names of its own, and nothing of what its code fixes', () => {
    const config = parseConfig({ model_type: 'xlnet', ...own, attn_type: 'bi', clamp_len: -1 }, 'c.json');
    expect(config).toMatchObject({ hidden_size: 8, num_hidden_layers: 2, hidden_dropout_prob: 0.4 });
    const written = JSON.parse(formatConfig(config)) as Record<string, unknown>;
    expect(written).toMatchObject({ ...own, attn_type: 'bi', clamp_len: -1, ff_activation: 'gelu' });
    for (const key of [
      'hidden_size',
      'max_position_embeddings',
      'type_vocab_size',
      'attention_probs_dropout_prob',
    ])
      expect(written).not.toHaveProperty(key);
  });

  test.each([
    [{ attn_type: 'uni' }, 'attn_type: Invalid input: expected "bi"'],
    [{ bi_data: true }, 'bi_data: Invalid input: expected false'],
    [{ clamp_len: 100 }, 'clamp_len: Too big: expected number to be <=0'],
    [{ untie_r: false }, 'untie_r: Invalid input: expected true'],
    [{ summary_type: 'first' }, 'summary_type: expected "last", found "first", which is not supported'],
    [{ summary_use_proj: false }, 'summary_use_proj: expected true, found false'],
    [{ summary_activation: 'gelu' }, 'summary_activation: expected "tanh", found "gelu"'],
    [{ d_head: 8 }, 'd_head: expected d_model / n_head'],
    [{ d_model: 9, n_head: 1, d_head: 9 }, 'd_model: expected an even number'],
    [{ ff_activation: 'relu' }, 'ff_activation: expected "gelu" (exact), found "relu"'],
  ])('with %o computes something else and is refused', (extra, message) => {
    expect(() => parseConfig({ model_type: 'xlnet', ...own, ...extra }, 'c.json')).toThrow(message);
  });
});

test.each([[{ pad_token_id: null }], [{ pad_token_id: 5, max_position_embeddings: 6 }]])(
  'a RoBERTa with %o has no positions and is refused',
  (extra) => {
    expect(() => parseConfig({ model_type: 'roberta', ...extra }, 'c.json')).toThrow(
      'pad_token_id: expected an id',
    );
  },
);

describe('inferFamily', () => {
  const query = 'encoder.layer.0.attention.self.query.weight';

  test.each([
    ['model_type', { model_type: 'bert' }, [], 'bert'],
    ['the architecture', { architectures: ['BertForMaskedLM'] }, [], 'bert'],
    ['the architecture', { architectures: ['DistilBertModel'] }, [], 'distilbert'],
    ['the architecture', { architectures: ['RobertaModel'] }, [], 'roberta'],
    ['tensor names', {}, [`bert.${query}`], 'bert'],
    ['tensor names', {}, [`roberta.${query}`], 'roberta'],
    ['tensor names', {}, [`electra.${query}`], 'electra'],
    ['the architecture', { architectures: ['XLNetLMHeadModel'] }, [], 'xlnet'],
    ['tensor names', {}, ['transformer.layer.0.rel_attn.q'], 'xlnet'],
    ['tensor names of the bare encoder', {}, ['layer.0.rel_attn.q'], 'xlnet'],
    ['tensor names of the bare encoder', { architectures: ['Custom'] }, [query], 'bert'],
  ])('by %s %o', (_, config, names, family) => {
    expect(inferFamily(config, names, 'c.json')).toBe(family);
  });

  test.each([
    [{ model_type: 'albert' }, [], 'xlnet; found "albert", which is not supported yet'],
    [
      { model_type: 'gpt2' },
      [],
      'expected bert, distilbert, roberta, electra, xlnet; found "gpt2", which is not a known family',
    ],
    [{ architectures: ['AlbertModel'] }, [], 'found "albert"'],
    [{}, ['x'], 'found none'],
  ])('%o with tensors %o is refused', (config, names, message) => {
    expect(() => inferFamily(config, names, 'c.json')).toThrow(FormatError);
    expect(() => inferFamily(config, names, 'c.json')).toThrow(message);
  });
});
