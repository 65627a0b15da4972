// A baseline without word order: logistic regression on the words of text and pair. A task that it solves needs no
// encoder.
import type { RawExample, TaskData } from '../../../src/data/example.js';

const RATE = 0.1;
const EPOCHS = 10;

function featuresOf({ text, pair }: RawExample, index: Map<string, number>): number[] {
  const words = (part: string, prefix: string): string[] =>
    [...part.toLowerCase().matchAll(/[a-z]+/g)].map(([word]) => prefix + word);
  const all = new Set([...words(text, 'a:'), ...words(pair ?? '', 'b:')]);
  return [...all].map((word) => {
    if (!index.has(word)) index.set(word, index.size);
    return index.get(word)!;
  });
}

/** Accuracy on dev after training on train, one weight vector a class. */
export function bagOfWordsAccuracy({ task, train, dev }: TaskData): number {
  const classes = task.labels.length;
  const index = new Map<string, number>();
  const encoded = train.map((example) => featuresOf(example, index));
  const unseen = dev.map((example) => featuresOf(example, index));
  const weights = Array.from({ length: classes }, () => new Float64Array(index.size + 1));

  const scores = (features: readonly number[]): number[] =>
    weights.map((row) => features.reduce((sum, f) => sum + row[f]!, row[index.size]!));
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    for (const [i, features] of encoded.entries()) {
      const raw = scores(features);
      const highest = Math.max(...raw);
      const powers = raw.map((score) => Math.exp(score - highest));
      const total = powers.reduce((a, b) => a + b);
      for (const [label, row] of weights.entries()) {
        const error = powers[label]! / total - (train[i]!.label === label ? 1 : 0);
        for (const f of [...features, index.size]) row[f]! -= RATE * error;
      }
    }
  }
  const right = unseen.filter((features, i) => {
    const raw = scores(features);
    return raw.indexOf(Math.max(...raw)) === dev[i]!.label;
  });
  return right.length / dev.length;
}
