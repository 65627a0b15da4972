// Relaxed SIMD, which the runtime's fastest kernels use: Node 20 has it behind a flag of V8. The runtime takes what there is and
// never sets a flag; the toolkit does, so that a model is scored by the kernels that later versions of Node have anyway.
import { setFlagsFromString } from 'node:v8';

/** Node's flag, where it is one: later versions have it by default. */
export const RELAXED_SIMD: readonly string[] =
  Number(process.versions.node.split('.')[0]) < 22 ? ['--experimental-wasm-relaxed-simd'] : [];

/** From now on modules with relaxed SIMD compile in this process. */
export function allowRelaxedSimd(): void {
  for (const flag of RELAXED_SIMD) setFlagsFromString(flag);
}
