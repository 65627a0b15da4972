// The sections of a file from wherever it is: an address, a response, a stream, or memory. What comes in pieces is handed on as
// it comes.
import { type PackSections, sectionsOf, streamSections } from '../decode/read-sections.js';
import { RuntimeError } from '../encoder/index.js';
import { parsePreamble, PREAMBLE_BYTES } from '../format/preamble.js';

/** Where a packed file can come from. Text is an address, relative ones as `fetch` resolves them. */
export type Source = string | URL | Uint8Array | ArrayBuffer | Blob | Response | ReadableStream<Uint8Array>;

export interface Progress {
  /** Bytes read so far. */
  readonly loaded: number;
  /** Bytes of the file, as its first ones say. */
  readonly total: number;
}

export type Fetch = (address: string | URL, init: { readonly signal?: AbortSignal }) => Promise<Response>;

export interface ReadOptions {
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Ends the reading: `load` rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Default: the global one. */
  readonly fetch?: Fetch | undefined;
}

/** Files of more bytes than a WebAssembly memory has cannot be opened. */
const MOST_BYTES = 2 ** 32;

async function fetchBody(
  address: string | URL,
  { signal, fetch: get = fetch }: ReadOptions,
): Promise<Response> {
  try {
    return await get(address, signal ? { signal } : {});
  } catch (cause) {
    signal?.throwIfAborted();
    throw new RuntimeError(
      'fetch',
      `${short(address)}: cannot be fetched; is the address right, and may this page read it (CORS)? Of a file give the bytes`,
      { cause },
    );
  }
}

/** As messages name it. */
const short = (address: string | URL): string => String(address).slice(0, 100);

function bodyOf(response: Response, name: string): ReadableStream<Uint8Array> {
  if (response.ok && response.body) return response.body;
  throw new RuntimeError(
    'fetch',
    `${name}: expected a file, found status ${response.status} ${response.statusText}`,
  );
}

/** The pieces of a stream as they come. Throws PackError 'magic' as soon as the stream is seen to be another file. */
async function* piecesOf(
  stream: ReadableStream<Uint8Array>,
  { onProgress, signal }: ReadOptions,
): AsyncGenerator<Uint8Array, void> {
  if (stream.locked) throw new RuntimeError('option', 'source: expected a stream, found one in use');
  const reader = stream.getReader();
  const read = () =>
    reader.read().catch((cause: unknown) => {
      signal?.throwIfAborted();
      throw new RuntimeError('fetch', 'the file broke off; try again', { cause });
    });
  const onAbort = (): void => void reader.cancel(signal?.reason).catch(() => undefined);
  signal?.addEventListener('abort', onAbort);
  const head = new Uint8Array(PREAMBLE_BYTES);
  let loaded = 0;
  try {
    for (;;) {
      const { done, value } = await read();
      signal?.throwIfAborted();
      if (done) return;
      if (loaded < PREAMBLE_BYTES) head.set(value.subarray(0, PREAMBLE_BYTES - loaded), loaded);
      loaded += value.length;
      if (loaded >= PREAMBLE_BYTES) {
        const total = fileLength(head);
        onProgress?.({ loaded, total });
      }
      yield value;
    }
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await reader.cancel().catch(() => undefined);
  }
}

function fileLength(preamble: Uint8Array): number {
  const { fileLength } = parsePreamble(preamble);
  if (fileLength <= MOST_BYTES) return fileLength;
  throw new RuntimeError('memory', `expected a file of at most ${MOST_BYTES} bytes, found ${fileLength}`);
}

/** A file that is being read. */
export interface Reading extends PackSections {
  /** Lets go of the source. Twice is once. */
  close(): Promise<void>;
}

function inMemory(bytes: Uint8Array, { onProgress }: ReadOptions): Reading {
  onProgress?.({ loaded: bytes.length, total: bytes.length });
  return { ...sectionsOf(bytes), close: () => Promise.resolve() };
}

async function fromStream(stream: ReadableStream<Uint8Array>, options: ReadOptions): Promise<Reading> {
  const pieces = piecesOf(stream, options);
  const close = async (): Promise<void> => {
    await pieces.return();
  };
  try {
    return { ...(await streamSections(pieces)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The header of the file, and its sections as they come: to be taken in order, then closed. */
export async function readSource(source: Source, options: ReadOptions): Promise<Reading> {
  options.signal?.throwIfAborted();
  if (typeof source === 'string' || source instanceof URL)
    return fromStream(bodyOf(await fetchBody(source, options), short(source)), options);
  if (ArrayBuffer.isView(source))
    return inMemory(new Uint8Array(source.buffer, source.byteOffset, source.byteLength), options);
  if (source instanceof ArrayBuffer) return inMemory(new Uint8Array(source), options);
  if (source instanceof Response)
    return fromStream(bodyOf(source, short(source.url || 'the response')), options);
  if (source instanceof Blob) return fromStream(source.stream(), options);
  if (source instanceof ReadableStream) return fromStream(source, options);
  throw new RuntimeError(
    'option',
    `source: expected an address, bytes, a Blob, a Response or a stream, found ${typeof source}`,
  );
}
