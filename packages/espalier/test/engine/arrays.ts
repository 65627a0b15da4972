// Arrays for kernel tests: in one memory, aligned and padded as the kernels expect, with a guard after each.

import { expect } from 'vitest';
import { bindKernels } from '../../src/engine/kernels/index.js';
import { paddedLength } from '../../src/engine/kernels/vectors.js';
import { allocate } from '@espalier/runtime/wasm';

/** Lengths around the edges of a vector, a padding unit, and beyond. */
export const EDGE_LENGTHS = [0, 1, 3, 4, 5, 15, 16, 17, 31, 33, 1000, 4097];

const GUARD = 7.25;

export function arena(bytes = 2 ** 20) {
  const memory = allocate(bytes);
  const guards: Float32Array[] = [];
  const paddings: Float32Array[] = [];
  let next = 64;
  const take = (bytesTaken: number): number => {
    const offset = next;
    next += Math.ceil(bytesTaken / 64) * 64;
    const guard = new Float32Array(memory.buffer, next, 16).fill(GUARD);
    guards.push(guard);
    next += 64;
    return offset;
  };
  return {
    run: bindKernels(memory),
    floats: (values: ArrayLike<number>): Float32Array => {
      const offset = take(4 * paddedLength(values.length));
      const array = new Float32Array(memory.buffer, offset, values.length);
      array.set(values);
      const padding = new Float32Array(memory.buffer, offset, paddedLength(values.length));
      paddings.push(padding.subarray(values.length));
      return array;
    },
    bytes: (values: ArrayLike<number>): Uint8Array => {
      const array = new Uint8Array(memory.buffer, take(paddedLength(values.length)), values.length);
      array.set(values);
      return array;
    },
    ints: (values: ArrayLike<number>): Int32Array => {
      const array = new Int32Array(memory.buffer, take(4 * values.length), values.length);
      array.set(values);
      return array;
    },
    /** No kernel wrote past a padded length. */
    expectGuards: () => expect(guards.every((guard) => guard.every((x) => x === GUARD))).toBe(true),
    /** All padding is zero. */
    expectPadding: () => expect(paddings.every((padding) => padding.every((x) => x === 0))).toBe(true),
  };
}

/** A reproducible stream of numbers in [-1, 1) that owes nothing to the code under test (Lehmer's generator). */
export function numbers(seed: number): () => number {
  let state = (seed * 7919 + 12345) % 2147483647 || 1;
  return () => {
    state = (state * 48271) % 2147483647;
    return (state / 2147483647) * 2 - 1;
  };
}

export const randomFloats = (n: number, seed: number, magnitude = 1): Float32Array => {
  const next = numbers(seed);
  return Float32Array.from({ length: n }, () => magnitude * next());
};

export const randomMask = (n: number, seed: number): Uint8Array => {
  const next = numbers(seed);
  return Uint8Array.from({ length: n }, () => (next() < 0.2 ? 0 : 1));
};

/** The raw bits, so that -0 and +0 differ and NaN equals itself. */
export const bits = (array: Float32Array): number[] => [
  ...new Uint32Array(array.buffer, array.byteOffset, array.length),
];
