// A WordPiece vocabulary for the garden language, and the config of a BERT small enough for its demo. The letters
// are pieces too, so no text in plain letters is unknown; regular inflections are left to their suffixes.
import { readDefinition } from '../tokenizer-definition.js';

const specials = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const punctuation = Array.from('.,?!:;\'"()-');
const alphanumeric = Array.from('abcdefghijklmnopqrstuvwxyz0123456789');
const suffixes = ['s', 'es', 'd', 'ed', 'ing', 'er', 'ly'];

/** Entries of vocab.txt for the words of `texts`, most useful order first: specials, characters, then words. */
export function buildVocabulary(texts: Iterable<string>): string[] {
  const words = new Set<string>();
  for (const text of texts) for (const [word] of text.toLowerCase().matchAll(/[a-z]{2,}/g)) words.add(word);
  const inflected = (word: string): boolean =>
    suffixes.some((suffix) => word.endsWith(suffix) && words.has(word.slice(0, -suffix.length)));
  const pieces = [...alphanumeric, ...suffixes].map((piece) => `##${piece}`);
  const whole = [...words].filter((word) => !inflected(word)).sort();
  return [...new Set([...specials, ...punctuation, ...alphanumeric, ...pieces, ...whole])];
}

/** The files of a lower-casing BERT tokenizer with these pieces. */
export function tokenizerFilesOf(vocabulary: readonly string[], maxLength: number): Map<string, Uint8Array> {
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
  const config = {
    tokenizer_class: 'BertTokenizer',
    do_lower_case: true,
    model_max_length: maxLength,
    pad_token: '[PAD]',
    unk_token: '[UNK]',
    cls_token: '[CLS]',
    sep_token: '[SEP]',
    mask_token: '[MASK]',
  };
  const files = new Map([
    ['vocab.txt', encode(`${vocabulary.join('\n')}\n`)],
    ['tokenizer_config.json', encode(`${JSON.stringify(config, null, 2)}\n`)],
  ]);
  const { definition } = readDefinition(files, 'garden');
  return files.set('tokenizer.json', encode(`${JSON.stringify(definition, null, 2)}\n`));
}

/** config.json of a tiny BERT over `vocabSize` pieces, in Hugging Face names. */
export const tinyBertConfig = (vocabSize: number, maxLength: number) => ({
  architectures: ['BertForPreTraining'],
  model_type: 'bert',
  vocab_size: vocabSize,
  hidden_size: 128,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  intermediate_size: 512,
  hidden_act: 'gelu',
  hidden_dropout_prob: 0.1,
  attention_probs_dropout_prob: 0.1,
  max_position_embeddings: maxLength,
  type_vocab_size: 2,
  initializer_range: 0.02,
  layer_norm_eps: 1e-12,
  pad_token_id: 0,
});
