// Corpora for tests: the garden language, and corpora written down token by token.
import type { Corpus } from '../../../src/data/corpus/index.js';
import { tokeniseCorpus } from '../../../src/data/corpus/index.js';
import { gardenDocuments, gardenTokenizerFiles } from '../../../src/data/garden/garden.js';
import { loadTokenizer } from '../../../src/data/tokenizer.js';

export const gardenTokenizer = loadTokenizer(gardenTokenizerFiles());

export const gardenCorpus = (documents: number): Promise<Corpus> =>
  tokeniseCorpus(gardenDocuments(3, documents), gardenTokenizer);

/** Special ids of `writtenCorpus`; the last one may stand in a text too. */
export const [PAD, CLS, SEP, MASK, OTHER] = [0, 1, 2, 3, 4] as const;

/** Documents of sentences of tokens; a negative token is that token, and continues the one before it. */
export function writtenCorpus(documents: readonly (readonly (readonly number[])[])[]): Corpus {
  const sentences = documents.flat();
  const tokens = sentences.flat();
  const ends = (lengths: number[]): Int32Array => {
    let sum = 0;
    return Int32Array.from([0, ...lengths.map((length) => (sum += length))]);
  };
  return {
    ids: Int32Array.from(tokens, (token) => Math.abs(token)),
    continues: Uint8Array.from(tokens, (token) => (token < 0 ? 1 : 0)),
    sentences: ends(sentences.map((sentence) => sentence.length)),
    documents: ends(documents.map((document) => document.length)),
    vocabSize: 1000,
    padId: PAD,
    clsId: CLS,
    sepId: SEP,
    maskId: MASK,
    specials: new Set([PAD, CLS, SEP, MASK, OTHER]),
  };
}

/** `count` documents of `sentences(d)` sentences of `length(s)` tokens; token t of the corpus is 10 + t. */
export function numberedCorpus(
  count: number,
  sentences: (document: number) => number,
  length: (sentence: number) => number,
): Corpus {
  let token = 10;
  let sentence = 0;
  const documents = Array.from({ length: count }, (_, document) =>
    Array.from({ length: sentences(document) }, () =>
      Array.from({ length: length(sentence++) }, () => token++),
    ),
  );
  return writtenCorpus(documents);
}
