// Runs an exported ONNX file through plain ONNX Runtime, as its users would.
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Example, PadSide } from '../data/example.js';
import { FormatError } from '../errors.js';
import type { Predictor } from '../train/predictor.js';

/** Token-level inputs of a batch: [rows, length] int64. */
export function onnxFeeds(
  examples: readonly Example[],
  length: number,
  padSide: PadSide = 'right',
): Record<string, Tensor> {
  const int64 = (value: (example: Example, token: number) => number): Tensor => {
    const data = new BigInt64Array(examples.length * length);
    for (const [row, example] of examples.entries()) {
      const start = row * length + (padSide === 'left' ? length - example.ids.length : 0);
      for (const token of example.ids.keys()) data[start + token] = BigInt(value(example, token));
    }
    return new Tensor('int64', data, [examples.length, length]);
  };
  return {
    input_ids: int64(({ ids }, token) => ids[token]!),
    attention_mask: int64(() => 1),
    token_type_ids: int64(({ typeIds }, token) => typeIds[token]!),
  };
}

/** Opens an ONNX file or its bytes as a predictor. `padSide` is that of the model: the file does not tell. */
export async function openOnnx(
  source: string | Uint8Array,
  threads: number,
  padSide: PadSide = 'right',
): Promise<Predictor> {
  const path = typeof source === 'string' ? source : 'the exported graph';
  const options = { intraOpNumThreads: threads, logSeverityLevel: 3 } as const;
  const session = await (
    typeof source === 'string'
      ? InferenceSession.create(source, options)
      : InferenceSession.create(source, options)
  ).catch((cause: unknown) => {
    throw new FormatError(
      path,
      `ONNX Runtime cannot open it: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  });
  const missing = [
    ...['input_ids', 'attention_mask'].filter((name) => !session.inputNames.includes(name)),
    ...['logits'].filter((name) => !session.outputNames.includes(name)),
  ];
  if (missing.length > 0) {
    await session.release();
    throw new FormatError(
      path,
      `expected a classifier with ${missing.join(', ')}, found ${session.inputNames.join(', ')} -> ` +
        session.outputNames.join(', '),
    );
  }
  return {
    async logits(examples) {
      const results = new Array<Float32Array>(examples.length);
      // Examples of about one length together: there is less padding to compute.
      const order = [...examples.keys()].sort((a, b) => examples[a]!.ids.length - examples[b]!.ids.length);
      for (let start = 0; start < order.length; start += 32) {
        const chosen = order.slice(start, start + 32);
        const part = chosen.map((index) => examples[index]!);
        const feeds = Object.entries(onnxFeeds(part, part.at(-1)!.ids.length, padSide));
        // Not every family has token types.
        const taken = Object.fromEntries(feeds.filter(([name]) => session.inputNames.includes(name)));
        const { logits } = await session.run(taken);
        const data = logits!.data as Float32Array;
        const width = logits!.dims[1]!;
        for (const [row, index] of chosen.entries())
          results[index] = data.slice(row * width, (row + 1) * width);
      }
      return results;
    },
    release: () => session.release(),
  };
}
