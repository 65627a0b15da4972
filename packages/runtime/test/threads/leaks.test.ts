// What an encoder with workers leaves behind, in processes of their own. The workers are the compiled ones: build before.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);
const encoderUrl = new URL('../../dist/encoder/index.js', import.meta.url).href;

/** Runs a module in Node, until it ends by itself; returns the JSON that it prints. */
async function inNode(body: string): Promise<unknown> {
  const code = `
    import { createEncoder, createThreadedEncoder } from ${JSON.stringify(encoderUrl)};
    const table = (rows) => ({ form: 'f32', rows, values: new Float32Array(8 * rows) });
    const norm = { gain: new Float32Array(8).fill(1), bias: new Float32Array(8) };
    const embeddings = { words: table(500_000), positions: table(64), firstPosition: 0, norm }; // 16 MB
    const weights = { hidden: 8, headSize: 8, epsilon: 1e-12, embeddings, blocks: [] };
    const largest = { rows: 1, length: 64 };
    const create = () => createThreadedEncoder(weights, { largest, threads: 2 });
    const batch = [{ ids: new Int32Array(64) }];
    ${body}`;
  const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '--eval', code], {
    timeout: 40_000,
  });
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

it('nothing is left of 50 encoders that were disposed of', async () => {
  const found = await inNode(`
    const counts = () => process.getActiveResourcesInfo().filter((name) => /Worker|MessagePort/.test(name)).length;
    const before = process.memoryUsage.rss();
    let threads = 0;
    for (let i = 0; i < 50; i++) {
      await using_(async (encoder) => { encoder.mean(batch); threads += encoder.threads; });
    }
    async function using_(what) {
      const encoder = await create();
      await what(encoder);
      await encoder[Symbol.asyncDispose]();
    }
    const megabytes = (process.memoryUsage.rss() - before) / 2 ** 20;
    console.log(JSON.stringify({ threads, workers: counts(), megabytes }));`);
  console.log(found);
  expect(found).toMatchObject({ threads: 100, workers: 0 });
  expect((found as { megabytes: number }).megabytes).toBeLessThan(400); // all 50 are 800
});

it('a process that forgets its encoder ends by itself', async () => {
  expect(
    await inNode(`
      const encoder = await create();
      encoder.mean(batch);
      console.log(JSON.stringify(encoder.threads));`),
  ).toBe(2);
});
