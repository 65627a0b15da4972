// Node's worker threads, found without an import, so that browsers and bundlers need not know of them.

export interface NodeWorker {
  on(event: 'message' | 'error' | 'exit', listener: (value: unknown) => void): void;
  postMessage(message: unknown): void;
  terminate(): unknown;
  /** From now on the worker does not keep the process from ending. */
  unref(): void;
}

interface NodeThreads {
  readonly Worker: new (url: URL | string, options: { readonly execArgv: readonly string[] }) => NodeWorker;
  /** In a worker, the way to the thread that started it. */
  readonly parentPort: {
    once(event: 'message', listener: (message: unknown) => void): void;
    postMessage(message: unknown): void;
  } | null;
}

interface NodeProcess {
  getBuiltinModule?(name: 'worker_threads'): NodeThreads;
}

/** Nothing outside Node and its like. */
export const nodeThreads = (): NodeThreads | undefined =>
  (Reflect.get(globalThis, 'process') as NodeProcess | undefined)?.getBuiltinModule?.('worker_threads');
