// Files and folders that exist whole or not at all: everything is written beside its place, flushed to disk and
// renamed into it (POSIX rename is atomic). A failure leaves what was there before.
import { randomUUID } from 'node:crypto';
import { lstat, mkdir, open, readdir, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { EspalierError } from '../errors.js';
import { ioError } from './io-error.js';

/** Appends bytes to the file being written. */
export type WriteBytes = (bytes: Uint8Array) => Promise<void>;

/** One write call takes at most this many bytes: Linux refuses 2 GiB and more. */
const CHUNK = 1 << 26;

const beside = (path: string, suffix: string): string =>
  join(dirname(path), `.${basename(path)}.${randomUUID().slice(0, 8)}.${suffix}`);

async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes renames inside a folder durable. Windows cannot open folders and does not need to. */
async function flushFolder(path: string): Promise<void> {
  if (process.platform !== 'win32') await flush(path);
}

async function fill(path: string, content: (write: WriteBytes) => Promise<void>): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    await content(async (bytes) => {
      for (let offset = 0; offset < bytes.byteLength;) {
        const length = Math.min(CHUNK, bytes.byteLength - offset);
        offset += (await handle.write(bytes, offset, length)).bytesWritten;
      }
    });
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Writes a file whole or not at all. `content` is the bytes, a string (UTF-8), or a function that writes piece
 * by piece. The folder must exist. Throws EspalierError naming `path` on a full disk, missing permission and
 * the like; the previous file, if any, is then untouched.
 */
export async function writeFileAtomic(
  path: string,
  content: Uint8Array | string | ((write: WriteBytes) => Promise<void>),
): Promise<void> {
  const temporary = beside(path, 'tmp');
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  try {
    await fill(temporary, typeof bytes === 'function' ? bytes : (write) => write(bytes));
    await rename(temporary, path);
    await flushFolder(dirname(path));
  } catch (cause) {
    await rm(temporary, { force: true });
    throw ioError(cause, 'writing', path);
  }
}

async function flushTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await flushTree(path);
    else if (entry.isFile()) await flush(path);
  }
  await flushFolder(folder);
}

/** What stands at `path`: the entries of a folder, or undefined when there is nothing. */
async function existingEntries(path: string): Promise<string[] | undefined> {
  const found = await lstat(path).catch(() => undefined);
  if (!found) return undefined;
  if (!found.isDirectory()) {
    throw new EspalierError(`cannot write the folder ${path}: expected a folder or nothing, found a file`);
  }
  return await readdir(path);
}

/**
 * Writes a folder whole or not at all: `content` fills a temporary sibling, which then takes the place of
 * `folder`. An existing folder is replaced only if nothing is lost that the new one does not have as well;
 * `disposable` names entries that may vanish. A crash between the two renames leaves the old folder beside its
 * place, as `.NAME.XXXXXXXX.old`. Throws EspalierError naming the folder; the old one is then untouched.
 */
export async function writeDirectoryAtomic(
  folder: string,
  content: (temporary: string) => Promise<void>,
  { disposable = [] }: { disposable?: readonly string[] } = {},
): Promise<void> {
  const place = await realpath(folder).catch(() => resolve(folder)); // a link keeps pointing at its folder
  const temporary = beside(place, 'tmp');
  try {
    const existing = await existingEntries(place);
    await mkdir(dirname(place), { recursive: true });
    await mkdir(temporary);
    await content(temporary);
    const kept = new Set([...(await readdir(temporary)), ...disposable]);
    const lost = existing?.filter((name) => !kept.has(name)) ?? [];
    if (lost.length > 0) {
      const more = lost.length > 1 ? ` and ${lost.length - 1} more` : '';
      throw new EspalierError(
        `cannot replace the folder ${folder}: it also holds ${JSON.stringify(lost[0])}${more}, which would be lost\n` +
          'name another folder, or empty this one',
      );
    }
    await flushTree(temporary);
    await moveInto(temporary, place, existing !== undefined);
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true });
    throw ioError(cause, 'writing', folder);
  }
}

async function moveInto(temporary: string, place: string, replace: boolean): Promise<void> {
  const old = beside(place, 'old');
  if (replace) await rename(place, old);
  try {
    await rename(temporary, place);
  } catch (cause) {
    if (replace) await rename(old, place);
    throw cause;
  }
  await flushFolder(dirname(place));
  if (replace) await rm(old, { recursive: true, force: true });
}
