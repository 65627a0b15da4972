// Windows over a context: the two readings of a stride, and the token's own window, against a naive twin.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../src/errors.js';
import { maximalContext, windowStarts } from '../../../src/data/squad/windows.js';

describe('windowStarts', () => {
  it('reads a stride as the advance (Google) or as the overlap (run_qa): 600 tokens beside a question of 12', () => {
    const room = 384 - 12 - 3;
    expect(windowStarts(600, { room, stride: 128, reading: 'advance' })).toEqual([0, 128, 256]);
    expect(windowStarts(600, { room, stride: 128, reading: 'overlap' })).toEqual([0, 241]);
  });

  it('is one window where all fits, even of nothing', () => {
    for (const count of [0, 1, 369]) {
      expect(windowStarts(count, { room: 369, stride: 128, reading: 'advance' })).toEqual([0]);
    }
    expect(windowStarts(370, { room: 369, stride: 369, reading: 'advance' })).toEqual([0, 369]);
  });

  it.each([
    ['advance', 370, /--doc-stride 370 \(advance\) is larger than the window: expected at most 369/],
    ['overlap', 369, /--doc-stride 369 \(overlap\) is larger than the window: expected at most 368/],
  ] as const)('refuses a stride that would leave tokens out or never end: %s', (reading, stride, message) => {
    const windows = () => windowStarts(600, { room: 369, stride, reading });
    expect(windows).toThrow(UsageError);
    expect(windows).toThrow(message);
  });

  it('refuses a question that leaves no room', () => {
    expect(() => windowStarts(9, { room: -2, stride: 1, reading: 'advance' })).toThrow(
      /leaves 0 tokens for the context/,
    );
  });
});

const shapes = fc
  .record({
    count: fc.integer({ min: 1, max: 60 }),
    room: fc.integer({ min: 2, max: 30 }),
    part: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .chain(({ count, room, part }) =>
    fc.constantFrom('advance' as const, 'overlap' as const).map((reading) => ({
      ...{ count, room, reading },
      stride: Math.max(1, Math.round(part * (reading === 'advance' ? room : room - 1))),
    })),
  );

describe('any windows', () => {
  it('cover every token, the last one ends with the text and none lies within another', () => {
    fc.assert(
      fc.property(shapes, ({ count, ...options }) => {
        const starts = windowStarts(count, options);
        const covered = new Set(
          starts.flatMap((start) => Array.from({ length: options.room }, (_, i) => start + i)),
        );
        for (let token = 0; token < count; token++) expect(covered.has(token)).toBe(true);
        for (const start of starts.slice(0, -1)) expect(start + options.room).toBeLessThan(count);
        expect(starts).toEqual([...new Set(starts)].sort((a, b) => a - b));
      }),
    );
  });

  it('give every token one window of its own, which no other beats', () => {
    fc.assert(
      fc.property(shapes, ({ count, ...options }) => {
        const starts = windowStarts(count, options);
        const flags = maximalContext(count, starts, options.room);
        const context = (window: number, token: number): number => {
          const end = Math.min(count, starts[window]! + options.room);
          const inside = token >= starts[window]! && token < end;
          const sides = [token - starts[window]!, end - 1 - token];
          return inside ? Math.min(...sides) + 0.01 * (end - starts[window]!) : -1;
        };
        for (let token = 0; token < count; token++) {
          const own = [...starts.keys()].filter((window) => flags[window]![token - starts[window]!] === 1);
          expect(own).toHaveLength(1);
          const scores = starts.map((_, window) => context(window, token));
          expect(own[0]).toBe(scores.indexOf(Math.max(...scores)));
        }
      }),
    );
  });
});
