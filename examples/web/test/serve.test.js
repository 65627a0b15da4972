// What the example's server gives, and what it refuses. Needs no browser.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { addresses, site } from '../serve.js';

const script = fileURLToPath(new URL('../serve.js', import.meta.url));

let folder, server;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-serve-'));
  await writeFile(join(folder, 'a model.espalier'), 'model');
  await writeFile(join(folder, 'secret.txt'), 'secret');
  server = createServer(site(addresses([join(folder, 'a model.espalier')])));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
});

after(async () => {
  server.close();
  await rm(folder, { recursive: true, force: true });
});

/** As it is written: `fetch` would resolve the dots itself. */
const ask = (path, method = 'GET') =>
  new Promise((resolve, reject) => {
    const asked = request({ port: server.address().port, path, method, agent: false }, async (response) => {
      response.setEncoding('utf8');
      const { statusCode: status, headers } = response;
      resolve({ status, headers, body: (await response.toArray()).join('') });
    });
    asked.on('error', reject).end();
  });

for (const [path, type] of [
  ['/', 'text/html; charset=utf-8'],
  ['/?model=a%20model.espalier', 'text/html; charset=utf-8'],
  ['/page.js', 'text/javascript; charset=utf-8'],
  ['/page.css', 'text/css; charset=utf-8'],
  ['/icon.svg', 'image/svg+xml'],
  ['/espalier-runtime.js', 'text/javascript; charset=utf-8'],
  ['/espalier-fallback.js', 'text/javascript; charset=utf-8'],
  ['/model.espalier', 'application/octet-stream'],
  ['/a%20model.espalier', 'application/octet-stream'],
]) {
  it(`gives ${path} as ${type}, isolated and under a policy`, async () => {
    const { status, headers, body } = await ask(path);
    assert.equal(status, 200);
    assert.equal(headers['content-type'], type);
    assert.equal(Number(headers['content-length']), Buffer.byteLength(body));
    assert.equal(headers['cross-origin-opener-policy'], 'same-origin');
    assert.equal(headers['cross-origin-embedder-policy'], 'require-corp');
    assert.match(
      headers['content-security-policy'],
      /default-src 'none'; script-src 'self' 'wasm-unsafe-eval';/,
    );
    assert.doesNotMatch(headers['content-security-policy'], /'unsafe-/);
    if (type === 'application/octet-stream') assert.equal(body, 'model');
  });
}

for (const path of [
  '/secret.txt',
  '/../secret.txt',
  '/%2e%2e/secret.txt',
  '/page.js/../serve.js',
  '/serve.js',
  '//etc/passwd',
  '/..%2f..%2fpackage.json',
  '/model.espalier%00.js',
  '/__proto__',
]) {
  it(`has no ${path}`, async () => {
    const { status, body } = await ask(path);
    assert.deepEqual([status, body], [404, 'not found\n']);
  });
}

it('only reads', async () => {
  assert.equal((await ask('/', 'POST')).status, 405);
  const { status, headers, body } = await ask('/model.espalier', 'HEAD');
  assert.deepEqual([status, headers['content-length'], body], [200, '5', '']);
});

it('says that its port is taken', async () => {
  const args = [script, join(folder, 'a model.espalier'), '--port', String(server.address().port)];
  await assert.rejects(promisify(execFile)(process.execPath, args), ({ code, stderr }) => {
    assert.equal(code, 1);
    assert.match(stderr, /cannot listen on port \d+: .*EADDRINUSE/);
    return true;
  });
});

it('says that a model has gone since it started', async () => {
  await rm(join(folder, 'a model.espalier'));
  assert.equal((await ask('/model.espalier')).status, 404);
});

for (const [args, message] of [
  [[], /usage/],
  [['model.bin'], /usage/],
  [['nowhere.espalier'], /nowhere\.espalier: not found/],
  [['a.espalier', '--port', 'x'], /--port: expected 0 to 65535, found x/],
  [['a.espalier', 'b/a.espalier'], /different names/],
]) {
  it(`refuses "${args.join(' ')}"`, async () => {
    await assert.rejects(promisify(execFile)(process.execPath, [script, ...args]), ({ code, stderr }) => {
      assert.equal(code, 2);
      assert.match(stderr, message);
      return true;
    });
  });
}
