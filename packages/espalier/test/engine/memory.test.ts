import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { freemem, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { availableMemory, checkMemory } from '../../src/engine/memory.js';
import { EspalierError } from '../../src/errors.js';

const roots: string[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true });
});

/** A folder that looks like the root of a Linux system with these files. */
function system(files: Record<string, string | number>): string {
  const root = mkdtempSync(join(tmpdir(), 'espalier-memory-'));
  roots.push(root);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), `${content}\n`);
  }
  return root;
}

const meminfo = 'MemTotal:       8000000 kB\nMemFree:         100000 kB\nMemAvailable:    4000000 kB';

describe('available memory', () => {
  test('is MemAvailable without a control group, and without a limit in it', () => {
    expect(availableMemory(system({ 'proc/meminfo': meminfo }))).toBe(4_096_000_000);
    const unlimited = { 'sys/fs/cgroup/memory.max': 'max', 'sys/fs/cgroup/memory.current': 5 };
    expect(availableMemory(system({ 'proc/meminfo': meminfo, ...unlimited }))).toBe(4_096_000_000);
  });

  test('is what cgroup v2 leaves, file cache not counted', () => {
    const group = (folder: string) => ({
      'proc/meminfo': meminfo,
      [`sys/fs/cgroup${folder}/memory.max`]: 1_000_000_000,
      [`sys/fs/cgroup${folder}/memory.current`]: 900_000_000,
      [`sys/fs/cgroup${folder}/memory.stat`]: 'anon 100000000\ninactive_file 600000000\nactive_file 1',
    });
    expect(availableMemory(system(group('')))).toBe(700_000_000);
    const own = { ...group('/user/run'), 'proc/self/cgroup': '0::/user/run' };
    expect(availableMemory(system(own))).toBe(700_000_000);
  });

  test('is what cgroup v1 leaves', () => {
    const root = system({
      'proc/meminfo': meminfo,
      'sys/fs/cgroup/memory/memory.limit_in_bytes': 1_000_000_000,
      'sys/fs/cgroup/memory/memory.usage_in_bytes': 900_000_000,
      'sys/fs/cgroup/memory/memory.stat': 'inactive_file 1\ntotal_inactive_file 50000000',
    });
    expect(availableMemory(root)).toBe(150_000_000);
  });

  test('elsewhere is what the system calls free', () => {
    const found = availableMemory(system({ nothing: '' }));
    expect(Math.abs(found - freemem())).toBeLessThan(2 ** 30);
    expect(availableMemory()).toBeGreaterThan(0);
  });
});

test('too much is refused before work starts, in GiB', () => {
  expect(() => checkMemory(2 ** 31, 2 ** 31)).not.toThrow();
  expect(() => checkMemory(5 * 2 ** 30, 2 ** 31)).toThrow(EspalierError);
  expect(() => checkMemory(5 * 2 ** 30, 2 ** 31)).toThrow('needs 5.00 GiB, 2.00 GiB available');
});
