// Token ids of a batch into the memory, after every one of them has been checked.
import type { Views } from '../kernels/kernel.js';
import { RuntimeError } from './errors.js';
import type { Plan } from './plan.js';
import type { PlacedTable } from './tables.js';
import type { Sequence } from './tiles.js';

/** Ids of one sequence, special tokens included, without padding. */
export interface Tokens {
  readonly ids: ArrayLike<number>;
  /** Zeros if left out. */
  readonly typeIds?: ArrayLike<number>;
}

function checkRow(name: string, { rows }: PlacedTable, row: number): number {
  if (Number.isInteger(row) && row >= 0 && row < rows) return row;
  throw new RuntimeError(
    'tokens',
    `${name}: expected one from 0 to ${rows - 1}, found ${row}; is it another tokenizer's?`,
  );
}

/** Writes ids, positions and token types of a sequence; positions begin at `firstPosition`. */
export function writeTokens(
  { embeddings: { words, positions, types }, shared }: Plan,
  { i32 }: Pick<Views, 'i32'>,
  { first, tokens }: Sequence,
  { ids, typeIds }: Tokens,
  firstPosition: number,
): void {
  for (let token = 0; token < tokens; token++) {
    const at = first + token;
    i32[shared.ids / 4 + at] = checkRow('id', words, ids[token]!);
    i32[shared.positions / 4 + at] = checkRow('position', positions, firstPosition + token);
    if (types)
      i32[shared.types / 4 + at] =
        types.rows === 1 ? 0 : checkRow('token type', types, typeIds?.[token] ?? 0);
  }
}
