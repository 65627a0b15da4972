// Messages about refused values: expected and found, in words.
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { describeIssue } from '../src/invalid.js';

const describeFirst = (schema: z.ZodType, input: unknown): string =>
  describeIssue(schema.safeParse(input).error!.issues[0]!, input);

describe('describeIssue', () => {
  const own = z.number().gt(0, { error: 'expected a fraction' });
  it.each<[z.ZodType, unknown, string]>([
    [z.int().positive(), 0, 'expected a number of more than 0, found 0'],
    [z.int().min(3), 1, 'expected a number of at least 3, found 1'],
    [z.number().max(1), 99.5, 'expected a number of at most 1, found 99.5'],
    [z.number().lt(1), 1, 'expected a number of less than 1, found 1'],
    [z.object({ n: z.int() }), { n: 1.5 }, 'expected a whole number, found 1.5'],
    [z.object({ n: z.int() }), {}, 'expected a number, found nothing'],
    [z.number(), NaN, 'expected a number, found NaN'],
    [z.object({}), null, 'expected an object, found null'],
    [z.array(z.enum(['a', 'b'])), ['a', 'c'], 'expected one of a, b, found "c"'],
    [z.array(z.string()).min(1), [], 'expected a length of at least 1, found []'],
    [z.strictObject({}), { sparsty: 1 }, 'unknown key "sparsty"'],
    [z.object({ own }), { own: 0 }, 'expected a fraction, found 0'],
  ])('%#: says what was expected and what was found', (schema, input, text) => {
    expect(describeFirst(schema, input)).toBe(text);
  });
});
