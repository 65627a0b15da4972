// Small choices of the garden generators, all from one stream of random numbers, and how a sentence is written.
import type { Random } from '../../random.js';

/** One of `list`, all equally likely. */
export const pick = <T>(random: Random, list: readonly T[]): T => list[random.integer(list.length)]!;

/** One of `list` that `accept` takes; there must be one. */
export const pickWhere = <T>(random: Random, list: readonly T[], accept: (item: T) => boolean): T =>
  pick(random, list.filter(accept));

/** True with the given probability. */
export const chance = (random: Random, probability: number): boolean => random.uniform() < probability;

/** A capital at the start and a full stop at the end. */
export const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

/** 'a' or 'an', as the next word needs it. */
export const article = (next: string): string => (/^[aeiou]/.test(next) ? 'an' : 'a');
