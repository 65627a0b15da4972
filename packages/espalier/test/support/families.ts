// Tiny models of the families, with the tokenizer that each is used with, over the words of the command line's tasks.
import type { Model } from '../../src/models/model.js';
import { parseConfig } from '../../src/models/config.js';
import { randomParts } from '../../src/models/initialise.js';
import { tinyBert, words } from './cli.js';
import { type TinyPiece, tinySentencePiece } from './sentencepiece.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Byte-level pairs that know the letters and, put together from left to right, the words of the texts. */
function bytePairs(): Map<string, Uint8Array> {
  const chains = ['the', ...['pears', 'were', 'very', 'sweet', 'sour'].map((word) => `Ġ${word}`)];
  const merges = new Set(
    chains.flatMap((word) =>
      Array.from({ length: word.length - 1 }, (_, i) => `${word.slice(0, i + 1)} ${word[i + 1]!}`),
    ),
  );
  const merged = [...merges].map((merge) => merge.replace(' ', ''));
  const letters = ['Ġ', ...'abcdefghijklmnopqrstuvwxyz.'.split('')];
  const pieces = ['<s>', '<pad>', '</s>', '<unk>', ...letters, ...merged, '<mask>'];
  const vocabulary = Object.fromEntries(pieces.map((piece, id) => [piece, id]));
  return new Map([
    ['vocab.json', bytes(JSON.stringify(vocabulary))],
    ['merges.txt', bytes(`#version: 0.2\n${[...merges].join('\n')}\n`)],
  ]);
}

/** A lone spiece.model of whole words and `.`. */
function sentencePiece(): Map<string, Uint8Array> {
  const whole = ['the', 'pears', 'were', 'very', 'sweet', 'sour', 'not'].map(
    (word) => [`▁${word}`, -2] as const,
  );
  const pieces: TinyPiece[] = [...whole, ['▁', -3], ['.', -3]];
  return new Map([['spiece.model', tinySentencePiece({ pieces })]]);
}

const wordPieces = (): Map<string, Uint8Array> => new Map([['vocab.txt', bytes(`${words.join('\n')}\n`)]]);

const CONFIGS = {
  distilbert: {
    ...{ vocab_size: words.length, dim: 16, n_layers: 2, n_heads: 2, hidden_dim: 32 },
    ...{ max_position_embeddings: 64, initializer_range: 0.2 },
  },
  roberta: { ...tinyBert, vocab_size: 64, type_vocab_size: 1, max_position_embeddings: 66 },
  electra: { ...tinyBert, embedding_size: 8, max_position_embeddings: 64 },
  xlnet: { vocab_size: 16, d_model: 16, n_layer: 2, n_head: 2, d_inner: 32, initializer_range: 0.2 },
} as const;

export type FamilyName = keyof typeof CONFIGS;

/** Other tokenizers than word pieces. */
const TOKENIZERS: Partial<Record<FamilyName, () => Model['tokenizerFiles']>> = {
  roberta: bytePairs,
  xlnet: sentencePiece,
};

/** A random model of the family without a head. */
export function tinyFamily(name: FamilyName): Model {
  const config = parseConfig({ ...CONFIGS[name], model_type: name }, 'config');
  const tensors = randomParts(config, ['embeddings', 'encoder'], 1);
  const tokenizerFiles = (TOKENIZERS[name] ?? wordPieces)();
  return { source: name, family: name, config, tensors, tokenizerFiles };
}
