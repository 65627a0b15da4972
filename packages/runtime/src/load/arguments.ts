// What callers give, checked: from JavaScript it may be anything.
import { RuntimeError } from '../encoder/index.js';

const wrong = (name: string, expected: string, found: unknown): RuntimeError =>
  new RuntimeError('option', `${name}: expected ${expected}, found ${String(found)}`);

export function oneOf<T>(name: string, all: readonly T[], found: T): T {
  if (all.includes(found)) return found;
  throw wrong(name, all.join(', '), found);
}

export function textOf(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw wrong(name, 'text', value);
}
