// Workers of the web or of Node behind one face.
import { type NodeWorker, nodeThreads } from './node-threads.js';

/** Where a worker comes from: the address of its script, or what makes one (bundlers, scripts of another origin). */
export type WorkerSource = URL | string | (() => Worker | NodeWorker);

function make(source?: WorkerSource): Worker | NodeWorker {
  if (typeof source === 'function') return source();
  if (typeof globalThis.Worker === 'function')
    return source === undefined
      ? new Worker(new URL('./worker.js', import.meta.url), { type: 'module' }) // as bundlers look for it
      : new Worker(source, { type: 'module' });
  const threads = nodeThreads();
  if (!threads) throw new Error('this engine has no workers');
  const url = source ?? new URL('./worker.js', import.meta.url);
  return new threads.Worker(url, { execArgv: [] }); // the process's own may not suit it, as --input-type
}

export interface Listeners {
  readonly message: (data: unknown) => void;
  /** It could not start, has thrown, or has ended. */
  readonly end: (reason: string) => void;
}

export interface Spawned {
  post(message: unknown): void;
  /** From now on it does not keep the process from ending. */
  release(): void;
  terminate(): unknown;
}

export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export function spawn(source: WorkerSource | undefined, { message, end }: Listeners): Spawned {
  const worker = make(source);
  if ('on' in worker) {
    worker.on('message', message);
    worker.on('error', (error) => end(reasonOf(error)));
    worker.on('exit', () => end('it has ended'));
  } else {
    worker.addEventListener('message', ({ data }) => message(data));
    worker.addEventListener('error', (event) => end(event.message || 'its script could not be loaded'));
    worker.addEventListener('messageerror', () => end('it could not read a message'));
  }
  return {
    post: (data) => worker.postMessage(data),
    release: () => {
      if ('unref' in worker && typeof worker.unref === 'function') worker.unref();
    },
    terminate: () => worker.terminate(),
  };
}
