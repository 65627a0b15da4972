// What an encoder with workers leaves behind, in processes of their own. The workers are the compiled ones: build before.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);
const url = (room: string): string =>
  JSON.stringify(new URL(`../../dist/${room}/index.js`, import.meta.url).href);

/** Runs a module in Node, until it ends by itself; returns the JSON that it prints. */
async function inNode(body: string): Promise<unknown> {
  const code = `
    import { createEncoder, createThreadedEncoder } from ${url('encoder')};
    import { threads } from ${url('threads')};
    const table = (rows) => ({ form: 'f32', rows, values: new Float32Array(8 * rows) });
    const norm = { gain: new Float32Array(8).fill(1), bias: new Float32Array(8) };
    const embeddings = { words: table(1_000_000), positions: table(64), firstPosition: 0, norm }; // 32 MB
    const weights = { hidden: 8, headSize: 8, epsilon: 1e-12, embeddings, blocks: [] };
    const largest = { rows: 1, length: 64 };
    const create = () => createThreadedEncoder(weights, { largest, threads: threads(2, { limits }) });
    const limits = { start: 60_000, stuck: 60_000 }; // the machine may be busy
    const batch = [{ ids: new Int32Array(64) }];
    ${body}`;
  const { stdout, stderr } = await run(
    process.execPath,
    ['--expose-gc', '--input-type=module', '--eval', code],
    {
      timeout: 100_000,
    },
  );
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

it('nothing is left of 50 encoders that were disposed of', { timeout: 120_000 }, async () => {
  const found = await inNode(`
    const megabytes = () => process.memoryUsage.rss() / 2 ** 20;
    const before = megabytes();
    let computed = 0;
    for (let i = 0; i < 50; i++) {
      const encoder = await create();
      encoder.mean(batch);
      computed += encoder.threads;
      await encoder[Symbol.asyncDispose]();
    }
    for (let i = 0; i < 2; i++) {
      gc();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const workers = process.getActiveResourcesInfo().filter((name) => /Worker|MessagePort/.test(name));
    console.log(JSON.stringify({ computed, workers, left: megabytes() - before }));`);
  expect(found).toMatchObject({ computed: 100, workers: [] });
  expect((found as { left: number }).left).toBeLessThan(300); // all 50 are 1600
});

it('a process that forgets its encoder ends by itself', async () => {
  expect(
    await inNode(`
      const encoder = await create();
      encoder.mean(batch);
      console.log(JSON.stringify(encoder.threads));`),
  ).toBe(2);
});
