// Which pieces of a vocabulary a corpus uses, and how often.
import type { Tokenizer } from '../tokenizer.js';
import { readLines } from './lines.js';
import { wordEncoder } from './word-encoder.js';

export interface UsedPieces {
  /** Of every piece, by id. */
  readonly counts: Uint32Array;
  /** Their sum. */
  readonly tokens: number;
}

/** Reads the files line by line. Throws as `readLines`. */
export async function usedPieces(files: readonly string[], tokenizer: Tokenizer): Promise<UsedPieces> {
  const encode = wordEncoder(tokenizer);
  const counts = new Uint32Array(tokenizer.vocabSize);
  let tokens = 0;
  for (const file of files)
    for await (const lines of readLines(file))
      for (const line of lines)
        for (const id of encode(line)) {
          counts[id]!++;
          tokens++;
        }
  return { counts, tokens };
}
