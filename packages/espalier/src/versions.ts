// Versions that a result depends on.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const packageJson = (path: string | URL): { version: string } =>
  JSON.parse(readFileSync(path, 'utf8')) as { version: string };

/** Version of this package. */
export const version: string = packageJson(new URL('../package.json', import.meta.url)).version;

export function versions(): Record<string, string> {
  const runtime = createRequire(import.meta.url).resolve('onnxruntime-node/package.json');
  return { espalier: version, node: process.versions.node, 'onnxruntime-node': packageJson(runtime).version };
}
