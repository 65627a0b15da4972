import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { displayWidth, renderMarkdownTable, renderTable } from '../../src/report/tables.js';

const columns = [{ title: 'recipe' }, { title: 'accuracy' }, { title: 'size', align: 'right' }] as const;
const rows = [
  ['magnitude', 0.9312, '1.5 kB'],
  ['rpp', 0.5, '43.2 MB'],
  ['日本', null, '-'],
];

describe('displayWidth', () => {
  it.each([
    ['', 0],
    ['abc', 3],
    ['日本', 4],
    ['ﬁn', 2],
    ['é', 1],
    ['e\u0301', 1],
    ['👩‍🌾', 2],
    ['❤️', 2],
    ['\x1b[1mbold\x1b[22m', 4],
    ['\u200b', 0],
  ])('of %j is %d', (text, width) => {
    expect(displayWidth(text)).toBe(width);
  });
});

describe('renderTable', () => {
  it('aligns text left and numbers right', () => {
    expect(renderTable(columns, rows)).toBe(
      [
        'recipe     accuracy     size',
        '---------  --------  -------',
        'magnitude    0.9312   1.5 kB',
        'rpp             0.5  43.2 MB',
        '日本              -        -',
        '',
      ].join('\n'),
    );
  });

  it('makes the head bold only when asked', () => {
    expect(renderTable(columns, rows)).not.toContain('\x1b');
    expect(renderTable(columns, rows, { colour: true })).toMatch(/^\x1b\[1mrecipe.*\x1b\[22m\n/);
  });

  it('has lines of one width, whatever the cells', () => {
    const cell = fc.oneof(fc.integer(), fc.stringMatching(/^[a-z日é]{1,8}$/));
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell), { minLength: 1 }), (body) => {
        const [, rule, ...lines] = renderTable([{ title: 'a' }, { title: 'b', align: 'right' }], body)
          .trimEnd()
          .split('\n');
        for (const line of lines) expect(displayWidth(line)).toBe(rule!.length);
      }),
    );
  });

  it('refuses a row of another length', () => {
    expect(() => renderTable(columns, [['a', 1]])).toThrow('table row 0: expected 3 cells, found 2');
  });

  it('has a head without rows', () => {
    expect(renderTable([{ title: 'a' }, { title: 'bc' }], [])).toBe('a  bc\n-  --\n');
  });
});

describe('renderMarkdownTable', () => {
  it('marks right-aligned columns and escapes bars and newlines', () => {
    expect(renderMarkdownTable([{ title: 'a|b' }, { title: 'n' }], [['x\ny', 1200]])).toBe(
      '| a\\|b | n |\n| --- | ---: |\n| x<br>y | 1,200 |\n',
    );
  });
});
