// From a packed file to a model that answers.
import { openEncoder } from '../decode/open.js';
import type { PackedEncoder } from '../decode/packed.js';
import { type Level, RuntimeError, type Threads } from '../encoder/index.js';
import type { PackHeader } from '../format/index.js';
import { LEVELS } from '../kernels/kernel.js';
import { textTokenizer } from '../tokenizer/text-tokenizer.js';
import { oneOf } from './arguments.js';
import { type EncoderConfig, encoderConfig, labelsOf } from './config.js';
import { type Form, FORMS } from './linear-form.js';
import { createModel, type Model } from './model.js';
import { type Reading, readSource, type ReadOptions, type Source } from './read-source.js';
import { weightsOf } from './weights.js';

/** Of the largest batch that is computed at once, by default: more take more memory, and are no faster. */
const ROWS = 8;
const LENGTH = 512;

export interface LoadOptions extends ReadOptions {
  /** In what the layers are computed. Default: auto. */
  readonly form?: Form | undefined;
  /**
   * Rows and tokens of the largest batch that is computed at once; longer texts lose their end. Default: 8 rows of as many
   * tokens as the model has positions for, 512 at most.
   */
  readonly largest?: { readonly rows?: number | undefined; readonly length?: number | undefined } | undefined;
  /** `threads(2)` of '@espalier/runtime/threads'. Default: the calling thread alone. */
  readonly threads?: Threads | undefined;
  /** Instructions that may be used, of those that the engine has. Default: all. */
  readonly levels?: readonly Level[] | undefined;
}

function checkOptions({
  form = 'auto',
  largest: { rows = ROWS, length = LENGTH } = {},
  levels = LEVELS,
  threads,
}: LoadOptions) {
  oneOf('form', FORMS, form);
  for (const level of levels) oneOf('levels', LEVELS, level);
  if (threads && typeof threads !== 'object')
    throw new RuntimeError('option', 'threads: expected what threads(2) returns');
  return { form, rows, length };
}

const fieldsOf = (config: EncoderConfig) => {
  const { family, hidden, headSize, heads, neurons, vocabulary, longest } = config;
  return { family, hidden, headSize, heads, neurons, vocabulary, longest };
};

/** Names of the labels of the model's head; throws where there are not as many as logits. */
function headLabels(header: PackHeader, { head }: PackedEncoder): readonly string[] {
  if (head?.kind !== 'classification') return [];
  const { rows } = head.output;
  const labels = labelsOf(header);
  if (labels.length === rows && rows > 0) return labels;
  if ((labels.length === 0 && rows > 0) || rows === 1)
    return Array.from({ length: rows }, (_, i) => `LABEL_${i}`);
  throw new RuntimeError(
    'weights',
    `head: expected an output for each of ${labels.length || 'its'} labels, found ${rows}; pack the model again`,
  );
}

/**
 * Opens a packed file and makes it ready to compute. Rejects with PackError where the file is broken, with RuntimeError where
 * it cannot be had or computed, with the signal's reason where it was aborted.
 */
export async function load(source: Source, options: LoadOptions = {}): Promise<Model> {
  const { form, ...largest } = checkOptions(options);
  const reading = await readSource(source, options);
  try {
    return await open(reading, form, largest, options);
  } finally {
    await reading.close();
  }
}

async function open(
  { header, fileLength, sections }: Reading,
  form: Form,
  largest: { readonly rows: number; readonly length: number },
  { levels, threads }: LoadOptions,
): Promise<Model> {
  const config = encoderConfig(header);
  const weights = weightsOf(header, config, form);
  const labels = headLabels(header, weights);
  const length = Math.min(largest.length, config.longest);
  const opening = openEncoder(weights, {
    ...{ largest: { rows: largest.rows, length }, threads },
    ...(levels && { levels }),
  });
  const files = new Map<string, Uint8Array>();
  for await (const part of sections) {
    if (part.of === 'tensor') await opening.take(part.section, part.bytes);
    else files.set(part.section.name, await opening.file(part.section, part.bytes));
  }
  const tokenizer = textTokenizer(files);
  const encoder = await opening.finish();
  return createModel({
    ...{ encoder, tokenizer, labels, length, task: header.task, config: fieldsOf(config) },
    bytes: { file: fileLength, memory: encoder.bytes },
    multiLabel: header.config['problem_type'] === 'multi_label_classification',
  });
}
