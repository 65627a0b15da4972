// From bytes to sentences: line ends, encodings, wrapped paragraphs, documents, and that no character is lost.
import { writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DocumentUnit, readDocuments, splitSentences } from '../../../src/data/corpus/index.js';
import { readLines } from '../../../src/data/corpus/lines.js';
import { detectWrapping } from '../../../src/data/corpus/paragraphs.js';
import { gardenDocuments } from '../../../src/data/garden/garden.js';
import { FormatError } from '../../../src/errors.js';
import { dataPath, describeWithData } from '../../support/data.js';
import { temporaryFolder } from '../../support/temporary.js';

const at = temporaryFolder();
let written = 0;
function file(content: string | Uint8Array): string {
  const path = at(`${++written}.txt`);
  writeFileSync(path, content);
  return path;
}

async function documents(paths: string[], unit?: DocumentUnit): Promise<string[][]> {
  const all: string[][] = [];
  for await (const document of readDocuments(paths, unit && { documents: unit })) all.push(document);
  return all;
}

const withoutSpace = (text: string): string => text.replace(/\s+/g, '');

/** `text` wrapped to lines of at most `width` characters. */
const wrap = (text: string, width: number): string =>
  text.replace(new RegExp(`(?=\\S)(.{1,${width}})(?:\\s+|$)`, 'g'), '$1\n').trimEnd();

describe('splitSentences', () => {
  it.each([
    ['One here. Two there! Three? Four', ['One here.', 'Two there!', 'Three?', 'Four']],
    ['I met Mr. Smith and DR. Jones. They left.', ['I met Mr. Smith and DR. Jones.', 'They left.']],
    ['J. R. Green wrote. So did I. He stopped.', ['J. R. Green wrote.', 'So did I.', 'He stopped.']],
    ['See No. 5 Park Row. No. He was out.', ['See No. 5 Park Row.', 'No.', 'He was out.']],
    ['"Go away!" he said. "Why?" I asked.', ['"Go away!" he said.', '"Why?"', 'I asked.']],
    ['“Stay. Please.” She left.', ['“Stay.', 'Please.”', 'She left.']],
    ['He said "Go. " Then he left.', ['He said "Go."', 'Then he left.']],
    ['"Ha!--What now?" Nothing.', ['"Ha!--What now?"', 'Nothing.']],
    ['It cost 3.50 in all. Two were left.', ['It cost 3.50 in all.', 'Two were left.']],
    ['你好。再见。', ['你好。', '再见。']],
    ['   ', []],
    ['', []],
  ])('%j', (text, sentences) => {
    expect(splitSentences(text)).toEqual(sentences);
  });

  it('finds the sentences of the garden language again', () => {
    for (const document of gardenDocuments(5, 100))
      expect(splitSentences(document.join(' '))).toEqual(document);
  });

  it('loses no character but white space, and gives no empty sentence', () => {
    const token = fc.oneof(
      fc.constantFrom(
        'Mr.',
        'A.',
        '"',
        '”',
        "'",
        ' ',
        ' ',
        '.',
        '!',
        '?"',
        'he',
        'He',
        'no.',
        '5',
        '...',
        'é\u0301',
        '\u2028',
        '😀',
        ')',
        '。',
      ),
      fc.string({ maxLength: 3 }),
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 30 }), (tokens) => {
        const sentences = splitSentences(tokens.join(''));
        expect(withoutSpace(sentences.join(' '))).toBe(withoutSpace(tokens.join('')));
        for (const sentence of sentences) expect(sentence.trim()).not.toBe('');
      }),
      { numRuns: 200 },
    );
  });
});

describe('readDocuments', () => {
  it('takes BOM, and LF, CRLF and CR as line ends', async () => {
    for (const end of ['\n', '\r\n', '\r']) {
      for (const bom of ['', '\ufeff']) {
        const path = file(`${bom}A cat.${end}Two  dogs.\t${end}${end}Café.${end}`);
        expect(await documents([path])).toEqual([['A cat.', 'Two dogs.', 'Café.']]);
      }
    }
  });

  it('makes a document of each file, of lines between blank ones, or of each line', async () => {
    const [one, two, none] = [file('A b. C.\nD.\r\n\r\n \r\nE.'), file('\n\nF.\n'), file('')];
    expect(await documents([one, none, two])).toEqual([['A b.', 'C.', 'D.', 'E.'], ['F.']]);
    expect(await documents([one, none, two], 'blank-line')).toEqual([['A b.', 'C.', 'D.'], ['E.'], ['F.']]);
    expect(await documents([one, none, two], 'line')).toEqual([['A b.', 'C.'], ['D.'], ['E.'], ['F.']]);
  });

  it('reads across the pieces of a large file: a character, a line end, a line', async () => {
    const piece = 1 << 20;
    const parts = [
      'x'.repeat(piece - 1),
      'é\r\n',
      'y'.repeat(piece - 4),
      '\r\n',
      'z'.repeat(2 * piece),
      '\r\nend',
    ];
    const lines: string[] = [];
    for await (const some of readLines(file(parts.join('')))) lines.push(...some);
    expect(Buffer.byteLength(parts.slice(0, 3).join('') + '\r')).toBe(2 * piece); // between CR and LF
    expect(lines.map((line) => `${line[0]}${line.length}`)).toEqual([
      `x${piece}`,
      `y${piece - 4}`,
      `z${2 * piece}`,
      'e3',
    ]);
    expect(lines[0]!.at(-1)).toBe('é');
  });

  it('names the line that is no UTF-8', async () => {
    const path = file(Buffer.concat([Buffer.from('One.\r\nTwo é.\n'), Buffer.of(0x54, 0xe9, 0x2e, 0x0a)]));
    await expect(documents([path])).rejects.toThrow(`${path}: line 3: expected UTF-8`);
    await expect(documents([path], 'line')).rejects.toThrow(FormatError);
  });

  it('names a file that cannot be read', async () => {
    await expect(documents([at('none.txt')])).rejects.toThrow(/none\.txt does not exist/);
  });
});

describe('wrapped text', () => {
  const paragraphs = gardenDocuments(9, 40).map((document) => document.join(' '));

  it.each([
    ['with blank lines', '\n\n'],
    ['with CRLF and blank lines', '\r\n\r\n'],
    ['without blank lines', '\n'],
  ])('is joined, %s', async (_, between) => {
    const end = between.startsWith('\r') ? '\r\n' : '\n';
    const text = paragraphs.map((it) => wrap(it, 70).replaceAll('\n', end)).join(between);
    const [document] = await documents([file(text)]);
    expect(document).toEqual(gardenDocuments(9, 40).flat());
  });

  it('keeps headings apart and words at hyphens together', async () => {
    const text = wrap(paragraphs.join(' '), 70);
    const [first, ...rest] = text.split('\n');
    const path = file(
      ['CHAPTER I', 'In the Garden', first, ...rest, 'and by the old well-', 'tended wall.'].join('\n'),
    );
    const [document] = await documents([path]);
    expect(document!.slice(0, 2)).toEqual(['CHAPTER I', 'In the Garden']);
    expect(document!.at(-1)).toMatch(/and by the old well-tended wall\.$/);
  });

  it('is told from lines that are paragraphs, sentences, verse or bare words', () => {
    const sentences = gardenDocuments(9, 40).flat();
    expect(detectWrapping(paragraphs)).toBeUndefined();
    expect(detectWrapping(sentences)).toBeUndefined();
    expect(detectWrapping(sentences.map((line) => line.slice(0, -1)))).toBeUndefined();
    expect(detectWrapping(sentences.map((line) => line.slice(0, -1).toLowerCase()))).toBeUndefined();
    expect(detectWrapping([])).toBeUndefined();
    expect(detectWrapping(['', 'one line', ''])).toBeUndefined();
    const width = detectWrapping(wrap(paragraphs.join(' '), 70).split('\n'));
    expect(width).toBeGreaterThan(65);
    expect(width).toBeLessThanOrEqual(70);
  });
});

describeWithData('novels', ['text/novels/Dickens_Bleak_1853.txt', 'text/novels/Anon_Clara_1864.txt'], () => {
  it('are sentences of sensible length, wrapped or not', async () => {
    for (const name of ['Dickens_Bleak_1853.txt', 'Anon_Clara_1864.txt']) {
      const [sentences] = await documents([dataPath('text/novels', name)]);
      const lengths = sentences!.map((sentence) => sentence.length).sort((a, b) => a - b);
      expect(lengths[lengths.length >> 1]).toBeGreaterThan(50);
      expect(lengths.at(-1)).toBeLessThan(3000);
      expect(sentences!.filter((it) => /\b(Mr|Mrs|Dr)\.$/i.test(it))).toEqual([]);
      expect(sentences!.filter((it) => /^\p{Ll}/u.test(it)).length).toBeLessThan(0.005 * sentences!.length);
    }
  });
});
