// Which device is used and what is said when it does not work, with made-up and with real providers.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasGpu, probeProvider, type Provider, reasonOf, resolveDevice } from '../../src/engine/devices.js';
import { createSession } from '../../src/engine/session.js';
import { EspalierError } from '../../src/errors.js';
import { add } from '../../src/graph/ops/index.js';
import { input } from '../../src/graph/program.js';
import { temporaryFolder } from '../support/temporary.js';

/** A machine on which `working` work; keeps what was tried and said. */
function machine(working: readonly Provider[], gpu = true) {
  const [tried, notes]: [Provider[], string[]] = [[], []];
  const probe = (provider: Provider): Promise<string | undefined> => {
    tried.push(provider);
    return Promise.resolve(working.includes(provider) ? undefined : `no ${provider} driver`);
  };
  return { tried, notes, options: { probe, gpu, note: (message: string) => void notes.push(message) } };
}

describe('auto', () => {
  it.each<[Provider, readonly Provider[], readonly Provider[]]>([
    ['cuda', ['cuda', 'webgpu'], ['cuda']],
    ['webgpu', ['webgpu'], ['cuda', 'webgpu']],
  ])('is %s where %j work', async (expected, working, tries) => {
    const { tried, notes, options } = machine(working);
    expect(await resolveDevice('auto', options)).toBe(expected);
    expect(tried).toEqual(tries);
    expect(notes).toEqual([`--device auto: running on ${expected}`]);
  });

  it('falls back to cpu and says why', async () => {
    const { notes, options } = machine([]);
    expect(await resolveDevice('auto', options)).toBe('cpu');
    expect(notes).toEqual(['--device auto: running on cpu (cuda: no cuda driver; webgpu: no webgpu driver)']);
  });

  it('takes no driver in software', async () => {
    const { tried, notes, options } = machine(['webgpu'], false);
    expect(await resolveDevice('auto', options)).toBe('cpu');
    expect(tried).toEqual([]);
    expect(notes).toEqual(['--device auto: running on cpu (no GPU found)']);
  });
});

describe('a device by name', () => {
  it('is used where it works, without a GPU too', async () => {
    const { notes, options } = machine(['webgpu'], false);
    expect(await resolveDevice('webgpu', options)).toBe('webgpu');
    expect(notes).toEqual([]);
  });

  it.each(['webgpu', 'cuda'] as const)('is never replaced: %s', async (device) => {
    const failure = resolveDevice(device, machine([]).options);
    await expect(failure).rejects.toThrow(EspalierError);
    await expect(failure).rejects.toThrow(
      new RegExp(`^--device ${device} does not work here: no ${device} driver\nit needs .*--device cpu`),
    );
  });

  it('needs no trial for cpu', async () => {
    const { tried, options } = machine([]);
    expect(await resolveDevice('cpu', options)).toBe('cpu');
    expect(tried).toEqual([]);
  });
});

describe('real providers', () => {
  it('include cpu', async () => {
    expect(await probeProvider('cpu')).toBeUndefined();
  });

  // The libraries are not installed with the package (ignore-scripts): this holds with and without a GPU.
  it('without their library fail in one short line, in a session too', async () => {
    const reason = await probeProvider('cuda');
    if (reason === undefined) {
      console.warn('skipped: CUDA works here');
      return;
    }
    expect(reason).toMatch(/^[^/\n]{5,100}$/);
    const x = input('x', [1]);
    const session = createSession([{ name: 'y', node: add(x, x) }], { device: 'cuda' });
    await expect(session).rejects.toThrow(`--device cuda does not work here: ${reason}`);
  });
});

it("finds the reason in ONNX Runtime's messages", () => {
  const webgpu =
    '/onnxruntime_src/onnxruntime/core/providers/webgpu/webgpu_context.cc:136 onnxruntime::webgpu::WebGpuContext::' +
    'Initialize(const onnxruntime::webgpu::WebGpuContextConfig&)::<lambda()> adapter_result.status == wgpu::' +
    'RequestAdapterStatus::Success was false. Failed to get a WebGPU adapter: No supported adapters\n\n';
  const cuda = 'OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library';
  expect(reasonOf(new Error(webgpu))).toBe('Failed to get a WebGPU adapter: No supported adapters');
  expect(reasonOf(new Error(cuda))).toBe('Failed to load shared library');
  expect(reasonOf('a text')).toBe('a text');
});

const temporary = temporaryFolder();

it('finds a GPU by its device file on Linux, and assumes one elsewhere', () => {
  const dev = (name: string, ...files: string[]): string => {
    const path = temporary(name);
    mkdirSync(join(path, 'dri'), { recursive: true });
    for (const file of files) writeFileSync(join(path, file), '');
    return path;
  };
  expect(hasGpu('linux', temporary('none'))).toBe(false);
  expect(hasGpu('linux', dev('screen', 'null', 'dri/card0', 'nvidiactl'))).toBe(false);
  expect(hasGpu('linux', dev('mesa', 'dri/renderD128'))).toBe(true);
  expect(hasGpu('linux', dev('nvidia', 'nvidia0'))).toBe(true);
  expect(hasGpu('linux', dev('wsl', 'dxg'))).toBe(true);
  expect(hasGpu('darwin', temporary('none'))).toBe(true);
});
