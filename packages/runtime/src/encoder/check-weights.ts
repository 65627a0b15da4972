// An encoder of arrays whose parts fit each other: kernels take sizes as they are told.
import { RuntimeError } from './errors.js';
import type { BlockWeights, EncoderWeights, LinearWeights, NormWeights } from './weights.js';

/** Columns that may share a scale. */
const MOST = 2 ** 28;

type Expect = (name: string, what: string, expected: number, found: number) => void;

const expect: Expect = (name, what, expected, found) => {
  if (expected !== found)
    throw new RuntimeError(
      'weights',
      `${name}: expected ${expected} ${what}, found ${found}; the weights do not fit each other, make them anew`,
    );
};

function checkLayer(name: string, { rows, columns }: LinearWeights, outputs: number, inputs: number): void {
  expect(name, 'rows', outputs, rows);
  expect(name, 'columns', inputs, columns);
}

function checkNorm(name: string, { gain, bias }: NormWeights, hidden: number): void {
  expect(name, 'gains', hidden, gain.length);
  expect(name, 'biases', hidden, bias.length);
}

function checkBlock(
  name: string,
  { attention, attended, attendedNorm, wide, narrow, norm }: BlockWeights,
  { hidden, headSize }: EncoderWeights,
): void {
  const width = attention?.query.rows ?? 0;
  if (attention) {
    expect(`${name}.query`, 'rows beside whole heads', 0, width % headSize);
    for (const part of ['query', 'key', 'value'] as const)
      checkLayer(`${name}.${part}`, attention[part], width, hidden);
  }
  checkLayer(`${name}.attended`, attended, hidden, width);
  checkNorm(`${name}.attendedNorm`, attendedNorm, hidden);
  if (wide) checkLayer(`${name}.wide`, wide, wide.rows, hidden);
  checkLayer(`${name}.narrow`, narrow, hidden, wide?.rows ?? 0);
  checkNorm(`${name}.norm`, norm, hidden);
}

/** Throws RuntimeError 'weights' that names the part. Arrays within a part are checked where they are placed. */
export function checkWeights(weights: EncoderWeights): void {
  const { hidden, headSize, epsilon, embeddings, blocks, head } = weights;
  for (const [name, value] of Object.entries({ hidden, headSize }))
    if (!Number.isInteger(value) || value < 1)
      throw new RuntimeError('weights', `${name}: expected a whole number above 0, found ${value}`);
  if (!(Math.fround(epsilon) > 0))
    throw new RuntimeError('weights', `epsilon: expected a number above 0, found ${epsilon}`);
  const { words, positions, types, norm } = embeddings;
  for (const table of [words, positions, types])
    if (table?.form === 'int4' && !(Number.isInteger(table.group) && table.group > 0 && table.group <= MOST))
      throw new RuntimeError('weights', `group: expected one of 1 to ${MOST}, found ${table.group}`);
  checkNorm('embeddings.norm', norm, hidden);
  blocks.forEach((block, i) => {
    checkBlock(`block ${i}`, block, weights);
  });
  if (head?.kind === 'span') checkLayer('head.output', head.output, 2, hidden);
  if (head?.kind === 'classification') {
    checkLayer('head.dense', head.dense, hidden, hidden);
    checkLayer('head.output', head.output, head.output.rows, hidden);
  }
}
