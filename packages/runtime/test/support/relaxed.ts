// Node 20 has relaxed SIMD behind a flag of V8, which works until a module that needs it is first compiled. Later versions
// have it anyway and do not know the flag.
import { setFlagsFromString } from 'node:v8';

if (Number(process.versions.node.split('.')[0]) < 22) setFlagsFromString('--experimental-wasm-relaxed-simd');
