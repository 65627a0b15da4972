// Contestant: an ONNX file in onnxruntime-node, as its users would run it.
import { InferenceSession } from 'onnxruntime-node';
import { compete } from './compete.js';
import { onnxContestant } from './onnx-contestant.js';

await compete(async ({ file, threads }, batch) => {
  const session = await InferenceSession.create(file, { intraOpNumThreads: threads, logSeverityLevel: 3 });
  return onnxContestant(session, file, batch);
});
