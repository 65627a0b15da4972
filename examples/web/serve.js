// Serves the example to this machine: the page, the runtime's bundle and packed models, from a table of addresses. What is not
// in the table is not there, so no address leads to another file.
//
// usage: node examples/web/serve.js MODEL.espalier [MORE.espalier ...] [--port 8080]
import { createReadStream } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { basename, extname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const HEADERS = {
  // WebAssembly is compiled while the page runs; there is no eval. Workers are for threads.
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "worker-src 'self'",
    "connect-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  // Memory that threads share is only given to pages that are isolated from others.
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-cache',
};

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.espalier': 'application/octet-stream',
};

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const PAGE = new Map([
  ['/', here('index.html')],
  ...['page.js', 'page.css', 'icon.svg'].map((name) => [`/${name}`, here(name)]),
  ...['espalier-runtime.js', 'espalier-fallback.js'].map((name) => [
    `/${name}`,
    here(`../../packages/runtime/dist/${name}`),
  ]),
]);

/** File by address: the page's, and each model under its name; the first is the one that the page opens. */
export function addresses(models) {
  const named = models.map((path) => [`/${encodeURIComponent(basename(path))}`, path]);
  if (new Set(named.map(([address]) => address)).size < models.length)
    throw new Error(
      `expected models of different names, found ${models.map((path) => basename(path)).join(', ')}`,
    );
  return new Map([...named, ...models.slice(0, 1).map((path) => ['/model.espalier', path]), ...PAGE]);
}

async function send(path, request, response) {
  const { size } = await stat(path);
  response.writeHead(200, { ...HEADERS, 'Content-Type': TYPES[extname(path)], 'Content-Length': size });
  if (request.method === 'HEAD') response.end();
  else await pipeline(createReadStream(path), response);
}

function refuse(response, status, text) {
  response.writeHead(status, { ...HEADERS, 'Content-Type': 'text/plain; charset=utf-8' });
  response.end(`${text}\n`);
}

/** A handler of requests for the files of a table. */
export const site = (files) => async (request, response) => {
  const path = files.get(request.url.split('?')[0]);
  if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405, 'GET or HEAD');
  if (path === undefined) return refuse(response, 404, 'not found');
  await send(path, request, response).catch(() => {
    if (response.headersSent) response.destroy();
    else refuse(response, 404, 'not found');
  });
};

async function main() {
  const { values, positionals: models } = parseArgs({
    allowPositionals: true,
    options: { port: { type: 'string', default: '8080' } },
  });
  const port = Number(values.port);
  if (models.length === 0 || models.some((path) => extname(path) !== '.espalier'))
    throw new Error('usage: node examples/web/serve.js MODEL.espalier [MORE.espalier ...] [--port 8080]');
  if (!Number.isInteger(port) || port < 0 || port > 65535)
    throw new Error(`--port: expected 0 to 65535, found ${values.port}`);
  const files = addresses(models);
  for (const path of files.values())
    await access(path).catch(() => {
      throw new Error(
        `${path}: not found${extname(path) === '.js' ? '; npm run bundle -w @espalier/runtime makes it' : ''}`,
      );
    });
  const server = createServer(site(files));
  server.on('error', (error) => {
    console.error(`cannot listen on port ${port}: ${error.message}`);
    process.exitCode = 1;
  });
  server.listen(port, '127.0.0.1', () => {
    const home = `http://127.0.0.1:${server.address().port}/`;
    console.log(
      [home, ...models.slice(1).map((path) => `${home}?model=${encodeURIComponent(basename(path))}`)].join(
        '\n',
      ),
    );
  });
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main().catch((error) => {
    console.error(error.message);
    process.exitCode = 2;
  });
}
