// Where sessions run. A device is an execution provider of ONNX Runtime; whether one works on this machine shows
// only when something runs on it, so each is tried once per process with a graph of one addition.
import { existsSync, readdirSync } from 'node:fs';
import { env, InferenceSession, listSupportedBackends, Tensor } from 'onnxruntime-node';
import { EspalierError } from '../errors.js';
import { encodeOnnx } from '../graph/onnx.js';
import { add } from '../graph/ops/index.js';
import { input } from '../graph/program.js';

/** What a user may ask for. */
export const DEVICES = ['cpu', 'webgpu', 'cuda', 'auto'] as const;
export type Device = (typeof DEVICES)[number];

/** What a session runs on. */
export type Provider = Exclude<Device, 'auto'>;

/** Why a provider does not work here; undefined if it does. */
type Probe = (provider: Provider) => Promise<string | undefined>;

export interface ResolveOptions {
  /** Gets a line on what 'auto' chose. */
  readonly note?: (message: string) => void;
  readonly probe?: Probe;
  /** Whether there is a GPU at all. */
  readonly gpu?: boolean;
}

const NEEDS: Record<Exclude<Provider, 'cpu'>, string> = {
  webgpu: 'a GPU with its driver (on Linux x64 a Vulkan driver; VK_DRIVER_FILES may name its file)',
  cuda: 'an NVIDIA GPU, CUDA 12 and the libraries that the install script of onnxruntime-node downloads',
};

// What fails arrives as an exception; the runtime's own log would print it a second time.
env.logLevel = 'fatal';

/**
 * The provider to use for `device`. 'auto' is the first of cuda and webgpu that works, otherwise cpu.
 * Throws EspalierError when the device that was asked for does not work here.
 */
export async function resolveDevice(
  device: Device,
  { note, probe = probeOnce, gpu = hasGpu() }: ResolveOptions = {},
): Promise<Provider> {
  if (device === 'cpu') return device;
  if (device !== 'auto') {
    const reason = await probe(device);
    if (reason === undefined) return device;
    throw new EspalierError(
      `--device ${device} does not work here: ${reason}\n` +
        `it needs ${NEEDS[device]}; --device cpu works everywhere`,
    );
  }
  // Without a GPU only a driver in software can answer, which is far slower than the CPU provider.
  const reasons = gpu ? [] : ['no GPU found'];
  for (const candidate of gpu ? (['cuda', 'webgpu'] as const) : []) {
    const reason = await probe(candidate);
    if (reason === undefined) {
      note?.(`--device auto: running on ${candidate}`);
      return candidate;
    }
    reasons.push(`${candidate}: ${reason}`);
  }
  note?.(`--device auto: running on cpu (${reasons.join('; ')})`);
  return 'cpu';
}

const probed = new Map<Provider, Promise<string | undefined>>();

function probeOnce(provider: Provider): Promise<string | undefined> {
  const known = probed.get(provider) ?? probeProvider(provider);
  probed.set(provider, known);
  return known;
}

/** Adds two numbers on a provider. */
export async function probeProvider(provider: Provider): Promise<string | undefined> {
  if (!listSupportedBackends().some(({ name }) => name === provider))
    return `onnxruntime-node has no ${provider} provider for ${process.platform} ${process.arch}`;
  const x = input('x', [1]);
  try {
    const session = await InferenceSession.create(encodeOnnx([{ name: 'y', node: add(x, x) }]), {
      executionProviders: [provider],
    });
    const { y } = await session.run({ x: new Tensor('float32', Float32Array.of(1), [1]) });
    await session.release();
    return y?.data[0] === 2 ? undefined : `1 + 1 came out as ${String(y?.data[0])}`;
  } catch (error) {
    return reasonOf(error);
  }
}

/** The first line of ONNX Runtime's message, without the place in its source and the failed condition. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message
    .replace(/\n.*/s, '')
    .replace(/^\/\S+\.(?:cc|h):\d+ .* was false\. /, '')
    .replace(/^OrtSessionOptionsAppendExecutionProvider_\w+: /, '');
}

/** Whether a GPU may be here. Linux shows one as a device file: Mesa and others, NVIDIA, WSL. */
export function hasGpu(platform: string = process.platform, dev = '/dev'): boolean {
  if (platform !== 'linux') return true;
  const files = [dev, `${dev}/dri`].flatMap((folder) => (existsSync(folder) ? readdirSync(folder) : []));
  return files.some((file) => /^(renderD\d+|nvidia\d+|dxg)$/.test(file));
}
