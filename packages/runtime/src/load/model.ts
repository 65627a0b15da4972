// A loaded model: texts or ids in, labels, vectors or answers out.
import { type Encoder, RuntimeError, type SpanLogits, type Tokens } from '../encoder/index.js';
import type { PackTask } from '../format/index.js';
import type { EncodedText, TextTokenizer } from '../tokenizer/text-tokenizer.js';
import { oneOf, textOf } from './arguments.js';
import { type Answer, ask, bestAnswer, type Question } from './answer.js';
import type { ModelConfig } from './config.js';
import { sigmoid, softmax } from './softmax.js';

/** One text, or two that belong together. */
export type TextInput = string | { readonly text: string; readonly pair?: string | null | undefined };

export interface Scores {
  /** The likeliest label; 'score' of a regression. */
  readonly label: string;
  /** Its probability; of a regression the value. */
  readonly score: number;
  /** By index of `labels`; of a regression the value alone. */
  readonly scores: readonly number[];
  readonly logits: Float32Array;
}

export interface Classification extends Scores {
  /** Whether the end of a text was left out, since it was longer than the model reads. */
  readonly truncated: boolean;
}

export interface EmbedOptions {
  /** Mean of all tokens (default), or the first one's state. */
  readonly pooling?: 'mean' | 'cls' | undefined;
  /** Whether vectors are divided by their length. Default: false. */
  readonly normalise?: boolean | undefined;
}

export interface Embedding {
  /** [hidden]. */
  readonly vector: Float32Array;
  readonly truncated: boolean;
}

/** Calls may overlap. All throw RuntimeError 'disposed' after `dispose`. */
export interface Model {
  /** What it was trained for, where the file says so. */
  readonly task: PackTask | undefined;
  /** By index of the logit; none of a model without a head for labels. */
  readonly labels: readonly string[];
  readonly config: ModelConfig;
  /** Of the file, and of what is kept in memory: layers, embeddings, room for the largest batch. */
  readonly bytes: { readonly file: number; readonly memory: number };
  /** Which instructions the self-test has chosen for each group of kernels. */
  readonly levels: Encoder['levels'];
  /** Threads that compute. */
  readonly threads: number;
  /** Why there is one alone where more were asked for. */
  readonly note: string | undefined;
  classify(input: TextInput): Promise<Classification>;
  classify(inputs: readonly TextInput[]): Promise<Classification[]>;
  embed(input: TextInput, options?: EmbedOptions): Promise<Embedding>;
  embed(inputs: readonly TextInput[], options?: EmbedOptions): Promise<Embedding[]>;
  answer(question: Question): Promise<Answer>;
  answer(questions: readonly Question[]): Promise<Answer[]>;
  /** The same of ids, special tokens included; needs no tokenizer. */
  classifyIds(batch: readonly Tokens[]): Promise<Scores[]>;
  embedIds(batch: readonly Tokens[], options?: EmbedOptions): Promise<Float32Array[]>;
  /** Logits of where an answer starts and ends. */
  spanIds(batch: readonly Tokens[]): Promise<SpanLogits[]>;
  /** Gives the memory back. Twice is once. */
  dispose(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface ModelParts extends Pick<Model, 'task' | 'labels' | 'config' | 'bytes'> {
  readonly encoder: Encoder;
  readonly tokenizer: TextTokenizer | undefined;
  /** Ids of the longest input. */
  readonly length: number;
  /** Whether every label is a question of its own. */
  readonly multiLabel: boolean;
}

const isList = <T>(input: T | readonly T[]): input is readonly T[] => Array.isArray(input);

/** What has left the range of f32 on its way through the layers is no answer. */
function finite(values: Float32Array): Float32Array {
  if (values.every(Number.isFinite)) return values;
  throw new RuntimeError('weights', 'expected finite results: the weights are too large');
}

const normalised = (vector: Float32Array): Float32Array => {
  const norm = Math.hypot(...vector) || 1;
  return vector.map((value) => value / norm);
};

function scoresOf(logits: Float32Array, labels: readonly string[], multiLabel: boolean): Scores {
  if (logits.length === 1) return { label: 'score', score: logits[0]!, scores: [logits[0]!], logits };
  const scores = multiLabel ? Array.from(logits, sigmoid) : softmax(logits);
  const best = scores.indexOf(Math.max(...scores));
  return { label: labels[best]!, score: scores[best]!, scores, logits };
}

export function createModel({ encoder, tokenizer: found, length, multiLabel, ...about }: ModelParts): Model {
  const { labels } = about;
  const { levels } = encoder;
  // Nothing else that outlives this call refers to the two, so that `dispose` frees both.
  let state: Pick<ModelParts, 'encoder' | 'tokenizer'> | undefined = { encoder, tokenizer: found };
  const alive = () => {
    if (state) return state;
    throw new RuntimeError('disposed', 'the model has been disposed of; load it again');
  };
  /** Whatever it throws is a rejection. */
  const compute = <R>(what: (encoder: Encoder) => R): Promise<R> =>
    new Promise((resolve) => resolve(what(alive().encoder)));
  const tokenizer = (): TextTokenizer => {
    const { tokenizer } = alive();
    if (tokenizer) return tokenizer;
    throw new RuntimeError(
      'no-tokenizer',
      'the file has no tokenizer: give ids (classifyIds, embedIds, spanIds), or pack the model with its tokenizer',
    );
  };
  const encode = (inputs: readonly TextInput[]): EncodedText[] =>
    Array.from(inputs, (input: TextInput | undefined, i) => {
      const { text, pair } = typeof input === 'string' ? { text: input } : { ...input };
      const second = pair === undefined || pair === null ? undefined : textOf(`pair ${i}`, pair);
      return tokenizer().encode(textOf(`text ${i}`, text), second, length);
    });
  const classifyIds = (batch: readonly Tokens[]): Promise<Scores[]> =>
    compute((encoder) => encoder.classify(batch).map((of) => scoresOf(finite(of), labels, multiLabel)));
  const embedIds = async (
    batch: readonly Tokens[],
    { pooling = 'mean', normalise = false }: EmbedOptions = {},
  ): Promise<Float32Array[]> => {
    oneOf('pooling', ['mean', 'cls'], pooling);
    const vectors = await compute((encoder) =>
      (pooling === 'cls' ? encoder.first(batch) : encoder.mean(batch)).map(finite),
    );
    return normalise ? vectors.map(normalised) : vectors;
  };
  const spanIds = (batch: readonly Tokens[]): Promise<SpanLogits[]> =>
    compute((encoder) =>
      encoder.spans(batch).map(({ start, end }) => ({ start: finite(start), end: finite(end) })),
    );

  function classify(input: TextInput): Promise<Classification>;
  function classify(inputs: readonly TextInput[]): Promise<Classification[]>;
  async function classify(input: TextInput | readonly TextInput[]) {
    const encoded = encode(isList(input) ? input : [input]);
    const scores = await classifyIds(encoded);
    const results = scores.map((of, i) => ({ ...of, truncated: encoded[i]!.truncated }));
    return isList(input) ? results : results[0]!;
  }

  function embed(input: TextInput, options?: EmbedOptions): Promise<Embedding>;
  function embed(inputs: readonly TextInput[], options?: EmbedOptions): Promise<Embedding[]>;
  async function embed(input: TextInput | readonly TextInput[], options?: EmbedOptions) {
    const encoded = encode(isList(input) ? input : [input]);
    const vectors = await embedIds(encoded, options);
    const results = vectors.map((vector, i) => ({ vector, truncated: encoded[i]!.truncated }));
    return isList(input) ? results : results[0]!;
  }

  function answer(question: Question): Promise<Answer>;
  function answer(questions: readonly Question[]): Promise<Answer[]>;
  async function answer(input: Question | readonly Question[]) {
    const questions = isList(input) ? input : [input];
    const asked = questions.map((question) => ask(tokenizer(), { ...question }, length));
    const logits = await spanIds(asked.map(({ tokens }) => tokens));
    const answers = asked.map((one, i) => bestAnswer(questions[i]!.context, one, logits[i]!));
    return isList(input) ? answers : answers[0]!;
  }

  const dispose = (): void => {
    state?.encoder.dispose();
    state = undefined;
  };
  return {
    ...{ ...about, levels, classify, embed, answer, classifyIds, embedIds, spanIds, dispose },
    get threads() {
      return state?.encoder.threads ?? 1;
    },
    get note() {
      return state?.encoder.note;
    },
    [Symbol.asyncDispose]: async () => {
      const of = state?.encoder;
      state = undefined;
      await of?.[Symbol.asyncDispose]();
    },
  };
}
