// Checkpoints from the Hugging Face Hub, kept in the cache that huggingface_hub keeps
// (models--ORG--NAME/{refs,blobs,snapshots}), so that Python and Espalier share their downloads. HF_HOME,
// HF_HUB_CACHE, HF_TOKEN, HF_ENDPOINT and HF_HUB_OFFLINE mean what they mean there.
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import {
  downloadFile,
  getHFHubCachePath,
  getRepoFolderName,
  HUB_URL,
  HubApiError,
  type ListFileEntry,
  listFiles,
  modelInfo,
} from '@huggingface/hub';
import { EspalierError, UsageError } from '../errors.js';
import { writeFileAtomic } from '../io/atomic.js';
import { ioError } from '../io/io-error.js';
import { isHubId } from './hub-id.js';
import { QUANTISATION } from './quantisation.js';
import { TOKENIZER_FILES } from './tokenizer-files.js';
import { noWeights, SHARD_INDEX, WEIGHTS } from './weight-files.js';

const COMMIT = /^[0-9a-f]{40}$/;
/** A git object id or the SHA-256 of a large file: the name of its blob. */
const BLOB = /^([0-9a-f]{40}|[0-9a-f]{64})$/;
const SHARD = /^model-\d{5}-of-\d{5}\.safetensors$/;

const isRevision = (text: string): boolean =>
  text.length <= 200 && /^\w[\w./-]*$/.test(text) && !/\.\.|\/\/|\/$/.test(text);

interface Repository {
  readonly id: string;
  readonly revision: string;
  /** Its folder in the cache. */
  readonly folder: string;
}

interface Access {
  readonly hubUrl: string;
  readonly accessToken?: string;
}

function access(): Access {
  const hubUrl = (process.env['HF_ENDPOINT'] ?? HUB_URL).replace(/\/+$/, '');
  const token = process.env['HF_TOKEN'];
  if (!token) return { hubUrl };
  if (!token.startsWith('hf_')) throw new UsageError('HF_TOKEN: expected a token that begins with "hf_"');
  return { hubUrl, accessToken: token };
}

const isOffline = (): boolean => /^(1|on|yes|true)$/i.test(process.env['HF_HUB_OFFLINE'] ?? '');

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** The snapshot that an earlier download left, found without the network. */
async function cachedSnapshot({ id, revision, folder }: Repository): Promise<string> {
  const commit = COMMIT.test(revision)
    ? revision
    : await readFile(join(folder, 'refs', revision), 'utf8').then(
        (text) => text.trim(),
        () => '',
      );
  const snapshot = join(folder, 'snapshots', commit);
  if (COMMIT.test(commit) && (await exists(snapshot))) return snapshot;
  throw new EspalierError(
    `model "${id}" (revision ${revision}) is not in the cache ${dirname(folder)}, and HF_HUB_OFFLINE is set\n` +
      'unset HF_HUB_OFFLINE to download it, or name a local folder',
  );
}

/** The files of a repository that make a checkpoint. */
function wanted(id: string, entries: readonly ListFileEntry[]): ListFileEntry[] {
  const names = entries.map(({ path }) => path);
  if (!names.includes('config.json')) {
    throw new EspalierError(`model "${id}" on the Hub: expected config.json, found none`);
  }
  const single = names.includes(WEIGHTS);
  if (!single && !names.includes(SHARD_INDEX)) throw noWeights(`model "${id}" on the Hub`, names);
  const isWeights = (name: string): boolean =>
    single ? name === WEIGHTS : name === SHARD_INDEX || SHARD.test(name);
  return entries.filter(
    ({ path }) =>
      path === 'config.json' || path === QUANTISATION || TOKENIZER_FILES.includes(path) || isWeights(path),
  );
}

/** Downloads a blob and checks its size and, for a large file, its SHA-256. */
async function downloadBlob(
  repository: Repository,
  commit: string,
  { path, size, lfs }: ListFileEntry,
  target: string,
): Promise<void> {
  const blob = await downloadFile({ ...access(), repo: repository.id, path, revision: commit });
  const where = `${path} of model "${repository.id}"`;
  if (!blob) throw new EspalierError(`${where} has disappeared from the Hub; try again`);
  const hash = createHash('sha256');
  let received = 0;
  await writeFileAtomic(target, async (write) => {
    const reader = blob.stream().getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      hash.update(part.value);
      received += part.value.byteLength;
      await write(part.value);
    }
    const digest = hash.digest('hex');
    if (received !== (lfs?.size ?? size) || (lfs && digest !== lfs.oid)) {
      throw new EspalierError(
        `${where}: expected ${lfs?.size ?? size} bytes${lfs ? ` with SHA-256 ${lfs.oid}` : ''}, ` +
          `received ${received} bytes${lfs ? ` with ${digest}` : ''}\ntry again`,
      );
    }
  });
}

/** Puts one file into a snapshot: a link to its blob, or a copy where links are not allowed. */
async function fetchFile(
  repository: Repository,
  commit: string,
  snapshot: string,
  entry: ListFileEntry,
): Promise<void> {
  const pointer = join(snapshot, entry.path); // `wanted` lets only plain names through
  if (await exists(pointer)) return;
  const name = entry.lfs?.oid ?? entry.oid ?? '';
  if (!BLOB.test(name))
    throw new EspalierError(`${entry.path} of model "${repository.id}": no object id on the Hub`);
  const blob = join(repository.folder, 'blobs', name);
  if (!(await exists(blob))) await downloadBlob(repository, commit, entry, blob);
  await rm(pointer, { force: true });
  await symlink(relative(snapshot, blob), pointer).catch(() => copyFile(blob, pointer));
}

async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((cause: unknown) => {
    throw ioError(cause, 'writing', path);
  });
}

async function download(repository: Repository): Promise<string> {
  const { id, revision, folder } = repository;
  const { sha: commit } = await modelInfo({ ...access(), name: id, revision, additionalFields: ['sha'] });
  if (!COMMIT.test(commit)) throw new EspalierError(`model "${id}": the Hub gave no commit for ${revision}`);
  const entries: ListFileEntry[] = [];
  for await (const entry of listFiles({ ...access(), repo: id, revision: commit })) entries.push(entry);
  const files = wanted(id, entries);
  const snapshot = join(folder, 'snapshots', commit);
  await makeFolder(join(folder, 'blobs'));
  await makeFolder(snapshot);
  for (const entry of files) await fetchFile(repository, commit, snapshot, entry);
  // The reference comes last: offline, it promises a whole snapshot.
  if (revision !== commit) {
    const reference = join(folder, 'refs', revision);
    await makeFolder(dirname(reference));
    await writeFileAtomic(reference, commit);
  }
  return snapshot;
}

function explain(cause: unknown, { id, revision, folder }: Repository): EspalierError {
  if (cause instanceof EspalierError) return cause;
  if (cause instanceof HubApiError) {
    const { statusCode: status } = cause;
    const message =
      status === 401 || status === 403 || status === 404
        ? `no model "${id}" (revision ${revision}) on the Hub, or no right to read it (status ${status})\n` +
          'check the id; for a private or gated model set HF_TOKEN'
        : `the Hub answered with status ${status} for model "${id}"\ntry again later, or name a local folder`;
    return new EspalierError(message, { cause });
  }
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const reason = inner instanceof Error ? inner.message : String(inner);
  return new EspalierError(
    `cannot download model "${id}" from ${access().hubUrl}: ${reason}\n` +
      `check the network or name a local folder; HF_HUB_OFFLINE=1 uses the cache ${dirname(folder)} alone`,
    { cause },
  );
}

/**
 * The folder of a model from the Hub, downloaded into the usual cache where it is not there yet (offline: from
 * the cache alone). Throws UsageError for an id or revision that cannot be one, EspalierError for a model that
 * cannot be had, in two lines.
 */
export async function fetchFromHub(id: string, revision = 'main'): Promise<string> {
  if (!isHubId(id)) throw new UsageError(`expected a Hub id such as owner/name, found ${JSON.stringify(id)}`);
  if (!isRevision(revision)) {
    throw new UsageError(`expected a branch, tag or commit as revision, found ${JSON.stringify(revision)}`);
  }
  const folder = join(getHFHubCachePath(), getRepoFolderName({ type: 'model', name: id }));
  const repository = { id, revision, folder };
  if (isOffline()) return cachedSnapshot(repository);
  try {
    return await download(repository);
  } catch (cause) {
    throw explain(cause, repository);
  }
}
