// Command line of the inference benchmark.
import { parseArgs } from 'node:util';
import { SHAPES } from './sizes.js';

export const USAGE =
  `npm run bench -- infer --shape ${Object.keys(SHAPES).join('|')} [--sparsity 0.9] | ` +
  '--model FILE.espalier|DIR [--dense DIR]\n' +
  '  [--tokens 128] [--threads 1] [--rounds 3] [--runs 20] [--json]';

const COUNTS = ['tokens', 'threads', 'rounds', 'runs'];
const text = (value) => ({ type: 'string', ...(value !== undefined && { default: value }) });

const OPTIONS = {
  ...{ shape: text(), sparsity: text(), model: text(), dense: text() },
  ...{ tokens: text('128'), threads: text('1'), rounds: text('3'), runs: text('20') },
  json: { type: 'boolean', default: false },
};

/** The options, or what is wrong with them. */
export function parseInfer(args) {
  let values;
  try {
    ({ values } = parseArgs({ args, options: OPTIONS }));
  } catch (error) {
    return error.message;
  }
  const { model, dense, shape, sparsity } = values;
  if (model !== undefined && (shape ?? sparsity) !== undefined)
    return `--model ${model}: has its own shape and zeros; leave --shape and --sparsity out`;
  if (model === undefined && dense !== undefined) return `--dense ${dense}: belongs to --model`;
  const options = { ...values, shape: shape ?? 'bert-base', sparsity: Number(sparsity ?? 0.9) };
  if (!Object.hasOwn(SHAPES, options.shape))
    return `--shape: expected ${Object.keys(SHAPES).join(', ')}, found ${shape}`;
  if (!(options.sparsity >= 0 && options.sparsity < 1))
    return `--sparsity: expected a number from 0 to below 1, found ${sparsity}`;
  for (const name of COUNTS) {
    options[name] = Number(values[name]);
    if (!Number.isInteger(options[name]) || options[name] < 1)
      return `--${name}: expected an integer from 1, found ${values[name]}`;
  }
  return options;
}
