// What a grid has already done: a killed run continues where it was.
import { existsSync, readFileSync } from 'node:fs';

/** The cells of the lines in a file; none where there is no file yet. */
export function finishedCells(path) {
  if (!existsSync(path)) return new Set();
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
  return new Set(lines.map((line) => JSON.parse(line).cell));
}
