// A training step on webgpu against the same on cpu. Runs wherever a Vulkan driver is found, for which
// Chromium's driver in software will do: no GPU is needed.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

/** Where Debian, Ubuntu and Chrome put SwiftShader. */
const SOFTWARE_DRIVERS = [
  '/usr/lib/chromium/vk_swiftshader_icd.json',
  '/usr/lib/chromium-browser/vk_swiftshader_icd.json',
  '/opt/google/chrome/vk_swiftshader_icd.json',
];
const driver = process.env['VK_DRIVER_FILES'] ?? SOFTWARE_DRIVERS.find((path) => existsSync(path));
const available = driver !== undefined && process.platform === 'linux' && process.arch === 'x64';
if (!available) {
  console.warn(
    'skipped "webgpu": no Vulkan driver; set VK_DRIVER_FILES, or install the package chromium (Debian)',
  );
}

const child = fileURLToPath(new URL('../support/webgpu-child.mjs', import.meta.url));

describe.skipIf(!available)('webgpu', () => {
  it('trains as cpu does', { timeout: 180_000 }, async ({ skip }) => {
    const env = { ...process.env, VK_DRIVER_FILES: driver };
    const { stdout } = await promisify(execFile)(process.execPath, [child], { env });
    const report = JSON.parse(stdout);
    if (report.unavailable) {
      console.warn(`skipped "webgpu", driver ${driver}: ${report.unavailable}`);
      skip();
    }
    // Three steps of two micro-batches; relative errors (L2). Measured with SwiftShader: losses 6e-8, gradients 4e-7, logits after three steps 7e-7;
    // rows that lie 1000 deviations from zero lose three digits on any device, 2e-5.
    expect(report.losses).toBeLessThan(1e-6);
    expect(report.gradients).toBeLessThan(4e-6);
    expect(report.gradientTensors).toBe(6 * 24);
    expect(report.logits).toBeLessThan(7e-6);
    expect(report.farNorm).toBeLessThan(2e-4);
    expect(report.forwardStaysOnDevice).toBe(true);
  });
});
