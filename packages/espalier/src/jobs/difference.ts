// Why a run is not the one that its folder holds: the first of its options that differs, as the command line calls it.
import { flagOf } from '../flag.js';

/** Options of a run by name, as JSON keeps them; hashes stand for weights and data. */
export type RunRecord = Readonly<Record<string, unknown>>;

const isHash = (value: unknown): value is string => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);

const shown = (value: unknown): string => {
  if (value === undefined || value === null) return 'none';
  if (isHash(value)) return `${value.slice(0, 12)}...`;
  return typeof value === 'string' ? value : JSON.stringify(value);
};

/** The leaves of a value by their dotted paths, in its order; null is as good as nothing. */
function leavesOf(value: unknown, path: readonly string[] = []): [string, unknown][] {
  if (typeof value !== 'object' || value === null) return [[path.join('.'), value ?? undefined]];
  return Object.entries(value).flatMap(([key, below]) => leavesOf(below, [...path, key]));
}

/** Settings and options that have a flag of their own. */
const FLAGS = [
  ...['epochs', 'steps', 'batchSize', 'microBatchSize', 'lr', 'warmup', 'maxLength'],
  ...['seed', 'threads', 'device', 'select', 'evalEvery', 'limit', 'onnx'],
];

/** What the user knows a path as. */
function nameOf(path: string): string {
  const [first = '', ...rest] = path.split('.');
  const [last = ''] = rest;
  if (first === 'settings') return FLAGS.includes(last) ? flagOf(last) : `--set ${rest.join('.')}`;
  if (first === 'weights') return `weights of ${last}`;
  if (first === 'files') return `data file ${Number(last) + 1}`;
  if (path === 'trainRows') return 'number of training examples';
  if (last === 'examples') return 'training examples';
  if (first === 'data') return rest.join('.');
  return FLAGS.includes(first) ? flagOf(first) : path;
}

/** The first option in which `found` differs from `expected`, with both values; undefined where none does. */
export function differenceOf(expected: RunRecord, found: RunRecord): string | undefined {
  const [before, after] = [new Map(leavesOf(expected)), new Map(leavesOf(found))];
  const path = [...after.keys(), ...before.keys()].find((key) => before.get(key) !== after.get(key));
  if (path === undefined) return undefined;
  return `${nameOf(path)}: expected ${shown(before.get(path))}, found ${shown(after.get(path))}`;
}
