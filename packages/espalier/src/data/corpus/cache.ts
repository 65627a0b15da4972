// Tokenised corpora are kept: tokenising a large text takes longer than an epoch of a small model. The name of a
// cached file is a hash of everything it depends on, so nothing stale is ever read.
import { createHash } from 'node:crypto';
import { access, mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { EspalierError } from '../../errors.js';
import { fileHash } from '../../io/file-hash.js';
import { ioError } from '../../io/io-error.js';
import type { Tokenizer } from '../tokenizer.js';
import { type Corpus, maskIdOf, tokeniseCorpus } from './corpus.js';
import { loadCorpus, saveCorpus } from './corpus-file.js';
import { type DocumentOptions, readDocuments } from './documents.js';

export interface CorpusSource extends DocumentOptions {
  /** In order; see `corpusFiles`. */
  readonly files: readonly string[];
  readonly tokenizer: Tokenizer;
}

export interface CachedCorpusOptions extends CorpusSource {
  /** Default $ESPALIER_CACHE, else ~/.cache/espalier/corpus. Nothing in it is ever deleted. */
  readonly cacheDir?: string;
  /** Hears the number of tokens so far, where the cache does not have them. */
  readonly onProgress?: (tokens: number) => void;
  /** Hears what is worth knowing and no error: a damaged or unwritable cache. */
  readonly note?: (message: string) => void;
}

/** Changes with the format of the file and with how text becomes sentences and tokens. */
const VERSION = 1;

/** SHA-256, in hexadecimal, over all that a corpus depends on: contents of files (not names), tokenizer, options. */
export async function corpusKey(source: CorpusSource): Promise<string> {
  const { files, tokenizer, documents = 'file' } = source;
  const { padId, clsId, sepId, maskId, definition } = tokenizer;
  const hash = createHash('sha256');
  // Sentences end where ICU says.
  hash.update(JSON.stringify([VERSION, process.versions.icu, documents, padId, clsId, sepId, maskId]));
  hash.update(JSON.stringify(definition));
  for (const file of files) hash.update(await fileHash(file));
  return hash.digest('hex');
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** The corpus at `path`; undefined, with a note, where there is none that can be used. */
async function fromCache(path: string, note: (message: string) => void): Promise<Corpus | undefined> {
  if (!(await exists(path))) return undefined;
  try {
    return await loadCorpus(path);
  } catch (error) {
    if (!(error instanceof EspalierError)) throw error;
    note(`tokenising again: ${error.message}`);
    return undefined;
  }
}

async function toCache(folder: string, path: string, corpus: Corpus, note: (message: string) => void) {
  try {
    await mkdir(folder, { recursive: true });
    await saveCorpus(path, corpus);
  } catch (cause) {
    const error = ioError(cause, 'writing', folder);
    if (!(error instanceof EspalierError)) throw error;
    note(`the tokenised corpus is not cached: ${error.message}`);
  }
}

/**
 * The corpus of `files`, from the cache or tokenised and cached. Throws as `readDocuments` and `tokeniseCorpus`, and
 * EspalierError where the files hold no text.
 */
export async function cachedCorpus(options: CachedCorpusOptions): Promise<Corpus> {
  const { files, tokenizer, onProgress, note = () => undefined } = options;
  const folder =
    options.cacheDir ?? process.env['ESPALIER_CACHE'] ?? join(homedir(), '.cache/espalier/corpus');
  maskIdOf(tokenizer); // before the files are read
  const path = join(folder, `${await corpusKey(options)}.safetensors`);
  const cached = await fromCache(path, note);
  if (cached) return cached;
  const corpus = await tokeniseCorpus(readDocuments(files, options), tokenizer, onProgress);
  if (corpus.ids.length === 0) {
    throw new EspalierError(`corpus: expected text in ${files.join(', ')}, found none`);
  }
  await toCache(folder, path, corpus, note);
  return corpus;
}
