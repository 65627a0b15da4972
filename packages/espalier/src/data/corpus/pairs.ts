// Pairs of segments for next-sentence prediction, after Google's BERT (create_pretraining_data.py): sentences up to
// the target length, cut in two at random; half of the time B comes from elsewhere and the sentences it replaces are
// used again. Two departures: the target is drawn anew for each pair, not once a document (a document may be a whole
// book), and in a corpus of a single document a random B comes from far away in it.
import type { Random } from '../../random.js';
import type { Corpus } from './corpus.js';
import type { DrawTarget, Instance } from './instances.js';

/** A random B from the same document begins at least this many sequences away, if the document is so long. */
const FAR = 4;
/** Attempts to find such a place. */
const TRIES = 20;

/** Drops tokens of the longer segment, front or back at random, until both fit into `budget`. */
function truncated(instance: Instance, budget: number, generator: Random): Instance {
  let { aStart, aEnd, bStart, bEnd } = instance;
  while (aEnd - aStart + bEnd - bStart > budget) {
    const front = generator.uniform() < 0.5;
    if (aEnd - aStart > bEnd - bStart) {
      if (front) aStart++;
      else aEnd--;
    } else if (front) bStart++;
    else bEnd--;
  }
  return { aStart, aEnd, bStart, bEnd, isRandom: instance.isRandom };
}

/** A sentence of the only document that is far from `sentence`; the farther end where chance finds none. */
function farSentence({ sentences }: Corpus, sentence: number, distance: number, generator: Random): number {
  const last = sentences.length - 2;
  const from = (other: number): number => Math.abs(sentences[other]! - sentences[sentence]!);
  for (let i = 0; i < TRIES; i++) {
    const other = generator.integer(last + 1);
    if (from(other) >= distance) return other;
  }
  return from(0) > from(last) ? 0 : last;
}

/** A sentence where a random B begins, and the end of its document. */
function elsewhere(
  corpus: Corpus,
  document: number,
  sentence: number,
  distance: number,
  generator: Random,
): readonly [start: number, end: number] {
  const { documents, sentences } = corpus;
  const count = documents.length - 1;
  if (count === 1) return [farSentence(corpus, sentence, distance, generator), sentences.length - 1];
  const drawn = generator.integer(count - 1);
  const other = drawn < document ? drawn : drawn + 1;
  const first = documents[other]!;
  const end = documents[other + 1]!;
  return [first + generator.integer(end - first), end];
}

/** Emits the pairs of an epoch, document by document; A and B have at most `budget` tokens. */
export function drawPairs(
  corpus: Corpus,
  budget: number,
  drawTarget: DrawTarget,
  generator: Random,
  emit: (instance: Instance) => void,
): void {
  const { sentences, documents } = corpus;
  /** The end of the sentences from `start` that reach `tokens`, at least one, none from `limit` on. */
  const reach = (start: number, limit: number, tokens: number): number => {
    let end = start + 1;
    while (end < limit && sentences[end]! - sentences[start]! < tokens) end++;
    return end;
  };

  for (let document = 0; document + 1 < documents.length; document++) {
    const limit = documents[document + 1]!;
    for (let start = documents[document]!; start < limit;) {
      const target = drawTarget();
      const stop = reach(start, limit, target);
      const single = stop - start === 1;
      const cut = single ? stop : start + 1 + generator.integer(stop - start - 1);
      const isRandom = single || generator.uniform() < 0.5;
      const [aStart, aEnd] = [sentences[start]!, sentences[cut]!];
      if (isRandom) {
        const [other, end] = elsewhere(corpus, document, start, FAR * budget, generator);
        const otherEnd = reach(other, end, target - (aEnd - aStart));
        const [bStart, bEnd] = [sentences[other]!, sentences[otherEnd]!];
        emit(truncated({ aStart, aEnd, bStart, bEnd, isRandom: 1 }, budget, generator));
      } else {
        const bEnd = sentences[stop]!;
        emit(truncated({ aStart, aEnd, bStart: aEnd, bEnd, isRandom: 0 }, budget, generator));
      }
      start = isRandom ? cut : stop;
    }
  }
}
