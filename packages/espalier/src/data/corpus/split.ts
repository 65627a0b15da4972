// Text held out for evaluation: whole documents where there are enough of them, else the end of each.
import { UsageError } from '../../errors.js';
import type { Corpus } from './corpus.js';

/** Sentences `[start, end)` that make a document. */
type Range = readonly [start: number, end: number];

interface Split {
  readonly train: Range[];
  readonly held: Range[];
}

/** Whole documents are held out if these are at least so many; a few might all be of one kind. */
const ENOUGH_DOCUMENTS = 50;

/** `ranges` of a corpus, in order, as the documents of another. */
function subset(corpus: Corpus, ranges: readonly Range[]): Corpus {
  const spans = ranges.map(([start, end]) => [corpus.sentences[start]!, corpus.sentences[end]!] as const);
  const ids = new Int32Array(spans.reduce((sum, [start, end]) => sum + end - start, 0));
  const continues = new Uint8Array(ids.length);
  const sentences = new Int32Array(ranges.reduce((sum, [start, end]) => sum + end - start, 0) + 1);
  const documents = new Int32Array(ranges.length + 1);
  let token = 0;
  let sentence = 0;
  for (const [document, [start, end]] of ranges.entries()) {
    const [from, to] = spans[document]!;
    ids.set(corpus.ids.subarray(from, to), token);
    continues.set(corpus.continues.subarray(from, to), token);
    for (let i = start; i < end; i++) sentences[sentence++] = corpus.sentences[i]! - from + token;
    token += to - from;
    documents[document + 1] = sentence;
  }
  sentences[sentence] = token;
  return { ...corpus, ids, continues, sentences, documents };
}

/** Every n-th document: `fraction` of them. */
function wholeDocuments({ documents }: Corpus, fraction: number): Split {
  const split: Split = { train: [], held: [] };
  for (let document = 0; document + 1 < documents.length; document++) {
    const isHeld = Math.floor((document + 1) * fraction) > Math.floor(document * fraction);
    split[isHeld ? 'held' : 'train'].push([documents[document]!, documents[document + 1]!]);
  }
  return split;
}

/** The last `fraction` of the sentences of each document. */
function tails({ documents }: Corpus, fraction: number): Split {
  const split: Split = { train: [], held: [] };
  for (let document = 0; document + 1 < documents.length; document++) {
    const [start, end] = [documents[document]!, documents[document + 1]!];
    const cut = end - Math.round(fraction * (end - start));
    if (cut > start) split.train.push([start, cut]);
    if (cut < end) split.held.push([cut, end]);
  }
  return split;
}

/**
 * Splits a corpus; `fraction` of it, from 0 to 1, is held out. If that is at least 50 documents, every n-th document
 * is held out whole; otherwise the last `fraction` of the sentences of each document, as documents of their own; and
 * where documents are too short for that, every n-th document, one at least. Nothing is random. Throws UsageError
 * where one of the parts would be empty.
 */
export function splitCorpus(corpus: Corpus, fraction: number): { train: Corpus; held: Corpus } {
  const count = corpus.documents.length - 1;
  const enough = Math.floor(count * fraction) >= ENOUGH_DOCUMENTS;
  const cut = enough ? wholeDocuments(corpus, fraction) : tails(corpus, fraction);
  const { train, held } = cut.held.length > 0 ? cut : wholeDocuments(corpus, Math.max(fraction, 1 / count));
  if (train.length === 0 || held.length === 0) {
    const sentences = corpus.sentences.length - 1;
    throw new UsageError(
      `corpus: ${fraction} of ${sentences} sentences in ${count} documents leaves nothing to ` +
        `${train.length === 0 ? 'train on' : 'hold out'}; name more text, or another fraction`,
    );
  }
  return { train: subset(corpus, train), held: subset(corpus, held) };
}
