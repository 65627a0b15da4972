// The example in headless Chromium, under its Content Security Policy: npm run test:web. Skipped, aloud, where there is none.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { load } from '../../../packages/runtime/dist/espalier-runtime.js';
import { addresses, site } from '../serve.js';
import { findChromium, FLAGS } from './chromium.js';

const executablePath = findChromium();
const skip =
  executablePath === undefined && 'no Chromium on the path: install one, or set CHROMIUM to its path';
if (skip) console.log(`examples/web is not tested: ${skip}`);

/** Label, and probability of it, that Node gives for a text. */
async function inNode(bytes, text) {
  const model = await load(bytes);
  const result = await model.classify(text);
  model.dispose();
  return result;
}

/** Sends half of the bytes, and the rest once `release` is called. */
function slowly(bytes) {
  let release;
  const released = new Promise((resolve) => (release = resolve));
  const handle = async (response) => {
    response.writeHead(200, { 'Content-Type': 'application/octet-stream' });
    response.write(bytes.subarray(0, bytes.length / 2));
    await released;
    response.end(bytes.subarray(bytes.length / 2));
  };
  return { handle, release };
}

describe('the page', { skip }, () => {
  let folder, server, home, browser, packs, texts, slow;
  /** What the console and the page complained about, by test. */
  let complaints = [];

  before(async () => {
    const { chromium } = await import('playwright-core');
    ({ packs, texts } = await import('./tiny-packs.js'));
    folder = await mkdtemp(join(tmpdir(), 'espalier-web-'));
    const paths = [];
    for (const [name, bytes] of Object.entries(packs)) {
      paths.push(join(folder, name));
      await writeFile(paths.at(-1), bytes);
    }
    const worker = fileURLToPath(new URL('worker.js', import.meta.url));
    const handle = site(new Map([...addresses(paths), ['/worker.js', worker]]));
    slow = slowly(packs['garden.espalier']);
    server = createServer((request, response) =>
      request.url === '/slow.espalier' ? slow.handle(response) : handle(request, response),
    );
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    home = `http://127.0.0.1:${server.address().port}/`;
    browser = await chromium.launch({ executablePath, args: FLAGS });
  });

  after(async () => {
    await browser?.close();
    server?.closeAllConnections();
    server?.close();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  async function open(query = '', prepare = () => {}) {
    complaints = [];
    const page = await browser.newPage();
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    await prepare(page);
    await page.goto(home + query);
    return page;
  }

  const ready = (page) => page.locator('#ready').waitFor();

  /** What the page says of the text, once that differs from what it said before. */
  async function ask(page, text) {
    const before = await page.locator('#score').getAttribute('value');
    await page.locator('#text').fill(text);
    await page.waitForFunction((old) => document.getElementById('score').value !== old, before);
    return {
      label: await page.locator('#label').textContent(),
      score: Number(await page.locator('#score').getAttribute('value')),
      shown: await page.locator('#score').textContent(),
    };
  }

  // Beside int8 layers what is not one of integers may round otherwise in Chromium than in Node 20, which has no relaxed SIMD.
  for (const [name, tolerance] of [
    ['garden.espalier', 1e-5],
    ['fixed.espalier', 5e-3],
  ]) {
    it(`says of every text what the runtime says in Node, without a complaint: ${name}`, async () => {
      const page = await open(`?model=${name}`);
      await ready(page);
      const labels = new Set();
      for (const text of texts) {
        const expected = await inNode(packs[name], text);
        const found = await ask(page, text);
        labels.add(found.label);
        assert.equal(found.label, expected.label);
        assert.ok(
          Math.abs(found.score - expected.score) < tolerance,
          `${found.score}, not ${expected.score}`,
        );
        assert.equal(found.shown, `${(100 * found.score).toFixed(1)} %`);
      }
      assert.equal(labels.size, 2, 'texts of both labels');
      assert.deepEqual(complaints, []);
      await page.close();
    });
  }

  it('shows milliseconds, bytes and kernels', async () => {
    const page = await open();
    await ready(page);
    for (const text of texts.slice(0, 3)) await ask(page, text);
    const fact = (id) => page.locator(`#${id}`).textContent();
    assert.match(await fact('time'), /^\d+\.\d ms$/);
    assert.equal(await fact('calls'), 'median of 4 calls');
    const model = await load(packs['garden.espalier'], { largest: { rows: 1 } });
    assert.equal(await fact('file'), `${(model.bytes.file / 1e3).toFixed(1)} kB`);
    assert.equal(await fact('memory'), `${(model.bytes.memory / 1e6).toFixed(1)} MB`);
    model.dispose();
    assert.equal(await fact('threads'), '1');
    assert.equal(await fact('family'), 'bert');
    assert.equal(await fact('size'), '2 layers of 128');
    // Chromium has relaxed SIMD since version 114.
    const version = Number.parseInt(browser.version(), 10);
    assert.match(await fact('level'), version >= 114 ? /^relaxed SIMD(, dot product)?$/ : /^SIMD$/);
    await page.close();
  });

  it('shows progress while the file comes', async () => {
    const page = await open('?model=slow.espalier');
    await page.waitForFunction(() => document.getElementById('progress').position > 0.4);
    assert.ok(await page.locator('#loading').isVisible());
    assert.ok(!(await page.locator('#ready').isVisible()));
    const size = `${(packs['garden.espalier'].length / 1e3).toFixed(1)} kB`;
    assert.match(await page.locator('#loaded').textContent(), new RegExp(`^\\d+\\.\\d kB of ${size}$`));
    slow.release();
    await ready(page);
    assert.ok(!(await page.locator('#loading').isVisible()));
    await page.close();
  });

  it('takes samples, nothing, and a text that is too long', async () => {
    const page = await open();
    await ready(page);
    const sample = page.locator('#samples button').nth(3);
    await sample.click();
    assert.equal(await page.locator('#text').inputValue(), await sample.textContent());
    await page.locator('#text').fill('  ');
    await page.waitForFunction(() => document.getElementById('label').textContent === '–');
    await ask(page, 'the roses were lovely '.repeat(100));
    assert.match(await page.locator('#cut').textContent(), /reads 256 tokens/);
    assert.ok(await page.locator('#cut').isVisible());
    await page.close();
  });

  it('shows the value of a regression', async () => {
    const page = await open('?model=regression.espalier');
    await ready(page);
    const { score, label } = await ask(page, texts[0]);
    const expected = await inNode(packs['regression.espalier'], texts[0]);
    assert.ok(Math.abs(score - expected.score) < 1e-5);
    assert.equal(label, expected.score.toFixed(3));
    assert.equal(await page.locator('#scores li').count(), 0);
    await page.close();
  });

  for (const [name, title, message] of [
    ['damaged.espalier', 'The file is damaged', /checksum/],
    ['no-model.espalier', 'This file is no packed model', /expected/],
    ['nowhere.espalier', 'The model could not be fetched', /404/],
    ['https://example.invalid/model.espalier', 'The model could not be fetched', /cannot be fetched/],
    ['no-tokenizer.espalier', 'The file has no tokenizer', /give ids/],
  ]) {
    it(`says what is wrong with ${name}`, async () => {
      const page = await open(`?model=${encodeURIComponent(name)}`);
      await page.locator('#problem').waitFor();
      assert.equal(await page.locator('#problem-title').textContent(), title);
      assert.match(await page.locator('#problem-message').textContent(), message);
      assert.ok(!(await page.locator('#ready').isVisible()) && !(await page.locator('#loading').isVisible()));
      await page.close();
    });
  }

  it('says that it is slow without SIMD, and gives the same answers', async () => {
    const page = await open('', (page) => page.addInitScript(() => (WebAssembly.validate = () => false)));
    await ready(page);
    assert.equal(await page.locator('#level').textContent(), 'scalar');
    assert.ok(await page.locator('#slow').isVisible());
    const { label, score } = await ask(page, texts[0]);
    const expected = await inNode(packs['garden.espalier'], texts[0]);
    assert.equal(label, expected.label);
    assert.ok(Math.abs(score - expected.score) < 1e-4);
    await page.close();
  });

  it('says what the policy lacks where it forbids WebAssembly', async () => {
    const page = await open('', (page) =>
      page.route(home, async (route) => {
        const response = await route.fetch();
        const policy = response.headers()['content-security-policy'].replace(" 'wasm-unsafe-eval'", '');
        await route.fulfill({
          response,
          headers: { ...response.headers(), 'content-security-policy': policy },
        });
      }),
    );
    await page.locator('#problem').waitFor();
    assert.match(await page.locator('#problem-advice').textContent(), /wasm-unsafe-eval/);
    await page.close();
  });

  it('runs under a policy that forbids eval, isolated as threads need it', async () => {
    const page = await open();
    await ready(page);
    const found = await page.evaluate(
      () =>
        new Promise((resolve) => {
          document.addEventListener('securitypolicyviolation', (event) => resolve(event.blockedURI));
          setTimeout('globalThis.evaluated = true'); // text, so an eval
          setTimeout(() => resolve('nothing was blocked'), 1000);
        }),
    );
    assert.equal(found, 'eval');
    assert.ok(await page.evaluate(() => crossOriginIsolated && !globalThis.evaluated));
    await page.close();
  });

  it('runs the runtime in a worker as well', async () => {
    const page = await open();
    await ready(page);
    const { result, levels, isolated } = await page.evaluate(
      (question) =>
        new Promise((resolve, reject) => {
          const worker = new Worker('worker.js', { type: 'module' });
          worker.onmessage = ({ data }) => resolve(data);
          worker.onerror = (event) => reject(new Error(event.message ?? 'the worker did not start'));
          worker.postMessage(question);
        }),
      { address: 'garden.espalier', text: texts[0] },
    );
    const expected = await inNode(packs['garden.espalier'], texts[0]);
    assert.equal(result.label, expected.label);
    assert.ok(Math.abs(result.score - expected.score) < 1e-5);
    assert.ok(isolated && !Object.values(levels).includes('scalar'));
    assert.deepEqual(complaints, []);
    await page.close();
  });

  it('fits a narrow screen, and names what it shows', async () => {
    const page = await open('', (page) => page.setViewportSize({ width: 320, height: 640 }));
    await ready(page);
    const [width, all] = await page.evaluate(() => [innerWidth, document.documentElement.scrollWidth]);
    assert.ok(all <= width, `${all} pixels wide on a screen of ${width}`);
    assert.equal(await page.getByLabel('Your text').count(), 1);
    assert.ok((await page.getByRole('button').count()) >= 5);
    assert.equal(await page.getByRole('status').count(), 1); // the result is read out when it changes
    await page.close();
  });
});
