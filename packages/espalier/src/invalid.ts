// What is wrong with a value that a schema refuses, in the words of every other message: expected, found.
import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

/** How much of a value is shown. */
const SHOWN = 60;

function show(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value); // NaN is null in JSON
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text;
}

/** The value at a path of what was checked. */
const valueAt = (input: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined,
    input,
  );

const KINDS: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a number',
  string: 'text',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};
const kindOf = (name: string): string => KINDS[name] ?? name;

function limit({ origin, inclusive = true }: { origin: string; inclusive?: boolean }, of: string): string {
  const words = inclusive ? `at ${of}` : of === 'least' ? 'more than' : 'less than';
  return origin === 'array' || origin === 'string' ? `a length of ${words}` : `a number of ${words}`;
}

function expectation(issue: Issue): string {
  if (issue.code === 'invalid_type') return `expected ${kindOf(issue.expected)}`;
  if (issue.code === 'invalid_value') return `expected one of ${issue.values.map(String).join(', ')}`;
  const common = /^(Too|Invalid)/.test(issue.message); // what is not zod's own says what is expected itself
  if (common && issue.code === 'too_small') return `expected ${limit(issue, 'least')} ${issue.minimum}`;
  if (common && issue.code === 'too_big') return `expected ${limit(issue, 'most')} ${issue.maximum}`;
  return issue.message;
}

/** One line about `issue` in `input`: what was expected and what was found. */
export function describeIssue(issue: Issue, input: unknown): string {
  if (issue.code === 'unrecognized_keys') return `unknown key ${issue.keys.map(show).join(', ')}`;
  const value = valueAt(input, issue.path);
  return `${expectation(issue)}, found ${value === undefined ? 'nothing' : show(value)}`;
}
