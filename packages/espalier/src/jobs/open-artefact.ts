// How an artefact computes: a directory by our own forward pass, an ONNX file by plain ONNX Runtime, a packed file by the
// runtime. Every artefact is scored itself.
import { readFile } from 'node:fs/promises';
import type { Form } from '@espalier/runtime';
import { z } from 'zod';
import { UsageError } from '../errors.js';
import { openOnnx } from '../export/onnx-predictor.js';
import { FORMS } from '../export/pack-choices.js';
import type { RuntimeUse } from '../export/packed-predictor.js';
import { ioError } from '../io/io-error.js';
import { padSideOf } from '../models/families.js';
import { isPack } from '../models/pack-file.js';
import { createPredictor, type Predictor, type PredictorOptions } from '../train/predictor.js';

export const formSchema = z
  .enum(FORMS)
  .default('auto')
  .describe('of a packed file: in what the runtime computes its layers');

export interface ArtefactOptions extends Omit<PredictorOptions, 'source'> {
  /** Of a packed file, with the ids of its longest input. */
  readonly form?: Form;
  readonly length?: number;
  readonly note?: (message: string) => void;
}

export interface OpenArtefact {
  readonly predictor: Predictor;
  /** Of a packed file that the runtime computes. */
  readonly runtime?: RuntimeUse;
}

/** Opens `path`; `model` is what it holds, or the one beside an ONNX file. */
export async function openArtefact(path: string, options: ArtefactOptions): Promise<OpenArtefact> {
  const { model, threads, form = 'auto', length = 1, note, checkStop } = options;
  if (isPack(path)) {
    const bytes = await readFile(path).catch((cause: unknown) => {
      throw ioError(cause, 'reading', path);
    });
    // Only a packed file needs the runtime.
    const { openPacked } = await import('../export/packed-predictor.js');
    const opened = await openPacked(bytes, path, { model, form, length, checkStop });
    if (!('refused' in opened)) return { predictor: opened, runtime: opened.use };
    if (form !== 'auto')
      throw new UsageError(`--form ${form}: the runtime does not compute ${path}: ${opened.refused}`);
    note?.(`the runtime does not compute ${path} (${opened.refused}): it is decoded and runs as float32`);
  } else if (form !== 'auto') {
    throw new UsageError(`--form ${form} is for packed files (.espalier), found ${path}`);
  }
  if (path.endsWith('.onnx'))
    return { predictor: await openOnnx(path, threads, padSideOf(model.config), checkStop) };
  return { predictor: createPredictor(options) };
}
