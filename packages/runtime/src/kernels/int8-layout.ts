// How weights of int8 layers stand for the kernels of a level (int8.ts).
import type { Level } from './kernel.js';

/** Whether values are i16 instead of i8. */
export const isWide = (level: Level): boolean => level === 'simd';
