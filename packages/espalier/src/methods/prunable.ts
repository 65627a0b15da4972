// Which tensors a pruning method touches: a set of the family's linear matrices by default, a name pattern otherwise.
import { z } from 'zod';
import { UsageError } from '../errors.js';
import { familyOf } from '../models/families.js';
import type { Model } from '../models/model.js';
import type { StageContext } from './method.js';

const BETWEEN = 'expected a number between 0 and 1, both ends excluded';

export const sparsityOption = z
  .number()
  .gt(0, { error: BETWEEN })
  .lt(1, { error: BETWEEN })
  .describe('fraction of the prunable weights that become zero, between 0 and 1');

const patternOver = (byDefault: string) =>
  z.string().optional().describe(`regular expression over parameter names; default: ${byDefault}`);

export const patternOption = patternOver('the linear matrices of every encoder block');

/** For methods whose default is the family's `prunedLinear`. */
export const widePatternOption = patternOver("every linear matrix outside the heads, the pooler's too");

/**
 * Names of the model's matrices that match `pattern`, or else `byDefault`; XLNet's of attention have three axes. Throws
 * UsageError when none does.
 */
export function prunableNames(
  { tensors, encoderLinear }: Pick<StageContext, 'tensors' | 'encoderLinear'>,
  pattern: string | undefined,
  byDefault = encoderLinear,
): string[] {
  const wanted = pattern === undefined ? byDefault : compilePattern(pattern);
  const names = tensors
    .filter(({ name, shape, group }) => group === 'model' && shape.length >= 2 && wanted.test(name))
    .map(({ name }) => name);
  if (names.length === 0) {
    throw new UsageError(`no matrix of the model matches ${wanted}; "espalier inspect" lists the names`);
  }
  return names;
}

/** Throws UsageError where no matrix of the model would be pruned. For the `check` hook. */
export function checkNames(
  { config, tensors }: Model,
  pattern: string | undefined,
  byDefault: 'encoderLinear' | 'prunedLinear' = 'encoderLinear',
): void {
  const family = familyOf(config);
  const own = [...tensors].map(([name, { shape }]) => ({ name, shape, group: 'model' }));
  prunableNames({ tensors: own, encoderLinear: family.encoderLinear }, pattern, family[byDefault]);
}

/** A regular expression from an option. Throws UsageError when it is none. */
export function compilePattern(pattern: string): RegExp {
  try {
    return new RegExp(pattern);
  } catch (cause) {
    throw new UsageError(`pattern "${pattern}" is not a regular expression: ${String(cause)}`, { cause });
  }
}
