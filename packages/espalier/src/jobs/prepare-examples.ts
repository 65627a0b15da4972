// From raw examples to tokenised ones, by kind of task, and what the user should know of them.
import { tokenizeExamples } from '../data/batches.js';
import type { Example, RawExample, Task } from '../data/example.js';
import { spanExamples, type SpanExamples, type SpanOptions } from '../data/squad/examples.js';
import type { Tokenizer } from '../data/tokenizer.js';
import { EspalierError } from '../errors.js';
import type { RunControl } from '../recipe/run.js';

export type Split = 'train' | 'held-out' | 'dev';

type Prepare = (
  tokenizer: Tokenizer,
  raw: readonly RawExample[],
  options: SpanOptions & { readonly split: Split },
  control: RunControl,
) => readonly Example[];

const prepareLabels: Prepare = (tokenizer, raw, { maxLength }) => tokenizeExamples(tokenizer, raw, maxLength);

const prepareSpans: Prepare = (tokenizer, raw, { split, ...options }, control) => {
  const made = spanExamples(tokenizer, raw, options, { trained: split === 'train' });
  for (const message of spanNotes(made, split)) control.onEvent({ type: 'note', message });
  if (raw.length > 0 && made.examples.length === 0) {
    throw new EspalierError(`${split}: no question is left, since no answer stands where answer_start says`);
  }
  return made.examples;
};

const KINDS: Readonly<Record<Task['kind'], Prepare>> = {
  classification: prepareLabels,
  regression: prepareLabels,
  span: prepareSpans,
};

export const prepareExamples = ({ kind }: Task, ...rest: Parameters<Prepare>): readonly Example[] =>
  KINDS[kind](...rest);

/** Ids that a note names. */
const NAMED = 3;

function spanNotes(
  { examples, questions, contexts, inexact, misplaced }: SpanExamples,
  split: Split,
): string[] {
  if (questions === 0) return [];
  const named = `${misplaced.slice(0, NAMED).join(', ')}${misplaced.length > NAMED ? ', ...' : ''}`;
  const consequence = split === 'train' ? 'they are left out' : 'their texts count all the same';
  return [
    `${split}: ${questions} questions, ${examples.length} windows`,
    ...(misplaced.length === 0
      ? []
      : [
          `${split}: the answers of ${misplaced.length} of ${questions} questions do not stand where answer_start says ` +
            `(${named}); ${consequence}`,
        ]),
    ...(inexact === 0
      ? []
      : [`${split}: ${inexact} of ${contexts} contexts have other ids word by word than as a whole`]),
  ];
}
