#!/usr/bin/env node
// Starts the command line. npm links a bin only if its file exists at install time and no install script runs, so
// this file is committed JavaScript and builds `dist` when it is missing or older than `src`.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

function newest(folder) {
  let latest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    latest = Math.max(latest, entry.isDirectory() ? newest(path) : statSync(path).mtimeMs);
  }
  return latest;
}

const stamp = join(root, 'dist', '.tsbuildinfo');
// In the workspace the runtime lies beside; installed, both are built.
const sources = [join(root, 'src'), join(root, '..', 'runtime', 'src')].filter((folder) =>
  existsSync(folder),
);
if (
  existsSync(join(root, 'src')) &&
  (!existsSync(stamp) || statSync(stamp).mtimeMs < Math.max(...sources.map(newest)))
) {
  process.stderr.write('espalier: building ...\n');
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  try {
    execFileSync(process.execPath, [tsc, '-b', root], { stdio: ['ignore', 2, 2] });
  } catch {
    process.stderr.write('espalier: the build failed; see the messages above\n');
    process.exit(1);
  }
}
// ONNX Runtime reads this when it is loaded, in workers and children too: without it, it writes files of telemetry.
process.env.ORT_DISABLE_TELEMETRY ??= '1';
const { main } = await import('../dist/cli/main.js');
process.exitCode = await main(process.argv.slice(2));
