// The tokenizer files of a checkpoint, carried as they are, and what the model must know of them: how many ids they
// can produce. How they tokenise is not known here.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { PadSide } from '../data/example.js';
import { FormatError } from '../errors.js';
import { ioError } from '../io/io-error.js';
import { decodeUtf8, parseJson } from '../io/json.js';

export const TOKENIZER_FILES: readonly string[] = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.txt',
  'vocab.json',
  'merges.txt',
  'spiece.model',
];

export type TokenizerFiles = Map<string, Uint8Array>;

/** Files of which one at least defines a tokenizer; the others only describe it. */
const DEFINITIONS = ['tokenizer.json', 'vocab.txt', 'vocab.json', 'spiece.model'];

export const hasTokenizer = (files: ReadonlyMap<string, Uint8Array>): boolean =>
  DEFINITIONS.some((name) => files.has(name));

/** The tokenizer files a folder holds, by name. */
export async function readTokenizerFiles(folder: string): Promise<TokenizerFiles> {
  const files: TokenizerFiles = new Map();
  const present = new Set(await readdir(folder));
  for (const name of TOKENIZER_FILES.filter((file) => present.has(file))) {
    const path = join(folder, name);
    const bytes = await readFile(path).catch((cause: unknown) => {
      throw ioError(cause, 'reading', path);
    });
    files.set(name, bytes);
  }
  return files;
}

const id = z.int().nonnegative();
const ids = z.record(z.string(), id);
const addedTokens = z.array(z.looseObject({ id })).nullish();
const tokenizerSchema = z.looseObject({
  model: z.looseObject({ vocab: z.union([ids, z.array(z.unknown())]) }),
  added_tokens: addedTokens,
});

const afterLast = (values: Iterable<number>): number => {
  let count = 0;
  for (const value of values) count = Math.max(count, value + 1);
  return count;
};

const lines = (text: string): string[] => text.replace(/\r?\n$/, '').split(/\r?\n/);

function countIds(name: string, bytes: Uint8Array, path: string): number {
  const parse = <T>(schema: z.ZodType<T>): T => {
    const parsed = schema.safeParse(parseJson(decodeUtf8(bytes, path, 'file'), path, 'file'));
    if (parsed.success) return parsed.data;
    const { path: key, message } = parsed.error.issues[0]!;
    throw new FormatError(path, `${key.map(String).join('.')}: ${message}`);
  };
  switch (name) {
    case 'vocab.txt':
      return lines(decodeUtf8(bytes, path, 'file')).length;
    case 'vocab.json':
    case 'added_tokens.json':
      return afterLast(Object.values(parse(ids)));
    case 'tokenizer.json': {
      const { model, added_tokens: added } = parse(tokenizerSchema);
      const pieces = Array.isArray(model.vocab) ? model.vocab.length : afterLast(Object.values(model.vocab));
      return Math.max(pieces, afterLast((added ?? []).map((token) => token.id)));
    }
    default:
      return 0;
  }
}

/**
 * Checks that no id the tokenizer can produce lies outside an embedding table of `vocabularySize` rows. Throws
 * FormatError naming the file.
 */
export function validateVocabulary(files: TokenizerFiles, vocabularySize: number, folder: string): void {
  for (const [name, bytes] of files) {
    const path = join(folder, name);
    const found = countIds(name, bytes, path);
    if (found > vocabularySize) {
      throw new FormatError(
        path,
        `expected at most ${vocabularySize} tokens (vocab_size in config.json), found ${found}; ` +
          'the tokenizer is not the one of this model',
      );
    }
  }
}

/** A tokenizer_config.json for a vocab.txt that came without one; a vocabulary without capitals is uncased. */
function describeWordPiece(vocabulary: string, maxLength: number): string {
  const special = /^\[.*\]$/;
  const cased = lines(vocabulary).some((piece) => !special.test(piece) && /[A-Z]/.test(piece));
  const tokenizer = {
    tokenizer_class: 'BertTokenizer',
    do_lower_case: !cased,
    model_max_length: maxLength,
    cls_token: '[CLS]',
    mask_token: '[MASK]',
    pad_token: '[PAD]',
    sep_token: '[SEP]',
    unk_token: '[UNK]',
  };
  return `${JSON.stringify(tokenizer, null, 2)}\n`;
}

/** One for a tokenizer that pads on the left: XLNet's. transformers 5 gives token types only where they are named. */
function describeXLNet(maxLength: number): string {
  const tokenizer = {
    tokenizer_class: 'XLNetTokenizer',
    padding_side: 'left',
    model_input_names: ['input_ids', 'token_type_ids', 'attention_mask'],
    model_max_length: maxLength,
    cls_token: '<cls>',
    mask_token: '<mask>',
    pad_token: '<pad>',
    sep_token: '<sep>',
    unk_token: '<unk>',
  };
  return `${JSON.stringify(tokenizer, null, 2)}\n`;
}

/**
 * The files to write: those there are, and a tokenizer_config.json where a vocab.txt, or a tokenizer that pads on the
 * left, lacks one.
 */
export function completeTokenizerFiles(
  files: TokenizerFiles,
  { maxLength, padSide }: { readonly maxLength: number; readonly padSide: PadSide },
): TokenizerFiles {
  if (files.has('tokenizer_config.json')) return files;
  const add = (described: string): TokenizerFiles =>
    new Map([...files, ['tokenizer_config.json', new TextEncoder().encode(described)]]);
  const vocabulary = files.get('vocab.txt');
  if (vocabulary) return add(describeWordPiece(decodeUtf8(vocabulary, 'vocab.txt', 'file'), maxLength));
  const left = padSide === 'left' && ['tokenizer.json', 'spiece.model'].some((name) => files.has(name));
  return left ? add(describeXLNet(maxLength)) : files;
}
