// Node 20 has relaxed SIMD behind a flag of V8, which works until a module that needs it is first compiled. Engines that
// have it anyway ignore the flag.
import { setFlagsFromString } from 'node:v8';

setFlagsFromString('--experimental-wasm-relaxed-simd');
