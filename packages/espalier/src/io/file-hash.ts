// SHA-256 of a file, read in parts: texts for pre-training may be larger than memory.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { ioError } from './io-error.js';

/** In hexadecimal. Throws an EspalierError naming the file when it cannot be read. */
export async function fileHash(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }))
      hash.update(chunk as Buffer);
  } catch (cause) {
    throw ioError(cause, 'reading', path);
  }
  return hash.digest('hex');
}
