// Types, lint and format, side by side: ESLint takes as long as all the rest. Fails where one of them does.
//
//   node scripts/check.mjs
import { spawn } from 'node:child_process';

/** Commands of a lane are run one after the other. */
const LANES = [
  ['eslint .'],
  ['tsc -p packages/espalier/test', 'tsc -p packages/runtime/test', 'prettier --check .'],
];

const run = (command) =>
  new Promise((resolve) => {
    const child = spawn('npx', ['--no-install', ...command.split(' ')], {
      stdio: 'inherit',
      shell: process.platform === 'win32',
    });
    child.once('error', () => resolve(1));
    child.once('close', (status) => resolve(status ?? 1));
  });

async function lane(commands) {
  for (const command of commands) {
    if ((await run(command)) === 0) continue;
    console.error(`check: ${command} failed`);
    return false;
  }
  return true;
}

const passed = await Promise.all(LANES.map(lane));
process.exitCode = passed.every(Boolean) ? 0 : 1;
