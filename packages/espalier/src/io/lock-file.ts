// The file by which a process says that it writes into a folder, and what tells the process from a later one of the same
// number: when it began, where the system says so.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

export const LOCK = '.espalier.lock';

/** Boot and moment in which a process began, from Linux's /proc; undefined elsewhere. One that ended has no moment. */
export function beganAt(pid: number): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in brackets, may hold anything. State and `starttime` are the 1st and the 20th field after it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return `${boot} ${fields[0] === 'Z' ? 'ended' : fields[19]!}`;
  } catch {
    return undefined;
  }
}

/** What stands in a lock of this process, all its threads alike. */
export const lockText = (): string =>
  `${JSON.stringify({ pid: process.pid, began: beganAt(process.pid) })}\n`;

/** Removes the lock that a thread of this process left when it was ended in the middle of its run, if it did. */
export function removeOwnLock(folder: string): void {
  const path = join(folder, LOCK);
  try {
    if (readFileSync(path, 'utf8') === lockText()) rmSync(path);
  } catch {
    // There is none, or the folder is gone.
  }
}
