// One run at a time in an output folder: a file there names the process that writes. It is made exclusively and removed
// at the end; that of a process which is gone (SIGKILL, a reboot) is taken over. It holds among processes of one machine.
import { mkdir, readFile, realpath, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { UsageError } from '../errors.js';
import { ioError } from '../io/io-error.js';
import { beganAt, LOCK, lockText } from '../io/lock-file.js';
import { isWithin } from './inputs.js';

/** How long another process may take to write the few bytes of a lock, or to replace one that it found stale, in ms. */
const GRACE = 100;

const ownerSchema = z.object({ pid: z.int().positive(), began: z.string().optional() });
type Owner = z.output<typeof ownerSchema>;

const hasCode = (cause: unknown, code: string): boolean =>
  cause instanceof Error && 'code' in cause && cause.code === code;

function isAlive({ pid, began }: Owner): boolean {
  try {
    process.kill(pid, 0);
  } catch (cause) {
    if (!hasCode(cause, 'EPERM')) return false; // with it, there is one of another user
  }
  const found = beganAt(pid);
  return began === undefined || found === undefined || found === began;
}

const textOf = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');

/** Undefined where a lock is being written, or torn. */
function ownerOf(text: string): Owner | undefined {
  try {
    return ownerSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

const inUse = (folder: string, { pid }: Owner): UsageError =>
  new UsageError(`${folder} is in use by process ${pid}; wait for it or choose another --out`);

/** Throws UsageError while a run writes into the folder. */
export async function checkUnlocked(folder: string): Promise<void> {
  const owner = ownerOf(await textOf(join(folder, LOCK)));
  if (owner && isAlive(owner)) throw inUse(folder, owner);
}

/** Makes the lock unless there is one. */
async function create(path: string, folder: string): Promise<boolean> {
  try {
    await writeFile(path, lockText(), { flag: 'wx' });
    return true;
  } catch (cause) {
    if (hasCode(cause, 'EEXIST')) return false;
    throw ioError(cause, 'writing', folder);
  }
}

async function acquire(path: string, folder: string): Promise<void> {
  if (await create(path, folder)) return;
  if (!ownerOf(await textOf(path))) await wait(GRACE);
  await checkUnlocked(folder);
  await rm(path, { force: true });
  const created = await create(path, folder);
  await wait(GRACE); // others may have found the same: the last to write has it
  const text = await textOf(path);
  if (!created || text !== lockText()) throw inUse(folder, ownerOf(text) ?? { pid: process.pid });
}

/** Folders that runs of this thread hold. */
const held = new Set<string>();

/** Does work that alone may write into the folder, which is made. Throws UsageError while another run does. */
export async function withLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const made = await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw ioError(cause, 'writing', folder);
  });
  const place = await realpath(folder);
  // The cells of a comparison lie in a folder that is held already.
  if ([...held].some((outer) => outer !== place && isWithin(place, outer))) return work();
  if (held.has(place)) throw inUse(folder, process);
  held.add(place);
  const path = join(place, LOCK);
  try {
    await acquire(path, folder);
    return await work().finally(() => rm(path, { force: true }));
  } finally {
    held.delete(place);
    if (made !== undefined) await rmdir(place).catch(() => undefined); // where nothing was written
  }
}
