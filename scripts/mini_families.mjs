// Configurations and tokenizers of 4-layer models, 256 wide, of every family, for pre-training from scratch: what
// docs/results.md compares layer dropping on. RoBERTa's vocabulary is GPT-2's byte pairs between RoBERTa's special
// tokens, in GPT-2's order (RoBERTa's own order cannot be made from it).
//
//   node scripts/mini_families.mjs --tokenizers DIR --out DIR
//
// --tokenizers holds bert-base-uncased, gpt2 and xlnet-base-cased.
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { tokenizers: { type: 'string' }, out: { type: 'string' } } });
const from = (...parts) => join(values.tokenizers, ...parts);

const bert = { hidden_size: 256, num_hidden_layers: 4, num_attention_heads: 4, intermediate_size: 1024 };
const FAMILIES = {
  bert: { config: { ...bert, vocab_size: 30522 }, tokenizer: wordPieces },
  distilbert: {
    config: { dim: 256, n_layers: 4, n_heads: 4, hidden_dim: 1024, vocab_size: 30522 },
    tokenizer: wordPieces,
  },
  roberta: {
    config: {
      ...{
        ...bert,
        vocab_size: 50261,
        type_vocab_size: 1,
        max_position_embeddings: 514,
        layer_norm_eps: 1e-5,
      },
      ...{ pad_token_id: 1, bos_token_id: 0, eos_token_id: 2 },
    },
    tokenizer: bytePairs,
  },
  xlnet: {
    config: { d_model: 256, n_layer: 4, n_head: 4, d_inner: 1024, vocab_size: 32000, ff_activation: 'gelu' },
    tokenizer: (folder) => cpSync(from('xlnet-base-cased', 'spiece.model'), join(folder, 'spiece.model')),
  },
};

function wordPieces(folder) {
  cpSync(from('bert-base-uncased', 'vocab.txt'), join(folder, 'vocab.txt'));
}

function bytePairs(folder) {
  const vocabulary = JSON.parse(readFileSync(from('gpt2', 'vocab.json'), 'utf8'));
  const pieces = Object.keys(vocabulary)
    .filter((piece) => piece !== '<|endoftext|>')
    .sort((a, b) => vocabulary[a] - vocabulary[b]);
  const all = ['<s>', '<pad>', '</s>', '<unk>', ...pieces, '<mask>'];
  const ids = Object.fromEntries(all.map((piece, id) => [piece, id]));
  writeFileSync(join(folder, 'vocab.json'), JSON.stringify(ids));
  cpSync(from('gpt2', 'merges.txt'), join(folder, 'merges.txt'));
}

for (const [name, { config, tokenizer }] of Object.entries(FAMILIES)) {
  const folder = join(values.out, name);
  if (!existsSync(folder)) mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'config.json'), `${JSON.stringify({ model_type: name, ...config }, null, 2)}\n`);
  tokenizer(folder);
}
