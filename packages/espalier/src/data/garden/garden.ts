// The garden language: a seeded grammar for demo and tests, no download. Documents for pre-training, labelled tasks
// with exact labels, questions with answer spans, a tokenizer and a tiny config. Everything is a pure function of
// its arguments; the text is English-like and written for this project.
import { UsageError } from '../../errors.js';
import { random } from '../../random.js';
import type { TaskData } from '../example.js';
import { acceptability } from './acceptability.js';
import { inference } from './inference.js';
import { drawTask, type GardenTask, type Sizes } from './labelled.js';
import { paraphrase } from './paraphrase.js';
import { sentiment } from './sentiment.js';
import { similarity } from './similarity.js';
import { type Beat, drawStory } from './story.js';
import { buildVocabulary, tinyBertConfig, tokenizerFilesOf } from './vocabulary.js';

export { gardenQuestions } from './questions.js';

/** Every labelled task of the garden language. */
export const gardenTasks: readonly GardenTask[] = [
  sentiment,
  acceptability,
  paraphrase,
  inference,
  similarity,
];

const stories = (seed: number, count: number): Beat[][] =>
  Array.from({ length: count }, (_, i) => drawStory(random(seed, 'garden', 'document', i)));

/** Documents as lists of sentences. Document i does not depend on `count`. */
export const gardenDocuments = (seed: number, count: number): string[][] =>
  stories(seed, count).map((beats) => beats.map(({ text }) => text));

/** A labelled task of the given sizes, balanced, dev texts apart from train texts. Throws UsageError. */
export function gardenTask(name: string, seed: number, sizes: Sizes): TaskData {
  const task = gardenTasks.find((candidate) => candidate.name === name);
  if (task) return drawTask(task, seed, sizes);
  const known = gardenTasks.map((candidate) => candidate.name).join(', ');
  throw new UsageError(`unknown garden task ${name}; expected one of ${known}`);
}

/** Token positions of the demo's model. */
const MAX_LENGTH = 256;

/** Documents and examples of each task that the vocabulary is collected from; rarer words are spelled in pieces. */
const SAMPLE = 500;

function vocabulary(): string[] {
  const told = stories(0, SAMPLE)
    .flat()
    .flatMap(({ text, asked }) => [text, ...asked.map(({ question }) => question)]);
  const labelled = gardenTasks
    .flatMap((task) => drawTask(task, 0, { train: SAMPLE, dev: 0 }).train)
    .flatMap(({ text, pair }) => (pair === undefined ? [text] : [text, pair]));
  return buildVocabulary([...told, ...labelled]);
}

/** vocab.txt, tokenizer_config.json and tokenizer.json of the garden language, by name. The same on every call. */
export const gardenTokenizerFiles = (): Map<string, Uint8Array> => tokenizerFilesOf(vocabulary(), MAX_LENGTH);

/** config.json of a tiny BERT for the garden language, in Hugging Face names. */
export const gardenConfig = (): ReturnType<typeof tinyBertConfig> =>
  tinyBertConfig(vocabulary().length, MAX_LENGTH);
