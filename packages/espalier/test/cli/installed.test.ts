// The published command starts where npm unpacked it: files of one time, no compiler, a project with settings of its own.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary.js';

const path = temporaryFolder();
const root = fileURLToPath(new URL('../..', import.meta.url));
const modules = join(root, '..', '..', 'node_modules');

interface Packed {
  readonly files: readonly { readonly path: string }[];
}

/** Copies what npm would publish, sources newer than what was built of them, and links what it depends on. */
function install(): string {
  const listed = execFileSync('npm', ['pack', '--dry-run', '--json'], { cwd: root, encoding: 'utf8' });
  const [{ files }] = JSON.parse(listed) as [Packed];
  const home = path('node_modules', 'espalier');
  for (const { path: file } of files) {
    mkdirSync(dirname(join(home, file)), { recursive: true });
    cpSync(join(root, file), join(home, file));
    const time = file.startsWith('src/') ? 2 : 1;
    utimesSync(join(home, file), time, time);
  }
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  for (const name of Object.keys(dependencies)) {
    mkdirSync(dirname(path('node_modules', name)), { recursive: true });
    symlinkSync(join(modules, name), path('node_modules', name));
  }
  writeFileSync(path('tsconfig.base.json'), '{}'); // of the project that installs it
  return join(home, 'bin', 'espalier.js');
}

it('an installed package starts and builds nothing', () => {
  const run = (binary: string, ...args: string[]): string =>
    execFileSync(process.execPath, [binary, ...args], { cwd: path('.'), encoding: 'utf8' });
  const binary = install();
  expect(run(binary, '--version')).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(run(binary, 'methods')).toContain('magnitude');
});
