// An ONNX file in ONNX Runtime, whichever build of it: native, or WebAssembly as in a browser.
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Example } from '../data/example.js';
import { logitOutputs, onnxFeeds } from '../export/onnx-predictor.js';
import type { Opened } from './compete.js';

/** `tensor` makes what that build takes of a tensor. */
export function onnxContestant(
  session: InferenceSession,
  path: string,
  batch: readonly Example[],
  tensor: (of: Tensor) => Tensor = (of) => of,
): Opened {
  const wanted = logitOutputs(session, path);
  const all = Object.entries(onnxFeeds(batch, batch[0]!.ids.length));
  const feeds = Object.fromEntries(
    all.flatMap(([name, of]) => (session.inputNames.includes(name) ? [[name, tensor(of)]] : [])),
  );
  return {
    async run() {
      const outputs = await session.run(feeds);
      return batch.map((_, row) =>
        Float32Array.from(
          wanted.flatMap((name) => {
            const { data, dims } = outputs[name]!;
            return [...(data as Float32Array).subarray(row * dims[1]!, (row + 1) * dims[1]!)];
          }),
        ),
      );
    },
  };
}
