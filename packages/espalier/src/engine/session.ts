// Compiled graphs: an ONNX Runtime session with typed feeds and fetches. The execution provider is a parameter.
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { EspalierError } from '../errors.js';
import { type Device, type Provider, reasonOf, resolveDevice } from './devices.js';
import type { NodeDtype } from '../graph/node.js';
import { encodeOnnx, type NamedNode } from '../graph/onnx.js';
import { isInput, reachable } from '../graph/program.js';

export interface SessionOptions {
  readonly threads?: number;
  readonly device?: Device;
  /** Reuse freed activations between runs. Off where many sessions live at once. */
  readonly arena?: boolean;
}

export type FeedArray = Float32Array | Int32Array | Uint8Array;

export interface Session {
  /** Inputs the graph really uses, with their static shapes. */
  readonly inputs: ReadonlyMap<string, { readonly shape: readonly number[]; readonly dtype: NodeDtype }>;
  readonly outputs: ReadonlyMap<string, { readonly shape: readonly number[] }>;
  /**
   * Runs the graph. `feeds` must hold every input; arrays are read in place. Results are written into the arrays
   * of `fetches` (float32). Views are cached by array: pass the same array to avoid making tensors again.
   */
  run(feeds: ReadonlyMap<string, FeedArray>, fetches: ReadonlyMap<string, Float32Array>): Promise<void>;
  release(): Promise<void>;
}

/** Ops that a device lacks run on the CPU, with copies there and back. */
const PROVIDERS: Record<Provider, string[]> = {
  cpu: ['cpu'],
  webgpu: ['webgpu', 'cpu'],
  cuda: ['cuda', 'cpu'],
};

/** Compiles the graph that computes `outputs`. Throws EspalierError when the device does not work here. */
export async function createSession(
  outputs: readonly NamedNode[],
  { threads = 2, device = 'cpu', arena = true }: SessionOptions = {},
): Promise<Session> {
  const inputs = new Map<string, { shape: readonly number[]; dtype: NodeDtype }>();
  for (const { outputs: produced } of reachable(outputs.map(({ node }) => node))) {
    const node = produced[0]!;
    if (isInput(node)) inputs.set(node.apply.attributes.name, { shape: node.shape, dtype: node.dtype });
  }
  const provider = await resolveDevice(device);
  const model = encodeOnnx(outputs, { webgpu: provider === 'webgpu' });
  const session = await InferenceSession.create(model, {
    executionProviders: PROVIDERS[provider],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
    enableMemPattern: false,
    enableCpuMemArena: arena,
    // Fake quantisation stays float32 arithmetic: it is not to become the integer kernels of this processor.
    extra: { session: { disable_quant_qdq: '1' } },
  }).catch((cause: unknown) => {
    throw new EspalierError(`the graph cannot be prepared on ${provider}: ${reasonOf(cause)}`, { cause });
  });
  const shapes = new Map(outputs.map(({ name, node }) => [name, { shape: node.shape }]));
  const views = new Map<string, { array: FeedArray; tensor: Tensor }>();

  function view(name: string, array: FeedArray, shape: readonly number[], dtype: NodeDtype): Tensor {
    const cached = views.get(name);
    if (cached?.array === array) return cached.tensor;
    const tensor = new Tensor(dtype, array, shape);
    views.set(name, { array, tensor });
    return tensor;
  }

  return {
    inputs,
    outputs: shapes,
    async run(feeds, fetches) {
      const feedTensors: Record<string, Tensor> = {};
      for (const [name, { shape, dtype }] of inputs) {
        const array = feeds.get(name);
        if (!array) throw new Error(`session: no feed for input "${name}"`);
        feedTensors[name] = view(name, array, shape, dtype);
      }
      const fetchTensors: Record<string, Tensor> = {};
      for (const [name, array] of fetches) {
        fetchTensors[name] = view(`fetch:${name}`, array, shapes.get(name)!.shape, 'float32');
      }
      await session.run(feedTensors, fetchTensors);
    },
    release: () => session.release(),
  };
}
