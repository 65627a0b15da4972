// What methods declare for a stage, collected before memory is planned: parameters, masks, factors, carries, feeds
// and small states. Declaring the same name again must repeat the same shape.
import type { MethodState } from '../methods/method.js';

export interface DeclaredParameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly init: () => Float32Array;
  readonly group: string;
}

export interface DeclaredCarry {
  readonly name: string;
  readonly shape: readonly number[];
  /** The present value, and the array the session writes the next one to. */
  value: Float32Array;
  next: Float32Array;
}

export interface DeclaredFeed {
  readonly name: string;
  readonly shape: readonly number[];
  readonly value: (step: number) => ArrayLike<number>;
}

export interface Declarations {
  readonly parameters: Map<string, DeclaredParameter>;
  readonly masks: Set<string>;
  /** Masked tensors whose pruned entries live on in slot `dense`. */
  readonly regrown: Set<string>;
  readonly factors: Set<string>;
  readonly frozen: Set<string>;
  readonly carries: Map<string, DeclaredCarry>;
  readonly feeds: Map<string, DeclaredFeed>;
  readonly states: Map<string, MethodState<unknown>>;
}

export const createDeclarations = (): Declarations => ({
  parameters: new Map(),
  masks: new Set(),
  regrown: new Set(),
  factors: new Set(),
  frozen: new Set(),
  carries: new Map(),
  feeds: new Map(),
  states: new Map(),
});

/** Adds `made` under its name, or returns what is there after checking that the shape is the same. */
export function declareOnce<T extends { readonly name: string; readonly shape: readonly number[] }>(
  known: Map<string, T>,
  name: string,
  shape: readonly number[],
  make: () => T,
): T {
  const existing = known.get(name);
  if (!existing) {
    const made = make();
    known.set(name, made);
    return made;
  }
  if (existing.shape.join() !== shape.join()) {
    throw new Error(
      `"${name}" was declared as [${existing.shape.join(', ')}] and again as [${shape.join(', ')}]`,
    );
  }
  return existing;
}
