#!/usr/bin/env node
// Starts the command line. npm links a bin only if its file exists at install time and no install script runs, so
// this file is committed JavaScript, and in the workspace builds `dist` when it is missing or older than `src`. An installed
// package is built and has no compiler beside it; its times say when npm unpacked it.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
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
const isWorkspace =
  basename(dirname(root)) !== 'node_modules' && existsSync(join(root, '..', '..', 'tsconfig.base.json'));
const sources = [join(root, 'src'), join(root, '..', 'runtime', 'src')]; // the runtime lies beside
if (isWorkspace && (!existsSync(stamp) || statSync(stamp).mtimeMs < Math.max(...sources.map(newest)))) {
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
