// Where a tokenizer's definition comes from: tokenizer.json, else a BERT vocab.txt, else the vocab.json and
// merges.txt of byte-level BPE (RoBERTa), else a spiece.model (XLNet). The older layouts are turned into the first,
// the serialisation of Hugging Face tokenizers, with the settings that transformers gives the same files.
import { join } from 'node:path';
import { z } from 'zod';
import { EspalierError, FormatError } from '../errors.js';
import { special } from './added-token.js';
import { fromSentencePiece } from './sentencepiece.js';

const addedToken = z.looseObject({ id: z.int().nonnegative(), content: z.string() });

const definitionSchema = z.looseObject({
  added_tokens: z.array(addedToken).default([]),
  normalizer: z.looseObject({ type: z.string() }).nullish(),
  post_processor: z.looseObject({ type: z.string() }).nullish(),
  model: z.looseObject({
    /** Piece to id, or for unigram models [piece, score] in the order of ids. */
    vocab: z.union([z.record(z.string(), z.int().nonnegative()), z.array(z.tuple([z.string(), z.number()]))]),
  }),
});

/** A parsed tokenizer.json; fields that are not named here are kept as they are. */
export type TokenizerDefinition = z.infer<typeof definitionSchema>;

const tokenName = z.union([z.string(), z.looseObject({ content: z.string() }).transform((t) => t.content)]);

const configSchema = z.looseObject({
  /** Where absent: true for a vocab.txt, false for a spiece.model. */
  do_lower_case: z.boolean().optional(),
  keep_accents: z.boolean().default(false),
  tokenize_chinese_chars: z.boolean().default(true),
  strip_accents: z.boolean().nullable().default(null),
  cls_token: tokenName.nullish(),
  sep_token: tokenName.nullish(),
  pad_token: tokenName.nullish(),
  mask_token: tokenName.nullish(),
  unk_token: tokenName.nullish(),
});

/** What matters of tokenizer_config.json. */
export type TokenizerConfig = z.infer<typeof configSchema>;

/** The files a tokenizer may be made of; others are not looked at. */
export const tokenizerFiles = [
  'tokenizer.json',
  'tokenizer_config.json',
  'vocab.txt',
  'vocab.json',
  'merges.txt',
  'spiece.model',
] as const;

const decode = (path: string, bytes: Uint8Array): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new FormatError(path, 'expected UTF-8 text, found other bytes; fetch the file again', { cause });
  }
};

function parse<T>(path: string, bytes: Uint8Array, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(decode(path, bytes));
  } catch (cause) {
    if (cause instanceof FormatError) throw cause;
    throw new FormatError(path, `expected JSON: ${String(cause)}`, { cause });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new FormatError(path, `${issue.path.join('.') || 'the whole file'}: ${issue.message}`);
}

function idOf(path: string, vocab: Readonly<Record<string, number>>, token: string): number {
  const id = vocab[token];
  if (id === undefined)
    throw new FormatError(path, `expected the special token ${token}, found no such piece`);
  return id;
}

function fromVocabTxt(path: string, text: string, config: TokenizerConfig): TokenizerDefinition {
  const pieces = text.split(/\r?\n/);
  if (pieces.at(-1) === '') pieces.pop();
  const vocab: Record<string, number> = Object.fromEntries(pieces.map((piece, id) => [piece, id]));
  const unk = config.unk_token ?? '[UNK]';
  const cls = config.cls_token ?? '[CLS]';
  const sep = config.sep_token ?? '[SEP]';
  const specials = [config.pad_token ?? '[PAD]', unk, cls, sep, config.mask_token ?? '[MASK]'];
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specials.map((token) => special(idOf(path, vocab, token), token)),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: config.tokenize_chinese_chars,
      strip_accents: config.strip_accents,
      lowercase: config.do_lower_case ?? true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'BertProcessing',
      sep: [sep, idOf(path, vocab, sep)],
      cls: [cls, idOf(path, vocab, cls)],
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: unk,
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab,
    },
  };
}

function fromBytePairs(path: string, vocab: Record<string, number>, merges: string): TokenizerDefinition {
  const id = (token: string): number => idOf(path, vocab, token);
  const specials = ['<s>', '<pad>', '</s>', '<unk>'].map((token) => special(id(token), token));
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [...specials, special(id('<mask>'), '<mask>', true)],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: {
      type: 'RobertaProcessing',
      sep: ['</s>', id('</s>')],
      cls: ['<s>', id('<s>')],
      trim_offsets: true,
      add_prefix_space: false,
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: '',
      end_of_word_suffix: '',
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges: merges.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#version')),
    },
  };
}

/** A tokenizer's definition, the file it is from, and what tokenizer_config.json adds. */
export interface FoundDefinition {
  readonly path: string;
  readonly definition: TokenizerDefinition;
  readonly config: TokenizerConfig;
}

/**
 * The definition in `files` (name to bytes), which lie in `directory`. A stored truncation and padding are
 * taken out: lengths are the caller's business. Throws FormatError for a broken file, EspalierError for none.
 */
export function readDefinition(files: ReadonlyMap<string, Uint8Array>, directory: string): FoundDefinition {
  const at = (name: (typeof tokenizerFiles)[number]): string => join(directory, name);
  const configBytes = files.get('tokenizer_config.json') ?? new TextEncoder().encode('{}');
  const config = parse(at('tokenizer_config.json'), configBytes, configSchema);

  const json = files.get('tokenizer.json');
  if (json) {
    const path = at('tokenizer.json');
    const definition = parse(path, json, definitionSchema);
    return { path, definition: { ...definition, truncation: null, padding: null }, config };
  }
  const txt = files.get('vocab.txt');
  if (txt) {
    const path = at('vocab.txt');
    return { path, definition: fromVocabTxt(path, decode(path, txt), config), config };
  }
  const vocab = files.get('vocab.json');
  const merges = files.get('merges.txt');
  if (vocab && merges) {
    const path = at('vocab.json');
    const pieces = parse(path, vocab, z.record(z.string(), z.int().nonnegative()));
    return { path, definition: fromBytePairs(path, pieces, decode(at('merges.txt'), merges)), config };
  }
  const pieces = files.get('spiece.model');
  if (pieces) {
    const path = at('spiece.model');
    return { path, definition: fromSentencePiece(path, pieces, config), config };
  }
  throw new EspalierError(
    `no tokenizer in ${directory}: expected tokenizer.json, or vocab.txt, or vocab.json with merges.txt, or ` +
      `spiece.model, found ${[...files.keys()].join(', ') || 'no file'}`,
  );
}
