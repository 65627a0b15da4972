// Pre-training (Devlin et al., 2018): masked words and, where pairs of segments are drawn, the next sentence. Logits
// over the vocabulary are computed at the masked positions only. Arrays of positions are padded to a fixed count with
// weight zero, so that shapes are static.
import { makeBatch } from '../data/batches.js';
import {
  batchCapacity,
  type Corpus,
  maskedExample,
  type MaskingOptions,
  pairInstances,
} from '../data/corpus/index.js';
import type { Padding, PadSide } from '../data/example.js';
import type { Node } from '../graph/node.js';
import {
  add,
  argMax,
  gatherRows,
  gemm,
  logSoftmax,
  logSumExp,
  mul,
  neg,
  reduceSum,
  reshape,
  softLinearLoss,
  sub,
  toFloat,
} from '../graph/ops/index.js';
import { input } from '../graph/program.js';
import type { BucketShape, Builder } from '../models/builder.js';
import { familyOf } from '../models/families.js';
import { nextSentenceHead, pool, wordDecoder, wordTransform } from '../models/heads.js';
import type { Model } from '../models/model.js';
import { random } from '../random.js';
import { memoizeLast } from './memoize-last.js';
import { distillationLoss } from './distillation-loss.js';
import { encoderFeeds, encoderInputs } from './encoder-batch.js';
import type { Objective, ObjectiveOutput, TrainingBatch } from './objective.js';
import type { TrainingSettings } from './settings.js';

/** What is drawn from a corpus. */
export interface PretrainData {
  readonly corpus: Corpus;
  readonly masking: MaskingOptions;
  /** Pairs of segments and the loss of the next sentence. */
  readonly nextSentence: boolean;
  readonly seed: number;
  /** Side of the padding; [CLS] stands at the other end. Right by default. */
  readonly padSide?: PadSide | undefined;
}

/** Tensors of a bucket beside those of the encoder. `capacity`: padded number of masked positions. */
function pretrainInputs({ rows, length }: BucketShape, capacity: number) {
  return {
    positions: input('mlm_positions', [capacity], 'int32'), // into [length * rows]
    targets: input('mlm_targets', [capacity], 'int32'),
    /** 1 / (masked positions of the step), 0 for padding. */
    scale: input('mlm_scale', [capacity, 1]),
    /** 1 / (tokens of the step), 0 for padding. */
    tokenScale: input('token_scale', [length * rows, 1]),
    /** One-hot. */
    follows: input('nsp_targets', [rows, 2]),
  };
}

export interface PretrainObjectiveOptions {
  readonly data: PretrainData;
  readonly settings: TrainingSettings;
}

export function pretrainObjective({ data, settings }: PretrainObjectiveOptions): Objective {
  const { batchSize, maxLength } = settings;
  const microBatchSize = Math.min(settings.microBatchSize ?? batchSize, batchSize);
  const bucket = { rows: microBatchSize, length: maxLength };
  const capacityOf = ({ rows, length }: BucketShape): number => batchCapacity(rows, length, data.masking);
  const epochOf = memoizeLast((epoch: number) => drawEpoch(data, maxLength, epoch));
  const stepsPerEpoch = Math.max(1, Math.floor(epochOf(0).count / batchSize));

  return {
    name: 'pretrain',
    stepsPerEpoch,
    microBatches: Math.ceil(batchSize / microBatchSize),
    largestBucket: bucket,
    batches(step) {
      const epoch = epochOf(Math.floor(step / stepsPerEpoch));
      const first = (step % stepsPerEpoch) * batchSize;
      return pretrainBatches(
        Array.from({ length: batchSize }, (_, i) => epoch.example(first + i)),
        bucket,
        capacityOf,
        { padId: data.corpus.padId, padSide: data.padSide },
      );
    },
    build: (b, model, rowScale) => pretrainLoss(b, model, rowScale, capacityOf(b.bucket), data.nextSentence),
  };
}

/** Number of sequences of an epoch, and each of them, masked: a pure function of data, epoch and index. */
export function drawEpoch(
  { corpus, masking, nextSentence, seed, padSide }: PretrainData,
  maxLength: number,
  epoch: number,
): { readonly count: number; readonly randomFraction: number; example(index: number): PretrainExample } {
  const instances = pairInstances(corpus, { maxLength, seed, epoch, nsp: nextSentence });
  const { count, randomFraction } = instances;
  return {
    count,
    randomFraction,
    // Epochs differ a little in length; a step beyond the end of a shorter one starts it again.
    example(index) {
      const place = index % count;
      const instance = instances.get(place);
      const generator = random(seed, 'mask', epoch, place);
      return {
        index,
        label: instance.isRandom,
        ...maskedExample(corpus, instance, masking, generator, padSide),
      };
    },
  };
}

export interface PretrainExample {
  readonly index: number;
  /** 1 when the second segment is from elsewhere. */
  readonly label: number;
  readonly ids: Int32Array;
  readonly typeIds: Uint8Array;
  readonly positions: Int32Array;
  readonly targets: Int32Array;
}

/** The micro-batches of one step. Weights are shares of the whole step. */
export function pretrainBatches(
  examples: readonly PretrainExample[],
  bucket: BucketShape,
  capacityOf: (bucket: BucketShape) => number,
  padding: Padding,
): TrainingBatch[] {
  const total = { masked: 0, tokens: 0 };
  for (const { positions, ids } of examples) {
    total.masked += positions.length;
    total.tokens += ids.length;
  }
  const batches: TrainingBatch[] = [];
  for (let start = 0; start < examples.length; start += bucket.rows) {
    batches.push(
      pretrainBatch(examples.slice(start, start + bucket.rows), bucket, capacityOf, padding, total),
    );
  }
  return batches;
}

function pretrainBatch(
  examples: readonly PretrainExample[],
  bucket: BucketShape,
  capacityOf: (bucket: BucketShape) => number,
  padding: Padding,
  total: { readonly masked: number; readonly tokens: number },
): TrainingBatch {
  const { rows, length } = bucket;
  const capacity = capacityOf(bucket);
  const batch = makeBatch(examples, rows, length, padding);
  const [positions, targets] = [new Int32Array(capacity), new Int32Array(capacity)];
  const scale = new Float32Array(capacity);
  const tokenScale = new Float32Array(length * rows);
  const follows = new Float32Array(rows * 2);
  let used = 0;
  for (const [row, example] of examples.entries()) {
    follows[row * 2 + example.label] = 1;
    const start = batch.starts[row]!;
    for (let token = start; token < start + example.ids.length; token++)
      tokenScale[token * rows + row] = 1 / total.tokens;
    for (const [i, position] of example.positions.entries()) {
      if (used === capacity) break; // Bernoulli masks beyond six standard deviations
      positions[used] = (start + position) * rows + row;
      targets[used] = example.targets[i]!;
      scale[used++] = 1 / total.masked;
    }
  }
  const feeds = encoderFeeds(batch);
  feeds.set('mlm_positions', positions);
  feeds.set('mlm_targets', targets);
  feeds.set('mlm_scale', scale);
  feeds.set('token_scale', tokenScale);
  feeds.set('nsp_targets', follows);
  return {
    rows,
    bucket,
    examples,
    feeds,
    rowWeights: batch.rowWeights,
    split: () =>
      examples.map((example) => pretrainBatch([example], { rows: 1, length }, capacityOf, padding, total)),
  };
}

/** What a teacher of pre-training gives: see `pretrainTeacher`. */
export const TEACHER_OUTPUTS = {
  transformed: 'transformed',
  nextSentence: 'nsp_logits',
  decoderWeight: 'decoder.weight',
  decoderBias: 'decoder.bias',
} as const;

function pretrainLoss(
  b: Builder,
  model: Model,
  rowScale: Node,
  capacity: number,
  nextSentence: boolean,
): ObjectiveOutput {
  const { config } = model;
  const { positions, targets, scale, tokenScale, follows } = pretrainInputs(b.bucket, capacity);
  const { encode, head, words } = familyOf(config);
  const sequence = encode(b, config, encoderInputs(b.bucket), false);
  const masked = wordTransform(b, config, words, gatherRows(sequence, positions));
  const decoder = wordDecoder(b, words, masked);
  const logits = gemm(decoder.x, decoder.weight, { transB: true, c: decoder.bias }); // [capacity, vocabulary]
  // The logit of the target by a product of its own: reading it from the array would need a scatter to go back.
  const biases = gatherRows(reshape(decoder.bias, [decoder.bias.shape[0]!, 1]), targets);
  const wanted = add(reduceSum(mul(masked, b.rows(words.decoder, targets)), [1], true), biases);
  const wordLosses = sub(logSumExp(logits), wanted); // [capacity, 1]
  const terms = [{ name: 'mlm', weight: 1, node: reduceSum(mul(wordLosses, scale)) }];
  const outputs = new Map([
    ['mlm_losses', wordLosses],
    ['mlm_best', toFloat(argMax(logits))],
  ]);
  const sentence = nextSentence ? nextSentenceHead(b, pool(b, head, sequence)) : undefined;
  if (sentence) {
    const losses = neg(reduceSum(mul(logSoftmax(sentence), follows), [1], true));
    terms.push({ name: 'nsp', weight: 1, node: reduceSum(mul(losses, rowScale)) });
    outputs.set('nsp_logits', sentence);
  }
  return {
    terms,
    outputs,
    distilled(teacher, { temperature, positions: compared }) {
      const all = compared === 'all';
      const student = all ? wordDecoder(b, words, wordTransform(b, config, words, sequence)) : decoder;
      const states = teacher(TEACHER_OUTPUTS.transformed);
      const apart = softLinearLoss(
        student,
        {
          x: all ? states : gatherRows(states, positions),
          weight: teacher(TEACHER_OUTPUTS.decoderWeight),
          bias: teacher(TEACHER_OUTPUTS.decoderBias),
        },
        all ? tokenScale : scale,
        temperature,
      );
      const soft = [{ name: 'distil_mlm', weight: 1, node: apart }];
      if (!sentence) return soft;
      const sentences = distillationLoss(sentence, teacher(TEACHER_OUTPUTS.nextSentence), temperature);
      return [...soft, { name: 'distil_nsp', weight: 1, node: reduceSum(mul(sentences, rowScale)) }];
    },
  };
}
