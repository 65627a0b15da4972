// Random ids, for gates without data.
import type { Example } from '../data/example.js';
import { longestInput } from '../models/families.js';
import type { Model } from '../models/model.js';
import { type Random, random } from '../random.js';

/** One example of `length` random ids and token types. */
export function randomExample({ config }: Model, index: number, length: number, generator: Random): Example {
  const ids = Int32Array.from({ length }, () => generator.integer(config.vocab_size));
  const typeIds = Uint8Array.from({ length }, () => generator.integer(config.type_vocab_size));
  return { index, ids, typeIds, label: 0 };
}

/** Examples of 1 to 64 random ids. */
export function randomExamples(model: Model, count: number): Example[] {
  const longest = Math.min(64, longestInput(model.config));
  const generator = random(0, 'random-examples');
  return Array.from({ length: count }, (_, index) =>
    randomExample(model, index, 1 + generator.integer(longest), generator),
  );
}
