// Finding the Hugging Face directory that an artefact belongs to.
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UsageError } from '../errors.js';

/** The directory with config.json of a path: the path itself, or for an ONNX file its folder or the one above. */
export function checkpointBeside(path: string): string {
  if (!path.endsWith('.onnx')) return path;
  const folder = dirname(path);
  const candidates = basename(folder) === 'onnx' ? [dirname(folder), folder] : [folder, dirname(folder)];
  const found = candidates.find((candidate) => existsSync(join(candidate, 'config.json')));
  if (!found)
    throw new UsageError(
      `${path}: no config.json beside it or one folder above, so its architecture is unknown; ` +
        'put it into the directory it was made from',
    );
  return found;
}
