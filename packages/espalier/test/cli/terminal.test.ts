import { describe, expect, it } from 'vitest';
import { colourAllowed, progressLine } from '../../src/cli/terminal.js';

function fakeStream(isTTY: boolean, columns?: number) {
  const written: string[] = [];
  const size = columns === undefined ? {} : { columns };
  return { isTTY, ...size, written, write: (text: string) => written.push(text) };
}

/** A clock that is set by hand. */
function fakeClock() {
  const clock = { time: 1000, now: () => clock.time };
  return clock;
}

describe('colourAllowed', () => {
  it('is for terminals without NO_COLOR', () => {
    expect(colourAllowed(fakeStream(true), {})).toBe(true);
    expect(colourAllowed(fakeStream(true), { NO_COLOR: '' })).toBe(true);
    expect(colourAllowed(fakeStream(true), { NO_COLOR: '1' })).toBe(false);
    expect(colourAllowed(fakeStream(false), {})).toBe(false);
  });
});

describe('progressLine on a terminal', () => {
  it('redraws one line with bar, rate, loss and time left', () => {
    const stream = fakeStream(true, 100);
    const clock = fakeClock();
    const line = progressLine(stream, clock);
    line.update({ label: 'dense', step: 0, total: 200, loss: 0.693147 });
    clock.time += 10_000;
    line.update({ label: 'dense', step: 50, total: 200, loss: 0.5 });
    expect(stream.written).toEqual([
      '\rdense [....................] 0/200  loss 0.6931\x1b[K',
      '\rdense [#####...............] 50/200  loss 0.5  5 steps/s  30 s left\x1b[K',
    ]);
  });

  it('counts the rate from where a resumed run started, and anew for each label', () => {
    const stream = fakeStream(true, 100);
    const clock = fakeClock();
    const line = progressLine(stream, clock);
    line.update({ label: 'a', step: 100, total: 200 });
    clock.time += 10_000;
    line.update({ label: 'a', step: 120, total: 200 });
    expect(stream.written.at(-1)).toContain('2 steps/s  40 s left');
    line.update({ label: 'b', step: 1, total: 200 });
    clock.time += 1000;
    line.update({ label: 'b', step: 5, total: 200 });
    expect(stream.written.at(-1)).toContain('b [#...................] 5/200  4 steps/s  49 s left');
  });

  it('draws at most ten times a second, and always the last step', () => {
    const stream = fakeStream(true);
    const clock = fakeClock();
    const line = progressLine(stream, clock);
    for (let step = 1; step <= 1000; step++) {
      clock.time += 1;
      line.update({ label: 'a', step, total: 1000 });
    }
    expect(stream.written.length).toBeLessThanOrEqual(12);
    expect(stream.written.at(-1)).toContain('1000/1000');
  });

  it('never wraps', () => {
    const stream = fakeStream(true, 20);
    progressLine(stream, fakeClock()).update({ label: 'a long label of a stage', step: 1, total: 9 });
    expect(stream.written).toEqual(['\ra long label of a s\x1b[K']);
  });

  it('keeps notes above the line and cleans up', () => {
    const stream = fakeStream(true);
    const line = progressLine(stream, fakeClock());
    line.note('first');
    line.update({ label: 'a', step: 1, total: 2 });
    line.note('second');
    line.done();
    const drawn = 'a [##########..........] 1/2';
    expect(stream.written).toEqual([
      'first\n',
      `\r${drawn}\x1b[K`,
      '\r\x1b[K',
      'second\n',
      drawn,
      '\r\x1b[K',
    ]);
  });
});

describe('progressLine elsewhere', () => {
  it('prints a plain line at most every five seconds', () => {
    const stream = fakeStream(false);
    const clock = fakeClock();
    const line = progressLine(stream, clock);
    for (let step = 1; step <= 100; step++) {
      line.update({ label: 'rpp', step, total: 100, loss: 1 / step });
      clock.time += 150;
    }
    line.note('done');
    line.done();
    expect(stream.written).toEqual([
      'rpp 1/100  loss 1\n',
      'rpp 35/100  loss 0.02857  6.67 steps/s  9.8 s left\n',
      'rpp 69/100  loss 0.01449  6.67 steps/s  4.6 s left\n',
      'done\n',
    ]);
  });

  it('says nothing but warnings when quiet', () => {
    for (const terminal of [true, false]) {
      const stream = fakeStream(terminal);
      const line = progressLine(stream, { quiet: true });
      line.update({ label: 'a', step: 1, total: 1 });
      line.note('a');
      line.warn('b');
      line.done();
      expect(stream.written).toEqual(['b\n']);
    }
  });
});
