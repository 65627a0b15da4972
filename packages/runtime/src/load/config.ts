// config.json of a packed file, checked: what of it the encoder and its answers depend on.
import { RuntimeError } from '../encoder/index.js';
import type { PackHeader } from '../format/index.js';
import { isObject, type JsonObject } from '../json.js';
import { FAMILIES, type Family } from './families.js';

/** What a model is, in short. */
export interface ModelConfig {
  readonly family: string;
  readonly hidden: number;
  readonly headSize: number;
  /** By block. */
  readonly heads: readonly number[];
  readonly neurons: readonly number[];
  readonly vocabulary: number;
  /** Tokens that an input may have, special ones among them. */
  readonly longest: number;
}

/** The same with what only the encoder needs to know. */
export interface EncoderConfig extends ModelConfig {
  readonly names: Family;
  readonly positions: number;
  readonly firstPosition: number;
  /** Rows of token types. */
  readonly types: number;
  readonly epsilon: number;
}

/** Settings beyond these are damage or worse, and must not ask for all memory. */
const MOST = 2 ** 28;
const MOST_BLOCKS = 1024;
/** Of DistilBERT, whose config has none. */
const EPSILON = 1e-12;

const unsupported = (message: string): RuntimeError => new RuntimeError('unsupported-model', message);

function countAt(config: JsonObject, key: string, most = MOST, least = 1): number {
  const value = config[key];
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw unsupported(
    `config: ${key}: expected a whole number from ${least} to ${most}, found ${JSON.stringify(value)}`,
  );
}

/** Counts by block: those under "espalier", where blocks have lost some, else the same for all. */
function countsAt(config: JsonObject, key: 'heads' | 'neurons', blocks: number, most: number): number[] {
  const own = isObject(config['espalier']) ? config['espalier'][key] : undefined;
  if (own === undefined) return new Array<number>(blocks).fill(most);
  const isCounts = (value: unknown): value is number[] =>
    Array.isArray(value) && value.every((count) => Number.isInteger(count) && count >= 0 && count <= most);
  if (isCounts(own) && own.length === blocks) return own;
  throw unsupported(
    `config: espalier.${key}: expected ${blocks} counts of at most ${most}, found ${JSON.stringify(own).slice(0, 80)}`,
  );
}

/** Variants that compute something else are refused rather than computed wrongly. */
function refuseVariants(config: JsonObject, { settings }: Family): void {
  const expect = (key: string, expected: readonly unknown[]): void => {
    const found = config[key];
    if (found === undefined || found === null || expected.includes(found)) return;
    throw unsupported(
      `config: ${key}: expected ${JSON.stringify(expected[0])}, found ${JSON.stringify(found)}`,
    );
  };
  expect(settings.activation, ['gelu', 'gelu_python']); // the exact one, by either name
  expect('position_embedding_type', ['absolute']);
  expect('is_decoder', [false]);
  expect('embedding_size', [config[settings.hidden]]);
}

/** Throws RuntimeError 'unsupported-model' where this is no encoder that can be computed. */
export function encoderConfig({ config, tensors }: PackHeader): EncoderConfig {
  const found = config['model_type'];
  const names = FAMILIES.find(({ name }) => name === found);
  if (!names)
    throw unsupported(
      `model_type: expected ${FAMILIES.map(({ name }) => name).join(', ')}, found ${JSON.stringify(found)}`,
    );
  if (tensors.has('layer_mix.scores'))
    throw unsupported('expected a head over the last block, found one over all blocks (layer_mix)');
  refuseVariants(config, names);
  const { settings } = names;
  const hidden = countAt(config, settings.hidden);
  const heads = countAt(config, settings.heads);
  if (hidden % heads !== 0)
    throw unsupported(`config: ${settings.hidden}: expected a multiple of ${heads} heads, found ${hidden}`);
  const blocks = countAt(config, settings.blocks, MOST_BLOCKS);
  const positions = countAt(config, 'max_position_embeddings');
  const firstPosition = names.positionsAfterPadding
    ? 1 + countAt(config, 'pad_token_id', positions - 2, 0)
    : 0;
  const epsilon = settings.epsilon === undefined ? EPSILON : config[settings.epsilon];
  if (typeof epsilon !== 'number' || !(Math.fround(epsilon) > 0))
    throw unsupported(
      `config: ${settings.epsilon!}: expected a number above 0, found ${JSON.stringify(epsilon)}`,
    );
  return {
    ...{ family: names.name, names, hidden, headSize: hidden / heads, epsilon, positions, firstPosition },
    heads: countsAt(config, 'heads', blocks, heads),
    neurons: countsAt(config, 'neurons', blocks, countAt(config, settings.neurons)),
    vocabulary: countAt(config, 'vocab_size'),
    types: names.types === 'none' ? 0 : countAt(config, 'type_vocab_size'),
    longest: positions - firstPosition,
  };
}

/** Names of labels by index of the logit: the task's, else the config's; none where neither says. */
export function labelsOf({ task, config }: PackHeader): readonly string[] {
  if (task && task.labels.length > 0) return task.labels;
  const names = isObject(config['id2label']) ? config['id2label'] : {};
  const labels = Object.keys(names).map((_, index) => names[String(index)]);
  return labels.every((label) => typeof label === 'string') ? labels : [];
}
