// The repository's benchmarks import compiled files by their paths, which no compiler checks.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const folder = new URL('../../../../bench/', import.meta.url);
const scripts = readdirSync(folder).filter((name) => name.endsWith('.js'));
/** What `npm run bundle` makes, and `npm test` does not. */
const isBundle = (path: string): boolean => path.endsWith('/espalier-runtime.js');

describe('bench', () => {
  it.each(scripts)('%s imports files that exist', (name) => {
    const file = new URL(name, folder);
    const source = readFileSync(file, 'utf8');
    const imported = [...source.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(([, path]) => path!);
    expect(imported.filter((path) => !isBundle(path) && !existsSync(new URL(path, file)))).toEqual([]);
  });

  it('lists its benchmarks where none is named', () => {
    const { status, stderr } = spawnSync(process.execPath, [fileURLToPath(new URL('main.js', folder))], {
      encoding: 'utf8',
    });
    expect(status).toBe(2);
    expect(stderr).toMatch(/^usage: npm run bench -- infer\|/);
  });
});
