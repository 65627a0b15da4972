// How much memory a run may still take, asked before work starts: what the kernel calls available
// (/proc/meminfo, proc(5)) and what the control group leaves (cgroups v2 and v1, kernel documentation). Clean
// file cache counts as free in both, since the kernel gives it back.

import { readFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { join } from 'node:path';
import { EspalierError } from '../errors.js';

const GIB = 2 ** 30;

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // not this kind of system
  }
}

/** Bytes left under a control group's limit; Infinity without one. `usage` and `limit` are its file names. */
function leftInGroup(folder: string, limit: string, usage: string, reclaimable: string): number {
  const most = Number(read(join(folder, limit)) ?? Number.NaN); // NaN also for cgroup v2's "max"
  const used = Number(read(join(folder, usage)) ?? Number.NaN);
  if (Number.isNaN(most) || Number.isNaN(used)) return Number.POSITIVE_INFINITY;
  const cache = new RegExp(`^${reclaimable} (\\d+)$`, 'm').exec(read(join(folder, 'memory.stat')) ?? '');
  return Math.max(0, most - used + Number(cache?.[1] ?? 0));
}

/** Bytes of memory a process may still take. `root` is where `proc` and `sys` are. */
export function availableMemory(root = '/'): number {
  const info = /^MemAvailable:\s+(\d+) kB$/m.exec(read(join(root, 'proc/meminfo')) ?? '');
  const groups = join(root, 'sys/fs/cgroup');
  const own = /^0::\/(.*)$/m.exec(read(join(root, 'proc/self/cgroup')) ?? '')?.[1] ?? '';
  return Math.min(
    info ? Number(info[1]) * 1024 : freemem(),
    leftInGroup(groups, 'memory.max', 'memory.current', 'inactive_file'),
    leftInGroup(join(groups, own), 'memory.max', 'memory.current', 'inactive_file'),
    leftInGroup(
      join(groups, 'memory'),
      'memory.limit_in_bytes',
      'memory.usage_in_bytes',
      'total_inactive_file',
    ),
  );
}

/** Throws EspalierError when `bytes` are not available. */
export function checkMemory(bytes: number, available = availableMemory()): void {
  if (bytes <= available) return;
  const gib = (n: number) => `${(n / GIB).toFixed(2)} GiB`;
  throw new EspalierError(
    `memory: this run needs ${gib(bytes)}, ${gib(available)} available; ` +
      'lower the batch size or the maximal length, use a smaller model, or free memory',
  );
}
