// What a finished run does not have though a resume asks for it. It is not computed again, so the resume says which command
// writes it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { PACKED } from '../models/weight-files.js';
import type { Report } from '../report/report.js';
import { formOf } from './pack-options.js';
import type { Packing } from './pack-results.js';

export interface Asked {
  readonly out: string;
  readonly onnx: boolean;
  /** A whole model, where the run may leave an adapter. */
  readonly whole: boolean;
  readonly packing: Packing | undefined;
}

/** A line for everything that is asked for and not there. */
export function leftOut(report: Report, { out, onnx, whole, packing }: Asked): string[] {
  const notes: string[] = [];
  const exported = (to: string, place: string): string =>
    `"espalier export ${out} --to ${to} --out ${place}"`;
  const missing = onnx ? ONNX.filter(([, name]) => !existsSync(join(out, 'onnx', name))) : [];
  for (const [to, name] of missing) {
    const file = join(out, 'onnx', name);
    notes.push(`--onnx: the run ended without ${file}; write it with ${exported(to, file)}`);
  }
  if (whole && report.adapter) {
    notes.push(`--merge: ${out} is an adapter; write a whole model with ${exported('hf', 'DIR')}`);
  }
  return [...notes, ...(packing ? packLeftOut(report, out, packing) : [])];
}

/** Formats of `espalier export` and the files of `--onnx`. */
const ONNX = [
  ['onnx', 'model.onnx'],
  ['onnx-int8', 'model_quantized.onnx'],
] as const;

function packLeftOut({ adapter, packed, failure }: Report, out: string, packing: Packing): string[] {
  const notes: string[] = [];
  const file = join(out, PACKED);
  const { values, embeddings } = packing;
  const asked = formOf(packing);
  const other =
    packed !== undefined &&
    ((values !== undefined && values !== packed.form.values) ||
      (embeddings !== undefined && embeddings !== packed.form.embeddings));
  const isMissing = !packed && failure === undefined && !existsSync(file);
  if (packing.pack && !adapter && (isMissing || other)) {
    const form = `--values ${asked.values} --embeddings ${asked.embeddings}`;
    const has = other
      ? `was packed with values ${packed.form.values}, embeddings ${packed.form.embeddings}`
      : 'was not written';
    const overwrite = existsSync(file) ? ' --overwrite' : '';
    notes.push(
      `${file} ${has}; for what is asked now: "espalier export ${out} --to pack ${form} --out ${file}${overwrite}"`,
    );
  }
  if (packing.maxDrop !== undefined)
    notes.push(`--max-drop ${packing.maxDrop}: judged when a run ends, and not again; see ${out}/report.md`);
  return notes;
}
