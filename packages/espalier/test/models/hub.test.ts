// The Hub client against a server on this machine that speaks the Hub's protocol: what is downloaded, where it is
// kept, how it is checked, and what is said when it cannot be had.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { EspalierError, UsageError } from '../../src/errors.js';
import { loadCheckpoint } from '../../src/models/checkpoint.js';
import { fetchFromHub } from '../../src/models/hub.js';
import { isHubId } from '../../src/models/hub-id.js';
import { temporaryFolder } from '../support/temporary.js';
import { writeTiny } from '../support/tiny-bert.js';

const at = temporaryFolder();
const COMMIT = '0123456789abcdef0123456789abcdef01234567';

interface RemoteFile {
  readonly bytes: Buffer;
  readonly large: boolean;
  /** What the listing claims; the true digest by default. */
  readonly claimed?: string;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const sha1 = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('hex');

let server: Server;
let files: Map<string, RemoteFile>;
let requests: { url: string; token: string | undefined }[];

beforeAll(async () => {
  server = createServer((request, response) => {
    const url = request.url ?? '';
    requests.push({ url, token: request.headers.authorization });
    const json = (value: unknown): void => {
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify(value));
    };
    const resolve = `/owner/tiny/resolve/${COMMIT}/`;
    if (url.startsWith('/api/models/owner/tiny/revision/')) json({ id: 'owner/tiny', sha: COMMIT });
    else if (url.startsWith(`/api/models/owner/tiny/tree/${COMMIT}`)) {
      json(
        [...files].map(([path, { bytes, large, claimed }]) => ({
          type: 'file',
          path,
          size: bytes.length,
          oid: sha1(bytes),
          ...(large && { lfs: { oid: claimed ?? sha256(bytes), size: bytes.length, pointerSize: 130 } }),
        })),
      );
    } else if (url.startsWith(resolve) && files.has(url.slice(resolve.length))) {
      const { bytes } = files.get(url.slice(resolve.length))!;
      response.setHeader('ETag', '"x"');
      if (request.headers.range) {
        response.statusCode = 206;
        response.setHeader('Content-Range', `bytes 0-0/${bytes.length}`);
        response.end(bytes.subarray(0, 1));
      } else response.end(bytes);
    } else {
      response.statusCode = 401;
      json({ error: 'Repository not found' });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const source = await writeTiny(at('source'), {
    files: { 'vocab.txt': '[PAD]\ntree', 'README.md': '# tiny' },
  });
  files = new Map(
    readdirSync(source).map((name) => [
      name,
      { bytes: readFileSync(`${source}/${name}`), large: name.endsWith('safetensors') },
    ]),
  );
});

afterAll(() => {
  vi.unstubAllEnvs();
  server.close();
});

let home: string;
let homes = 0;
const repository = (): string => `${home}/hub/models--owner--tiny`;

beforeEach(() => {
  requests = [];
  home = at(`home-${homes++}`);
  vi.unstubAllEnvs();
  for (const name of ['HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE', 'HF_TOKEN', 'HF_HUB_OFFLINE']) {
    vi.stubEnv(name, undefined);
  }
  vi.stubEnv('HF_HOME', home);
  vi.stubEnv('HF_ENDPOINT', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

describe('downloads', () => {
  test('what a checkpoint needs, into the usual cache, once; then offline', async () => {
    const checkpoint = await loadCheckpoint('owner/tiny');
    expect(checkpoint).toMatchObject({ source: 'owner/tiny', family: 'bert' });
    const snapshot = `${repository()}/snapshots/${COMMIT}`;
    expect(readdirSync(snapshot).sort()).toEqual(['config.json', 'model.safetensors', 'vocab.txt']);
    const { bytes } = files.get('model.safetensors')!;
    expect(readlinkSync(`${snapshot}/model.safetensors`)).toBe(`../../blobs/${sha256(bytes)}`);
    expect(readFileSync(`${repository()}/refs/main`, 'utf8')).toBe(COMMIT);

    const downloads = (): number => requests.filter(({ url }) => url.includes('/resolve/')).length;
    const before = downloads();
    await loadCheckpoint('owner/tiny');
    expect(downloads()).toBe(before);

    vi.stubEnv('HF_HUB_OFFLINE', '1');
    requests = [];
    for (const revision of [undefined, 'main', COMMIT]) {
      expect(await fetchFromHub('owner/tiny', revision)).toBe(snapshot);
    }
    expect(requests).toEqual([]);
  });

  test('the token goes to the Hub and into no message', async () => {
    vi.stubEnv('HF_TOKEN', 'hf_secret');
    await fetchFromHub('owner/tiny');
    expect(new Set(requests.map(({ token }) => token))).toEqual(new Set(['Bearer hf_secret']));
    vi.stubEnv('HF_TOKEN', 'secret');
    const fetching = fetchFromHub('owner/tiny');
    await expect(fetching).rejects.toThrow('HF_TOKEN: expected a token that begins with "hf_"');
  });

  test('a large file that is not what the listing promised is not kept', async () => {
    const original = files.get('model.safetensors')!;
    files.set('model.safetensors', { ...original, claimed: 'a'.repeat(64) });
    const fetching = fetchFromHub('owner/tiny');
    await expect(fetching).rejects.toThrow(`with SHA-256 ${'a'.repeat(64)}`);
    files.set('model.safetensors', original);
    expect(readdirSync(`${repository()}/blobs`).filter((name) => name.startsWith('a'.repeat(64)))).toEqual(
      [],
    );
    expect(existsSync(`${repository()}/refs/main`)).toBe(false);
    await fetchFromHub('owner/tiny');
  });

  test('object ids that walk folders are refused', async () => {
    const original = files.get('model.safetensors')!;
    files.set('model.safetensors', { ...original, claimed: '../../../evil' });
    await expect(fetchFromHub('owner/tiny')).rejects.toThrow('no object id on the Hub');
    files.set('model.safetensors', original);
  });

  test('a repository with pickled weights alone says how to convert', async () => {
    const all = files;
    files = new Map([...all].filter(([name]) => name !== 'model.safetensors'));
    files.set('pytorch_model.bin', { bytes: Buffer.from('x'), large: false });
    await expect(fetchFromHub('owner/tiny')).rejects.toThrow('convert with Python');
    files = all;
  });
});

describe('failures', () => {
  const twoLines = async (fetching: Promise<string>, message: string): Promise<void> => {
    const error = await fetching.then(
      () => undefined,
      (cause: unknown) => cause,
    );
    expect(error).toBeInstanceOf(EspalierError);
    expect((error as Error).message).toContain(message);
    expect((error as Error).message.split('\n')).toHaveLength(2);
  };

  test('no such model', () =>
    twoLines(
      fetchFromHub('owner/none'),
      'no model "owner/none" (revision main) on the Hub, or no right to read it',
    ));

  test('no network', () => {
    vi.stubEnv('HF_ENDPOINT', 'http://127.0.0.1:1');
    return twoLines(
      fetchFromHub('owner/tiny'),
      'cannot download model "owner/tiny" from http://127.0.0.1:1: ',
    );
  });

  test('offline and not in the cache', async () => {
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    await twoLines(fetchFromHub('owner/tiny'), `is not in the cache ${home}/hub, and HF_HUB_OFFLINE is set`);
    expect(requests).toEqual([]);
  });

  test('a reference in the cache that leads elsewhere is not followed', async () => {
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    mkdirSync(`${repository()}/refs`, { recursive: true });
    mkdirSync(`${repository()}/snapshots`);
    writeFileSync(`${repository()}/refs/main`, '..');
    await expect(fetchFromHub('owner/tiny')).rejects.toThrow('is not in the cache');
  });

  test.each(['../x', 'main/../../x', '/etc', 'a\0b', '', '-x', 'a//b'])(
    'revision %j is refused',
    async (revision) => {
      await expect(fetchFromHub('owner/tiny', revision)).rejects.toThrow(UsageError);
    },
  );
});

test.each([
  ['bert-base-uncased', true],
  ['google/bert_uncased_L-2_H-128_A-2', true],
  ['a/b.c', true],
  ['..', false],
  ['a/..', false],
  ['../a', false],
  ['a/b/c', false],
  ['/a', false],
  ['a/', false],
  ['a--b/c', false],
  ['.hidden/x', false],
  ['a b', false],
  ['a\0', false],
  ['a\\b', false],
  ['C:x', false],
  ['', false],
  ['a'.repeat(201), false],
])('isHubId(%j) is %s', (text, expected) => {
  expect(isHubId(text)).toBe(expected);
});
