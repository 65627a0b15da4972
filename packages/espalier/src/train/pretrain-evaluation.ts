// Scores of pre-training on held-out text: accuracy and loss of masked words and of the next sentence.
import type { StopCheck } from '../errors.js';
import type { Forward } from './forward.js';
import type { TrainingBatch } from './objective.js';

export interface PretrainScores {
  /** Fraction of masked positions whose likeliest word is the right one. */
  readonly mlmAccuracy: number;
  /** Mean cross-entropy of the masked positions, in nats. */
  readonly mlmLoss: number;
  readonly nspAccuracy?: number;
  readonly nspLoss?: number;
  /** Accuracy of always guessing the commoner answer. */
  readonly nspMajority?: number;
}

/** Scores over batches of the objective, each a step of its own. */
export async function evaluatePretraining(
  forward: Forward,
  batches: Iterable<TrainingBatch>,
  checkStop?: StopCheck,
): Promise<PretrainScores> {
  const words = { count: 0, right: 0, loss: 0 };
  const sentences = { count: 0, right: 0, loss: 0, random: 0 };
  for (const batch of batches) {
    checkStop?.();
    const results = await forward.run(batch.bucket, batch.feeds);
    const [losses, best] = [results.get('mlm_losses')!, results.get('mlm_best')!];
    const targets = batch.feeds.get('mlm_targets')!;
    for (const [index, scale] of batch.feeds.get('mlm_scale')!.entries()) {
      if (scale === 0) continue;
      words.count++;
      words.loss += losses[index]!;
      if (best[index] === targets[index]) words.right++;
    }
    const logits = results.get('nsp_logits');
    if (!logits) continue;
    for (const [row, { label }] of batch.examples.entries()) {
      const ahead = logits[row * 2 + 1]! - logits[row * 2]!;
      sentences.count++;
      sentences.random += label;
      if (Number(ahead > 0) === label) sentences.right++;
      sentences.loss += softplus(label === 1 ? -ahead : ahead);
    }
  }
  return {
    mlmAccuracy: words.right / words.count,
    mlmLoss: words.loss / words.count,
    ...(sentences.count > 0 && {
      nspAccuracy: sentences.right / sentences.count,
      nspLoss: sentences.loss / sentences.count,
      nspMajority: Math.max(sentences.random, sentences.count - sentences.random) / sentences.count,
    }),
  };
}

/** log(1 + e^x) */
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
