// Which family a checkpoint belongs to: model_type says so; older configs lack it, and then the architecture's
// name or the tensors' do.
import { FormatError } from '../errors.js';
import { FAMILIES } from './families.js';

/** Families that can be told apart, with the class prefix and a tensor name that only they have. */
const SIGNS: readonly { name: string; architecture: RegExp; tensor: RegExp }[] = [
  { name: 'distilbert', architecture: /^DistilBert/, tensor: /^distilbert\./ },
  { name: 'roberta', architecture: /^Roberta/, tensor: /^roberta\./ },
  { name: 'electra', architecture: /^Electra/, tensor: /^electra\./ },
  { name: 'albert', architecture: /^Albert/, tensor: /^albert\./ },
  { name: 'xlnet', architecture: /^XLNet/, tensor: /^(transformer\.)?layer\.\d+\.rel_attn\./ },
  { name: 'bert', architecture: /^Bert/, tensor: /^(bert\.)?encoder\.layer\.\d+\.attention\.self\.query\./ },
];

const isStrings = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

/**
 * The family of a parsed config.json, or of the tensors beside it. Throws FormatError, listing what is supported,
 * for a family that is not.
 */
export function inferFamily(
  config: Readonly<Record<string, unknown>>,
  tensorNames: Iterable<string>,
  path: string,
): string {
  const { model_type: declared, architectures } = config;
  const byArchitecture = (): string | undefined =>
    isStrings(architectures)
      ? SIGNS.find(({ architecture }) => architectures.some((name) => architecture.test(name)))?.name
      : undefined;
  const byTensors = (): string | undefined => {
    const names = [...tensorNames];
    return SIGNS.find(({ tensor }) => names.some((name) => tensor.test(name)))?.name;
  };
  const found = typeof declared === 'string' ? declared : (byArchitecture() ?? byTensors());
  const supported = FAMILIES.map(({ name }) => name);
  if (found !== undefined && supported.includes(found)) return found;
  const known = `expected ${supported.join(', ')}`;
  if (found === undefined) {
    throw new FormatError(
      path,
      `model_type: ${known}; found none, and no name of an architecture or tensor tells`,
    );
  }
  const later = SIGNS.some(({ name }) => name === found);
  throw new FormatError(
    path,
    `model_type: ${known}; found ${JSON.stringify(found.slice(0, 80))}, ` +
      (later ? 'which is not supported yet' : 'which is not a known family'),
  );
}
