// Every compression method, in one list. A test walks it.
import { UsageError } from '../errors.js';
import { describeIssue } from '../invalid.js';
import { adapt } from './adapt.js';
import { adaptMagnitude, adaptRandom } from './adapt-baselines.js';
import { adaptIterative } from './adapt-iterative.js';
import { distil } from './distil.js';
import { dropByPlace, dropContribution } from './drop-layers.js';
import { lock } from './lock.js';
import { magnitude } from './magnitude.js';
import type { Method, MethodHooks } from './method.js';
import { nip } from './nip.js';
import { pruneOnce } from './prune-once.js';
import { quantise } from './quantise.js';
import { rpp } from './rpp.js';
import { structured } from './structured.js';
import { vocabulary } from './vocabulary.js';

/** A method whose options are validated behind `create`, so that methods of every option type stand in one list. */
export interface AnyMethod extends Omit<Method, 'create'> {
  /** Validates raw options and returns the hooks. Throws UsageError naming the option. */
  create(options: unknown): MethodHooks;
  /** Validated options, defaults filled in. */
  parse(options: unknown): Record<string, unknown>;
}

function listed<Options extends Record<string, unknown>>(method: Method<Options>): AnyMethod {
  const parse = (options: unknown): Options => {
    const result = method.options.safeParse(options);
    if (result.success) return result.data;
    const issue = result.error.issues[0]!;
    const where = issue.path.length > 0 ? `option "${issue.path.join('.')}"` : 'options';
    const text = describeIssue(issue, options);
    throw new UsageError(`method "${method.name}", ${where}: ${text}; see "espalier methods"`);
  };
  return { ...method, parse, create: (options) => method.create(parse(options)) };
}

export const METHODS: readonly AnyMethod[] = [
  listed(magnitude),
  listed(nip),
  listed(rpp),
  listed(pruneOnce),
  listed(lock),
  listed(distil),
  listed(quantise),
  listed(structured),
  ...dropByPlace.map(listed),
  listed(dropContribution),
  listed(adapt),
  listed(adaptRandom),
  listed(adaptMagnitude),
  listed(adaptIterative),
  listed(vocabulary),
];

/** Those whose result is an adapter beside an untouched base. */
export const ADAPTERS: readonly string[] = [adapt, adaptRandom, adaptMagnitude, adaptIterative].map(
  ({ name }) => name,
);

/** Those that act before text becomes ids: they stand in stages "transform", which come first. */
export const TRANSFORMS: readonly string[] = [vocabulary.name];

export function methodNamed(name: string): AnyMethod {
  const method = METHODS.find((candidate) => candidate.name === name);
  if (!method) {
    throw new UsageError(
      `unknown method "${name}"; expected one of: ${METHODS.map((m) => m.name).join(', ')}`,
    );
  }
  return method;
}
