// Masked language modelling: which tokens of a sequence are to be predicted, and what stands in their place. Google's
// BERT chooses an exact count of positions, the collator of Hugging Face each one by itself ("bernoulli"). Both put
// [MASK] for 80 %, leave 10 % as they are, and put any entry of the vocabulary for 10 %; they differ in the order in
// which the latter two are drawn, which changes no probability.
import type { Random } from '../../random.js';
import type { PadSide } from '../example.js';
import type { Corpus } from './corpus.js';
import type { Instance } from './instances.js';

export interface MaskingOptions {
  readonly style: 'exact' | 'bernoulli';
  /** Share of the tokens that is chosen: of all of them (`exact`), or of those that may be (`bernoulli`). */
  readonly probability: number;
  /** Chooses all pieces of a word, or none. */
  readonly wholeWord: boolean;
  /** Of one sequence, with `exact`. */
  readonly maxPredictions?: number;
}

/** One sequence as the model sees it, and what it is to say. */
export interface MaskedExample {
  /** [CLS] A [SEP] B [SEP], or [CLS] A [SEP], or with [CLS] at the end; chosen tokens are replaced: [length]. */
  readonly ids: Int32Array;
  /** 1 over B and its [SEP], 2 for a [CLS] at the end: [length]. */
  readonly typeIds: Uint8Array;
  /** Chosen positions, ascending: [chosen]. */
  readonly positions: Int32Array;
  /** Their tokens: [chosen]. */
  readonly targets: Int32Array;
}

/** Positions `[start, end)` that are chosen together. */
type Group = readonly [start: number, end: number];

type CorpusPieces = Omit<Corpus, 'sentences' | 'documents'>;

interface Layout {
  readonly ids: Int32Array;
  readonly typeIds: Uint8Array;
  readonly groups: Group[];
}

/** The sequence without masks, and the groups of its tokens that may be chosen. */
function layOut(corpus: CorpusPieces, instance: Instance, wholeWord: boolean, padSide: PadSide): Layout {
  const { aStart, aEnd, bStart, bEnd } = instance;
  const aLength = aEnd - aStart;
  const bLength = bEnd - bStart;
  const ids = new Int32Array(aLength + bLength + (bLength > 0 ? 3 : 2)).fill(corpus.sepId);
  const typeIds = new Uint8Array(ids.length);
  const groups: Group[] = [];

  const place = (start: number, end: number, at: number): void => {
    ids.set(corpus.ids.subarray(start, end), at);
    for (let token = start; token < end;) {
      const first = token++;
      if (corpus.specials.has(corpus.ids[first]!)) continue;
      if (wholeWord) while (token < end && corpus.continues[token] === 1) token++;
      groups.push([at + first - start, at + token - start]);
    }
  };
  const classFirst = padSide === 'right';
  const a = classFirst ? 1 : 0;
  const b = a + aLength + 1;
  place(aStart, aEnd, a);
  if (bLength > 0) {
    place(bStart, bEnd, b);
    typeIds.fill(1, b);
  }
  const classAt = classFirst ? 0 : ids.length - 1;
  ids[classAt] = corpus.clsId;
  if (!classFirst) typeIds[classAt] = 2; // XLNet's
  return { ids, typeIds, groups };
}

/** Positions that Google's rule chooses of a sequence of `length` tokens; halves are rounded up. */
function exactCount(length: number, { probability, maxPredictions = Infinity }: MaskingOptions): number {
  return Math.min(maxPredictions, Math.max(1, Math.round(probability * length)));
}

/** Groups in random order as long as they fit; one that would exceed the count is passed over. */
function chooseExact(groups: Group[], count: number, generator: Random): Group[] {
  const chosen: Group[] = [];
  let left = count;
  for (const group of generator.shuffle(groups)) {
    if (left === 0) break;
    const size = group[1] - group[0];
    if (size > left) continue;
    chosen.push(group);
    left -= size;
  }
  return chosen.sort((a, b) => a[0] - b[0]);
}

/** What stands at a chosen position. */
function replacement(original: number, { maskId, vocabSize }: CorpusPieces, generator: Random): number {
  const draw = generator.uniform();
  if (draw < 0.8) return maskId;
  return draw < 0.9 ? original : generator.integer(vocabSize);
}

/**
 * An instance with masks drawn from `generator`. Special tokens, also those that stand in the text, are never chosen.
 * With `exact` and whole words, fewer are chosen where no word fits any more; with `bernoulli` it may be none. [CLS]
 * stands at the end that is not padded.
 */
export function maskedExample(
  corpus: CorpusPieces,
  instance: Instance,
  masking: MaskingOptions,
  generator: Random,
  padSide: PadSide = 'right',
): MaskedExample {
  const { ids, typeIds, groups } = layOut(corpus, instance, masking.wholeWord, padSide);
  const chosen =
    masking.style === 'exact'
      ? chooseExact(groups, exactCount(ids.length, masking), generator)
      : groups.filter(() => generator.uniform() < masking.probability);
  const positions = Int32Array.from(
    chosen.flatMap(([start, end]) => Array.from({ length: end - start }, (_, i) => start + i)),
  );
  const targets = positions.map((position) => ids[position]!);
  for (const [i, position] of positions.entries()) {
    ids[position] = replacement(targets[i]!, corpus, generator);
  }
  return { ids, typeIds, positions, targets };
}

/** The most positions that a sequence of at most `length` tokens can have: a bound, tight for `exact`. */
export const maxPredictionsFor = (length: number, masking: MaskingOptions): number =>
  masking.style === 'exact' ? exactCount(length, masking) : length - 2;

/**
 * Positions to make room for in a batch of `rows` sequences of `length` tokens. With `exact` all fit; with
 * `bernoulli` there is room for six standard deviations above the mean (those of whole words taken for twice as
 * large, as for words of four pieces), and what exceeds it, practically never, is the caller's to drop.
 */
export function batchCapacity(rows: number, length: number, masking: MaskingOptions): number {
  const most = rows * maxPredictionsFor(length, masking);
  if (masking.style === 'exact') return most;
  const { probability, wholeWord } = masking;
  const tokens = rows * length;
  const sigma = Math.sqrt(tokens * probability * (1 - probability)) * (wholeWord ? 2 : 1);
  return Math.min(most, Math.ceil(tokens * probability + 6 * sigma));
}
