// A tokenised corpus: all tokens in one array, with the borders of sentences and documents.
import { UsageError } from '../../errors.js';
import type { Tokenizer } from '../tokenizer.js';
import { growableInt32, growableUint8 } from './growable.js';
import { continuationTable, specialIds } from './pieces.js';
import { wordEncoder } from './word-encoder.js';

export interface Corpus {
  /** Every token of the text, no special tokens added: [tokens]. */
  readonly ids: Int32Array;
  /** 1 where a token continues the word before it: [tokens]. */
  readonly continues: Uint8Array;
  /** Offset in `ids` of the first token of each sentence, and the end: [sentences + 1]. */
  readonly sentences: Int32Array;
  /** Index in `sentences` of the first sentence of each document, and the end: [documents + 1]. */
  readonly documents: Int32Array;
  readonly vocabSize: number;
  readonly padId: number;
  readonly clsId: number;
  readonly sepId: number;
  readonly maskId: number;
  /** Ids that are never masked. */
  readonly specials: ReadonlySet<number>;
}

/** The id of [MASK]. Throws UsageError for a tokenizer without one. */
export function maskIdOf({ maskId }: Tokenizer): number {
  if (maskId !== undefined) return maskId;
  throw new UsageError(
    'pre-training: expected a tokenizer with a mask token ([MASK] or <mask>), found none\n' +
      'name its mask_token in tokenizer_config.json, or take another tokenizer',
  );
}

/** Tokens between two reports of progress. */
const REPORT_EVERY = 1 << 16;

/** Offsets are 32 bits wide. */
const MAX_TOKENS = 2 ** 31 - 1;

/**
 * Documents as tokens; sentences and documents without any are left out. `onProgress` hears the number of tokens so
 * far. Throws UsageError when the tokenizer has no mask token.
 */
export async function tokeniseCorpus(
  documents: AsyncIterable<readonly string[]> | Iterable<readonly string[]>,
  tokenizer: Tokenizer,
  onProgress?: (tokens: number) => void,
): Promise<Corpus> {
  const maskId = maskIdOf(tokenizer);
  const encode = wordEncoder(tokenizer);
  const continuing = continuationTable(tokenizer);
  const ids = growableInt32();
  const continues = growableUint8();
  const sentenceStarts = growableInt32();
  const documentStarts = growableInt32();
  let reported = 0;

  const add = (sentence: string): void => {
    const tokens = encode(sentence);
    if (tokens.length === 0) return;
    if (ids.length + tokens.length > MAX_TOKENS) {
      throw new UsageError(`corpus: expected at most ${MAX_TOKENS} tokens, found more; name fewer files`);
    }
    sentenceStarts.push(ids.length);
    for (let i = 0; i < tokens.length; i++) {
      ids.push(tokens[i]!);
      continues.push(i === 0 ? 0 : continuing[tokens[i]!]!);
    }
    if (ids.length - reported < REPORT_EVERY) return;
    reported = ids.length;
    onProgress?.(reported);
  };

  for await (const document of documents) {
    const first = sentenceStarts.length;
    for (const sentence of document) add(sentence);
    if (sentenceStarts.length > first) documentStarts.push(first);
  }
  documentStarts.push(sentenceStarts.length);
  sentenceStarts.push(ids.length);
  onProgress?.(ids.length);
  return {
    ids: ids.finish(),
    continues: continues.finish(),
    sentences: sentenceStarts.finish(),
    documents: documentStarts.finish(),
    vocabSize: tokenizer.vocabSize,
    padId: tokenizer.padId,
    clsId: tokenizer.clsId,
    sepId: tokenizer.sepId,
    maskId,
    specials: specialIds(tokenizer),
  };
}
