// The readers, each on what it must take and on what it must refuse. Parquet files are pyarrow's
// (scripts/parquet_fixtures.py).
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeUtf8, readTable } from '../../src/data/files.js';
import { EspalierError, FormatError } from '../../src/errors.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-files-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

const cells = async (...args: Parameters<typeof readTable>) =>
  (await readTable(...args)).rows.map((row) => row.cells);

describe('TSV', () => {
  it('drops BOM and CRLF, skips blank lines, and takes quotation marks as they are', async () => {
    const path = await file('a.tsv', '\ufefflabel\ttext\r\n1\t" a "b"\r\n\r\n0\tc\u2028d \r\n');
    const table = await readTable(path, ['text', 'label']);
    expect(table.rows).toEqual([
      { at: 'line 2', cells: ['" a "b"', '1'] },
      { at: 'line 4', cells: ['c\u2028d ', '0'] },
    ]);
  });

  it('hashes the bytes of the file', async () => {
    const { sha256 } = await readTable(await file('abc.tsv', 'abc'), ['abc']);
    expect(sha256).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });

  it('names the line of a row that is too short or too long', async () => {
    const short = await file('short.tsv', 'a\tb\n1\t2\n3\n');
    await expect(readTable(short, ['a'])).rejects.toThrow(`${short}: line 3: expected 2 columns, found 1`);
    const long = await file('long.tsv', 'a\tb\n1\t2\t3\n');
    await expect(readTable(long, ['a'])).rejects.toThrow('line 2: expected 2 columns, found 3');
    expect(await cells(long, ['b'], { rows: 'atLeast' })).toEqual([['2']]);
    expect(await cells(short, ['b'], { rows: 'skipShort' })).toEqual([['2']]);
  });

  it('takes the names of the columns where the file has none', async () => {
    expect(await cells(await file('bare.tsv', '1\t2\n'), ['b'], { header: ['a', 'b'] })).toEqual([['2']]);
  });

  it('names the columns it found when one is missing', async () => {
    const path = await file('b.tsv', 'a\tb\n1\t2\n');
    await expect(readTable(path, ['c'])).rejects.toThrow('expected a column "c", found "a", "b"');
  });
});

it.each([
  ['tsv', '\t'],
  ['csv', ','],
])('two columns of one name, in %s, matter only where that is read', async (extension, comma) => {
  const path = await file(
    `twice.${extension}`,
    ['text,label,text', 'a,1,b', ''].join('\n').replaceAll(',', comma),
  );
  await expect(readTable(path, ['text', 'label'])).rejects.toThrow(
    `${path}: expected one column "text", found it as columns 1 and 3; rename one of them`,
  );
  expect(await cells(path, ['label'])).toEqual([['1']]);
});

describe('CSV', () => {
  it('takes quoting, line breaks in cells, BOM and CRLF', async () => {
    const path = await file('a.csv', '\ufefftext,label\r\n"a, ""b""",1\r\n"two\nlines",0\r\n');
    expect((await readTable(path, ['label', 'text'])).rows).toEqual([
      { at: 'line 2', cells: ['1', 'a, "b"'] },
      { at: 'line 4', cells: ['0', 'two\nlines'] },
    ]);
  });

  it('names the line of a broken row', async () => {
    const path = await file('b.csv', 'a,b\n1,2\n3\n');
    await expect(readTable(path, ['a'])).rejects.toThrow(/b.csv: is no CSV: .*line 3/);
  });
});

describe('JSON lines', () => {
  it('keeps the types of cells', async () => {
    const path = await file('a.jsonl', '{"a":1,"b":"x"}\r\n\n{"b":null,"a":true}\n');
    expect((await readTable(path, ['b', 'a'])).rows).toEqual([
      { at: 'line 1', cells: ['x', 1] },
      { at: 'line 3', cells: [null, true] },
    ]);
  });

  it.each([
    ['{"a":1}\n{"a":', 'line 2: expected a JSON object'],
    ['{"a":1}\n[1]', 'line 2: expected a JSON object, found another value'],
    ['{"a":1}\n{"b":1}', 'line 2: expected a field "a", found "b"'],
    ['{"b":1}\n', 'line 1: expected a field "a", found "b"'],
  ])('refuses %j', async (text, message) => {
    await expect(readTable(await file('bad.jsonl', text), ['a'])).rejects.toThrow(message);
  });
});

describe('Parquet', () => {
  const fixture = (codec: string) =>
    fileURLToPath(new URL(`../fixtures/parquet/${codec}.parquet`, import.meta.url));

  it.each(['none', 'snappy', 'gzip', 'zstd', 'brotli', 'lz4'])('reads %s', async (codec) => {
    const table = await readTable(fixture(codec), ['sentence2', 'label', 'sentence1', 'score']);
    expect(table.rows).toEqual([
      { at: 'row 1', cells: ['The vine grows.', 1n, 'The vine \u201cclimbs\u201d.', 0.5] },
      { at: 'row 2', cells: ['', 0n, 'A wall,\nwarm', 5] },
      { at: 'row 3', cells: ['caf\u00e9', 1n, '\u6f22\u5b57', 2.25] },
    ]);
  });

  it('names the columns it found when one is missing, and refuses what is no Parquet', async () => {
    await expect(readTable(fixture('snappy'), ['text'])).rejects.toThrow(
      'expected a column "text", found "idx", "sentence1"',
    );
    await expect(readTable(await file('x.parquet', 'PAR1 nothing'), ['a'])).rejects.toThrow(FormatError);
  });
});

describe('any file', () => {
  it('must exist and have a known extension', async () => {
    await expect(readTable(join(folder, 'none.tsv'), ['a'])).rejects.toThrow(EspalierError);
    await expect(readTable(await file('a.txt', 'a'), ['a'])).rejects.toThrow('.tsv, .jsonl, .csv, .parquet');
  });

  it('must be UTF-8: the first bad byte is named', async () => {
    const bytes = Buffer.concat([Buffer.from('\ufeffa\tb\n\ufffd\u00e9\t1\n'), Buffer.of(0xe9, 0x20)]);
    const path = await file('latin1.tsv', bytes);
    await expect(readTable(path, ['a'])).rejects.toThrow(`offset ${bytes.length - 2}`);
  });

  it('names the offset of a bad byte anywhere', () => {
    const text = fc.string({ unit: 'binary' }).map((value) => Buffer.from(value));
    fc.assert(
      fc.property(text, fc.constantFrom(0xff, 0xc0, 0x80), text, (before, bad, after) => {
        const bytes = Buffer.concat([before, Buffer.of(bad), after]);
        expect(() => decodeUtf8('f', bytes)).toThrow(`offset ${before.length};`);
      }),
    );
  });
});
