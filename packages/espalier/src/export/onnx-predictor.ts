// Runs an exported ONNX file through plain ONNX Runtime, as its users would.
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Example, PadSide } from '../data/example.js';
import { FormatError, type StopCheck } from '../errors.js';
import type { Predictor } from '../train/predictor.js';

/** Names of the two outputs of a model of answer spans, [batch, sequence] each. */
export const SPAN_OUTPUTS = ['start_logits', 'end_logits'] as const;
const LOGITS = ['logits'] as const;

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

/** The outputs that hold logits. Throws FormatError where inputs or outputs are not those of a model of a task. */
export function logitOutputs(
  { inputNames, outputNames }: Pick<InferenceSession, 'inputNames' | 'outputNames'>,
  path: string,
): readonly string[] {
  const wanted = outputNames.includes(SPAN_OUTPUTS[0]) ? SPAN_OUTPUTS : LOGITS;
  const missing = [
    ...['input_ids', 'attention_mask'].filter((name) => !inputNames.includes(name)),
    ...wanted.filter((name) => !outputNames.includes(name)),
  ];
  if (missing.length === 0) return wanted;
  throw new FormatError(
    path,
    `expected a model of a task with ${missing.join(', ')}, found ${inputNames.join(', ')} -> ` +
      outputNames.join(', '),
  );
}

/** Opens an ONNX file or its bytes as a predictor. `padSide` is that of the model: the file does not tell. */
export async function openOnnx(
  source: string | Uint8Array,
  threads: number,
  padSide: PadSide = 'right',
  checkStop?: StopCheck,
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
  let wanted: readonly string[];
  try {
    wanted = logitOutputs(session, path);
  } catch (cause) {
    await session.release();
    throw cause;
  }
  const spans = wanted === SPAN_OUTPUTS;
  return {
    async logits(examples) {
      const results = new Array<Float32Array>(examples.length);
      // Examples of about one length together: there is less padding to compute.
      const order = [...examples.keys()].sort((a, b) => examples[a]!.ids.length - examples[b]!.ids.length);
      for (let start = 0; start < order.length; start += 32) {
        checkStop?.();
        const chosen = order.slice(start, start + 32);
        const part = chosen.map((index) => examples[index]!);
        const length = part.at(-1)!.ids.length;
        const feeds = Object.entries(onnxFeeds(part, length, padSide));
        // Not every family has token types.
        const taken = Object.fromEntries(feeds.filter(([name]) => session.inputNames.includes(name)));
        const outputs = await session.run(taken);
        for (const [row, index] of chosen.entries()) {
          const own = part[row]!.ids.length;
          const first = padSide === 'left' ? length - own : 0;
          const values = wanted.map((name) => {
            const { data, dims } = outputs[name]!;
            const all = (data as Float32Array).subarray(row * dims[1]!, (row + 1) * dims[1]!);
            return spans ? all.subarray(first, first + own) : all;
          });
          results[index] = Float32Array.from(values.flatMap((one) => [...one]));
        }
      }
      return results;
    },
    release: () => session.release(),
  };
}
