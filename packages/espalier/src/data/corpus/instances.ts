// Sequences for pre-training, each a pair of segments A and B or one segment alone, as places in the corpus: a store
// of columns, since an epoch has hundreds of thousands.
import { UsageError } from '../../errors.js';
import { type Random, random } from '../../random.js';
import type { Corpus } from './corpus.js';
import { growableInt32, growableUint8 } from './growable.js';
import { drawPairs } from './pairs.js';

/** One sequence: offsets into `ids` of its corpus. */
export interface Instance {
  readonly aStart: number;
  readonly aEnd: number;
  /** B is empty without next-sentence prediction. */
  readonly bStart: number;
  readonly bEnd: number;
  /** 1 where B does not follow A. */
  readonly isRandom: 0 | 1;
}

export interface Instances {
  readonly count: number;
  /** Share of the instances whose B is random: what always guessing "random" scores. */
  readonly randomFraction: number;
  get(index: number): Instance;
}

export interface InstanceOptions {
  /** Tokens of a sequence at most, special tokens among them. */
  readonly maxLength: number;
  readonly seed: number;
  readonly epoch: number;
  /** How often a sequence aims at a random shorter length; 0.1 by default, as in Google's code. */
  readonly shortProbability?: number;
  /** Pairs for next-sentence prediction, or single segments. */
  readonly nsp: boolean;
}

/** The number of tokens that the next sequence aims at, special tokens not counted. */
export type DrawTarget = () => number;

/** [CLS], [SEP] and, for pairs, another [SEP]. */
const specialTokens = (nsp: boolean): number => (nsp ? 3 : 2);

const columns = () => ({
  aStart: growableInt32(),
  aEnd: growableInt32(),
  bStart: growableInt32(),
  bEnd: growableInt32(),
  isRandom: growableUint8(),
});

/** Full sentences of one document up to the target; a longer sentence is cut, so that every token is in one. */
function drawSegments(corpus: Corpus, drawTarget: DrawTarget, emit: (instance: Instance) => void): void {
  const { sentences, documents } = corpus;
  for (let document = 0; document + 1 < documents.length; document++) {
    const last = documents[document + 1]!;
    const stop = sentences[last]!;
    let sentence = documents[document]!; // the last sentence that begins at `start` or before
    for (let start = sentences[sentence]!; start < stop;) {
      const limit = start + drawTarget();
      while (sentence < last && sentences[sentence + 1]! <= limit) sentence++;
      const end = sentences[sentence]! > start ? sentences[sentence]! : limit;
      emit({ aStart: start, aEnd: end, bStart: end, bEnd: end, isRandom: 0 });
      start = end;
    }
  }
}

function checked(corpus: Corpus, { maxLength, nsp }: InstanceOptions): number {
  const needed = specialTokens(nsp) + 2;
  if (!Number.isInteger(maxLength) || maxLength < needed) {
    throw new UsageError(`max length: expected a whole number from ${needed}, found ${maxLength}`);
  }
  if (nsp && corpus.sentences.length < 3) {
    throw new UsageError(
      'corpus: next-sentence prediction needs at least two sentences, found fewer; name more text',
    );
  }
  return maxLength - specialTokens(nsp);
}

/**
 * The sequences of an epoch, in random order: a pure function of its arguments. Throws UsageError where `maxLength`
 * has no room for two tokens or a corpus for pairs has a single sentence.
 */
export function pairInstances(corpus: Corpus, options: InstanceOptions): Instances {
  const budget = checked(corpus, options);
  const { seed, epoch, shortProbability = 0.1, nsp } = options;
  const generator: Random = random(seed, 'instances', epoch);
  const drawTarget: DrawTarget = () =>
    generator.uniform() < shortProbability ? 2 + generator.integer(budget - 1) : budget;

  const found = columns();
  const emit = (instance: Instance): void => {
    for (const key of ['aStart', 'aEnd', 'bStart', 'bEnd', 'isRandom'] as const)
      found[key].push(instance[key]);
  };
  if (nsp) drawPairs(corpus, budget, drawTarget, generator, emit);
  else drawSegments(corpus, drawTarget, emit);

  const aStart = found.aStart.finish();
  const aEnd = found.aEnd.finish();
  const bStart = found.bStart.finish();
  const bEnd = found.bEnd.finish();
  const isRandom = found.isRandom.finish();
  const order = Int32Array.from(generator.shuffle(Array.from(aStart.keys())));
  return {
    count: order.length,
    randomFraction: isRandom.reduce((sum, flag) => sum + flag, 0) / Math.max(1, order.length),
    get(index) {
      const at = order[index];
      if (at === undefined)
        throw new RangeError(`instances: expected 0 .. ${order.length - 1}, found ${index}`);
      return {
        aStart: aStart[at]!,
        aEnd: aEnd[at]!,
        bStart: bStart[at]!,
        bEnd: bEnd[at]!,
        isRandom: isRandom[at] === 1 ? 1 : 0,
      };
    },
  };
}
