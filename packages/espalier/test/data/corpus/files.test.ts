// Which files a list of files, folders and globs names.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { corpusFiles } from '../../../src/data/corpus/index.js';
import { UsageError } from '../../../src/errors.js';
import { temporaryFolder } from '../../support/temporary.js';

const at = temporaryFolder();
for (const name of [
  'b.txt',
  'a.txt',
  'a.md',
  '.hidden.txt',
  'x/c.txt',
  'x/y/d.txt',
  'x/y/d.log',
  'z/[1].txt',
]) {
  mkdirSync(dirname(at(name)), { recursive: true });
  writeFileSync(at(name), name);
}
mkdirSync(at('empty'));
symlinkSync(at(), at('x', 'loop'));

const found = async (...patterns: string[]): Promise<string[]> =>
  (await corpusFiles(patterns.map((pattern) => at(pattern)))).map((path) => path.slice(at('x').length - 1));

describe('corpusFiles', () => {
  it('takes a file as it is, whatever it is called', async () => {
    expect(await found('a.md', 'z/[1].txt')).toEqual(['a.md', 'z/[1].txt']);
  });

  it('takes the .txt files of a folder at any depth, but no hidden ones, and follows no link to a folder', async () => {
    expect(await found('.')).toEqual(['a.txt', 'b.txt', 'x/c.txt', 'x/y/d.txt', 'z/[1].txt']);
    expect(await found('x/y')).toEqual(['x/y/d.txt']);
  });

  it.each([
    ['*.txt', ['a.txt', 'b.txt']],
    ['?.*', ['a.md', 'a.txt', 'b.txt']],
    ['x/*.txt', ['x/c.txt']],
    ['*/y/d.*', ['x/y/d.log', 'x/y/d.txt']],
    ['**/d.txt', ['x/y/d.txt']],
    ['**/*.txt', ['a.txt', 'b.txt', 'x/c.txt', 'x/y/d.txt', 'z/[1].txt']],
    ['x/**/c.txt', ['x/c.txt']],
    ['x/**', ['x/c.txt', 'x/y/d.log', 'x/y/d.txt']],
    ['z/[[]*', undefined],
    ['z/[1]*', ['z/[1].txt']],
    ['*/y', ['x/y/d.txt']],
  ])('expands %s', async (pattern, expected) => {
    if (expected) expect((await found(pattern)).filter((path) => !path.includes('loop'))).toEqual(expected);
    else await expect(found(pattern)).rejects.toThrow(UsageError);
  });

  it('is sorted and names no file twice', async () => {
    expect(await found('x/c.txt', 'b.txt', 'x/../b.txt', '*.txt', 'x')).toEqual([
      'a.txt',
      'b.txt',
      'x/c.txt',
      'x/y/d.txt',
    ]);
  });

  it('names the path that gives nothing', async () => {
    await expect(found('a.txt', 'none.txt')).rejects.toThrow(/none\.txt does not exist/);
    await expect(found('*.tex')).rejects.toThrow(/no file matches .*\*\.tex/);
    await expect(found('empty')).rejects.toThrow(/expected \.txt files in .*empty, found none/);
  });
});
