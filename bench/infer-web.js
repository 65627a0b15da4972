// Contestant: an ONNX file in ONNX Runtime's WebAssembly build (SIMD, which is all it comes with), as in a browser but
// under Node: same machine code, same V8, no page around it.
import { readFile } from 'node:fs/promises';
import * as ort from 'onnxruntime-web';
import { compete } from '../packages/espalier/dist/bench/compete.js';
import { onnxContestant } from '../packages/espalier/dist/bench/onnx-contestant.js';

await compete(async ({ file, threads }, batch) => {
  ort.env.wasm.numThreads = threads;
  const options = { executionProviders: ['wasm'], logSeverityLevel: 3 };
  const session = await ort.InferenceSession.create(await readFile(file), options);
  return onnxContestant(session, file, batch, ({ type, data, dims }) => new ort.Tensor(type, data, dims));
});
