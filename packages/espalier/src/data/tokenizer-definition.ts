// Where a tokenizer's definition comes from: tokenizer.json, else a BERT vocab.txt, else the vocab.json and
// merges.txt of byte-level BPE (RoBERTa), else a spiece.model (XLNet). The older layouts are turned into the first,
// the serialisation of Hugging Face tokenizers, with the settings that transformers gives the same files.
import { join } from 'node:path';
import { fromBytePairs, fromVocabTxt } from '@espalier/runtime/tokenizer';
import { z } from 'zod';
import { EspalierError, FormatError } from '../errors.js';
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

/** Finds special tokens in the vocabulary of the file `path`. */
const idIn =
  (path: string) =>
  (vocab: Readonly<Record<string, number>>, token: string): number => {
    const id = vocab[token];
    if (id !== undefined) return id;
    throw new FormatError(path, `expected the special token ${token}, found no such piece`);
  };

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
    return { path, definition: fromVocabTxt(decode(path, txt), config, idIn(path)), config };
  }
  const vocab = files.get('vocab.json');
  const merges = files.get('merges.txt');
  if (vocab && merges) {
    const path = at('vocab.json');
    const pieces = parse(path, vocab, z.record(z.string(), z.int().nonnegative()));
    return { path, definition: fromBytePairs(pieces, decode(at('merges.txt'), merges), idIn(path)), config };
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
