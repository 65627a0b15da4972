// Writing a packed file, kept only where the model that is read back from it decides as the model does.
import { PackError, writePack } from '@espalier/runtime/format';
import type { Example, Task } from '../data/example.js';
import { EspalierError } from '../errors.js';
import { writeFileAtomic } from '../io/atomic.js';
import { formatConfig } from '../models/config.js';
import type { Model } from '../models/model.js';
import { unpackModel } from '../models/pack-file.js';
import { answersSpans } from '../models/task-model.js';
import { architectureOf } from '../models/tensors.js';
import { measurePack, type PackSize } from '../report/pack-size.js';
import { createPredictor } from '../train/predictor.js';
import { type Agreement, compareDecisions } from './check-argmax.js';
import { GATE_EXAMPLES } from './int8-file.js';
import { countKinds, type PackForm, packTensors, partsOf } from './pack-form.js';
import { randomExamples } from './random-examples.js';

/**
 * Fraction of dev examples that must be decided alike (ours): by int8 and f16, and by what is coarser. Random ids lie
 * nearer to where decisions turn, and are there to see a file that computes something else.
 */
const LEAST_AGREEMENT = { fine: 0.99, coarse: 0.97, random: 0.8 } as const;

export interface PackExport extends Agreement {
  readonly size: PackSize;
  /** Encoder matrices by kind. */
  readonly kinds: Readonly<Partial<Record<string, number>>>;
}

export interface PackInput {
  readonly threads: number;
  readonly task?: Task | undefined;
  /** What the gate decides on; without it random ids. */
  readonly dev?: readonly Example[];
}

/** The model as a packed file. Throws EspalierError where a weight is no number or beyond f16. */
export function packModel(
  model: Model,
  form: PackForm,
  task?: Task,
): { readonly bytes: Uint8Array; readonly size: PackSize; readonly kinds: PackExport['kinds'] } {
  const { config, tokenizerFiles: files } = model;
  const architecture = architectureOf(config, new Set(model.tensors.keys()));
  const written = architecture === undefined ? config : { ...config, architectures: [architecture] };
  try {
    const tensors = packTensors(model, form);
    const pack = writePack({
      config: JSON.parse(formatConfig(written)) as Record<string, unknown>,
      task: task && { name: task.name, kind: task.kind, labels: task.labels },
      tensors,
      files,
    });
    const sizes = new Map(Array.from(model.tensors, ([name, { data }]) => [name, data.length]));
    const partOf = partsOf(model);
    return {
      bytes: pack.bytes,
      size: measurePack(pack, tensors, sizes, partOf),
      kinds: countKinds(tensors, partOf),
    };
  } catch (cause) {
    if (cause instanceof PackError) throw new EspalierError(`${model.source}: ${cause.message}`, { cause });
    throw cause;
  }
}

/** Packs the model into the file `path`. */
export async function exportPack(
  model: Model,
  path: string,
  form: PackForm,
  { threads, task, dev }: PackInput,
): Promise<PackExport> {
  const { bytes, size, kinds } = packModel(model, form, task);
  const examples = dev ?? randomExamples(model, GATE_EXAMPLES);
  const logitsOf = async (of: Model): Promise<Float32Array[]> => {
    const predictor = createPredictor({ model: of, threads, device: 'cpu', padId: 0 });
    const logits = await predictor.logits(examples);
    await predictor.release();
    return logits;
  };
  const expected = await logitsOf({ ...model, quantisation: undefined });
  const result = compareDecisions(expected, await logitsOf(unpackModel(bytes, path)), answersSpans(model));
  const coarse = form.values === 'codebook' || form.embeddings === '4bit';
  const least = LEAST_AGREEMENT[dev === undefined ? 'random' : coarse ? 'coarse' : 'fine'];
  if (result.agreement < least) {
    throw new EspalierError(
      `${path} was not written: ${(100 * result.agreement).toFixed(2)} % of ${result.examples} examples are decided ` +
        `as by the model, expected at least ${100 * least} %; keep more of it with --values or --embeddings`,
    );
  }
  await writeFileAtomic(path, bytes);
  return { ...result, size, kinds };
}
