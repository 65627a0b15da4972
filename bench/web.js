// One sequence through a packed model in headless Chromium and in Node: the runtime's bundle in fresh browsers and processes
// that alternate, medians over the rounds. The page is isolated and has the example's policy.
import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { addresses, site } from '../examples/web/serve.js';
import { findChromium, FLAGS } from '../examples/web/test/chromium.js';
import { busyNote, machineNow } from '../packages/espalier/dist/bench/machine.js';
import { RELAXED_SIMD } from '../packages/espalier/dist/export/relaxed-simd.js';
import { median } from './median.js';

const USAGE = 'npm run bench -- web --model FILE.espalier [--tokens 128] [--rounds 3] [--runs 20] [--json]';
const WARMUP = 5;
const COUNTS = ['tokens', 'rounds', 'runs'];

const here = (file) => fileURLToPath(new URL(file, import.meta.url));

/** The options, or what is wrong with them. */
function parseWeb(args) {
  let values;
  try {
    const text = (value) => ({ type: 'string', ...(value !== undefined && { default: value }) });
    const options = { model: text(), tokens: text('128'), rounds: text('3'), runs: text('20') };
    ({ values } = parseArgs({ args, options: { ...options, json: { type: 'boolean', default: false } } }));
  } catch (error) {
    return error.message;
  }
  if (!values.model?.endsWith('.espalier')) return `--model: expected a packed file, found ${values.model}`;
  for (const name of COUNTS) {
    const value = Number(values[name]);
    if (!Number.isInteger(value) || value < 1)
      return `--${name}: expected an integer from 1, found ${values[name]}`;
    values[name] = value;
  }
  return values;
}

/** A lap in a browser of its own, on an empty page of the example's server. */
async function inChromium(home, executablePath, counts) {
  const { chromium } = await import('playwright-core');
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  try {
    const page = await browser.newPage();
    await page.goto(`${home}icon.svg`);
    const found = await page.evaluate(async (counts) => {
      const [{ load }, { lap }] = await Promise.all([import('/espalier-runtime.js'), import('/web-lap.js')]);
      return lap(load, '/model.espalier', counts);
    }, counts);
    return { ...found, engine: `Chromium ${browser.version()}` };
  } finally {
    await browser.close();
  }
}

async function inNode(model, counts) {
  const args = [...RELAXED_SIMD, here('web-node.js'), JSON.stringify({ model, ...counts })];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return { ...JSON.parse(stdout), engine: `Node ${process.versions.node}` };
}

async function laps({ model, rounds, ...counts }, executablePath) {
  const server = createServer(site(new Map([...addresses([model]), ['/web-lap.js', here('web-lap.js')]])));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const home = `http://127.0.0.1:${server.address().port}/`;
  const found = { chromium: [], node: [] };
  try {
    for (let round = 0; round < rounds; round++) {
      found.chromium.push(await inChromium(home, executablePath, counts));
      found.node.push(await inNode(model, counts));
    }
  } finally {
    server.closeAllConnections();
    server.close();
  }
  return found;
}

const summary = (laps) => ({
  engine: laps[0].engine,
  levels: laps[0].levels,
  bytes: laps[0].bytes,
  milliseconds: median(laps.map(({ milliseconds }) => median(milliseconds))),
  /** Of the address in Chromium, of the bytes in Node. */
  opening: median(laps.map(({ opening }) => opening)),
});

/** Takes arguments, returns the exit status: 2 for wrong options, 1 where it cannot be measured. */
export async function web(args) {
  const options = parseWeb(args);
  if (typeof options === 'string') {
    console.error(`${options}\n${USAGE}`);
    return 2;
  }
  const executablePath = findChromium();
  if (executablePath === undefined) {
    console.error('web: no Chromium on the path: install one, or set CHROMIUM to its path');
    return 1;
  }
  const machine = machineNow();
  if (machine.busy) console.error(busyNote(machine));
  try {
    await access(options.model);
    const { model, tokens, rounds, runs } = options;
    const found = await laps({ model, tokens, rounds, runs, warmup: WARMUP }, executablePath);
    const sides = Object.values(found).map(summary);
    console.log(`${model}, 1 x ${tokens}, 1 thread, ${machine.processor}`);
    console.log(`medians of ${rounds} rounds of ${runs} runs\n`);
    for (const { engine, milliseconds, opening, levels } of sides) {
      const kernels = [...new Set(Object.values(levels))].join(', ');
      console.log(
        `${engine.padEnd(26)}${milliseconds.toFixed(1)} ms, opened in ${opening.toFixed(0)} ms, ${kernels}`,
      );
    }
    if (options.json) console.log(JSON.stringify({ options, machine, sides }));
    return 0;
  } catch (error) {
    console.error(`web: ${error.message}`);
    return 1;
  }
}
