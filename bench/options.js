// Command-line options of the benchmarks: strings with defaults, some of which are counts.
import { parseArgs } from 'node:util';
import { SIZES } from './sizes.js';

/**
 * --size, --json and the counts that `least` bounds from below. What the command line leaves out comes from `defaults`
 * or, once the size is known, from `bySize`. Returns a message when something is wrong.
 */
export function parseOptions(args, defaults, least, bySize = () => ({})) {
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        size: { type: 'string', default: 'mini' },
        json: { type: 'boolean', default: false },
        ...Object.fromEntries(
          Object.keys(least).map((name) => [
            name,
            { type: 'string', ...(name in defaults && { default: defaults[name] }) },
          ]),
        ),
      },
    }));
  } catch (error) {
    return error.message;
  }
  if (!Object.hasOwn(SIZES, values.size)) return `--size: expected mini, base or large, found ${values.size}`;
  const options = { ...bySize(values.size), ...values };
  for (const [name, bound] of Object.entries(least)) {
    const value = Number(options[name]);
    if (!Number.isInteger(value) || value < bound)
      return `--${name}: expected an integer from ${bound}, found ${options[name]}`;
    options[name] = value;
  }
  return options;
}
