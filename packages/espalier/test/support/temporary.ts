// A temporary folder per test file, removed at the end.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** A function that makes paths inside a folder which lives as long as the test file runs. */
export function temporaryFolder(): (...parts: string[]) => string {
  const root = mkdtempSync(join(tmpdir(), 'espalier-test-'));
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  return (...parts) => join(root, ...parts);
}
