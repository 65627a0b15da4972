// Runs an exported ONNX file through plain ONNX Runtime, as its users would.
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Example, PadSide } from '../data/example.js';
import { FormatError } from '../errors.js';
import type { Predictor } from '../train/predictor.js';

/** Names of the two outputs of a model of answer spans, [batch, sequence] each. */
export const SPAN_OUTPUTS = ['start_logits', 'end_logits'] as const;

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
  const spans = session.outputNames.includes(SPAN_OUTPUTS[0]);
  const wanted = spans ? SPAN_OUTPUTS : (['logits'] as const);
  const missing = [
    ...['input_ids', 'attention_mask'].filter((name) => !session.inputNames.includes(name)),
    ...wanted.filter((name) => !session.outputNames.includes(name)),
  ];
  if (missing.length > 0) {
    await session.release();
    throw new FormatError(
      path,
      `expected a model of a task with ${missing.join(', ')}, found ${session.inputNames.join(', ')} -> ` +
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
        const length = part.at(-1)!.ids.length;
        const feeds = Object.entries(onnxFeeds(part, length, padSide));
        // Not every family has token types.
        const taken = Object.fromEntries(feeds.filter(([name]) => session.inputNames.includes(name)));
        const outputs = await session.run(taken);
        for (const [row, index] of chosen.entries()) {
          const count = part[row]!.ids.length;
          const from = padSide === 'left' ? length - count : 0;
          const values = wanted.map((name) => {
            const { data, dims } = outputs[name]!;
            const own = (data as Float32Array).subarray(row * dims[1]!, (row + 1) * dims[1]!);
            return spans ? own.subarray(from, from + count) : own;
          });
          results[index] = Float32Array.from(values.flatMap((one) => [...one]));
        }
      }
      return results;
    },
    release: () => session.release(),
  };
}
