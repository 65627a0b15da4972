// Who takes part in espalier bench: the file or directory itself, and the dense models it is compared with.
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Form } from '@espalier/runtime';
import type { BatchShape } from '../bench/message.js';
import type { Opponent } from '../bench/opponents.js';
import { type Contestant, expectedLogits, RUN_ONNX, RUN_PACKED } from '../bench/race.js';
import type { Rounding } from '../bench/agreement.js';
import { UsageError } from '../errors.js';
import { dynamicInt8Bytes } from '../export/dynamic-int8.js';
import { int8Bytes } from '../export/int8.js';
import { onnxBytes } from '../export/onnx.js';
import { type LayerCounts, layersOf, layerTitle } from '../export/pack-layers.js';
import { RELAXED_SIMD } from '../export/relaxed-simd.js';
import { ioError } from '../io/io-error.js';
import type { Model } from '../models/model.js';
import { isPack, loadPack, packedSections } from '../models/pack-file.js';
import { isRagged } from '../models/structure.js';
import { PACKED } from '../models/weight-files.js';

/** A contestant; of a packed file with the forms of its layers. */
export interface Entrant extends Contestant {
  readonly layers?: string;
}

export interface Entry {
  /** What the user named. */
  readonly path: string;
  /** What it holds, or the directory that an ONNX file belongs to. */
  readonly model: Model;
  /** The model before compression, where it was named. */
  readonly dense: Model | undefined;
  readonly against: readonly Opponent[];
  readonly batch: BatchShape;
  readonly threads: number;
  /** Of a packed file: in what the runtime computes its layers. */
  readonly form: Form;
  /** For files that are written to be raced. */
  readonly folder: string;
  readonly note: (message: string) => void;
}

/** The contestants, the file or model itself first. */
export async function benchContestants(entry: Entry): Promise<[subject: Entrant, ...Entrant[]]> {
  const { model, dense, against, note } = entry;
  const subject = await subjectOf(entry);
  if (against.length === 0) return [subject];
  const itself = dense === undefined && isItsOwnFloat(entry);
  const others = against.filter((opponent) => !(itself && opponent === 'dense-f32'));
  if (others.length < against.length)
    note('dense-f32 is this model itself: ONNX Runtime multiplies by zeros, so they cost it the same time');
  else if (dense === undefined)
    note(
      'dense opponents are made of the same weights: ONNX Runtime multiplies by zeros, so they cost it the same time',
    );
  if (dense === undefined && isRagged(model.config))
    note(
      `${entry.path} has lost heads or neurons, and so have its opponents; name the model before with --dense DIR`,
    );
  const source = { ...(dense ?? model), quantisation: undefined };
  const expected = await expectedLogits(source, entry.batch, entry.threads);
  const opponents: Entrant[] = [];
  for (const opponent of others) {
    const bytes = opponent === 'dense-f32' ? onnxBytes(source) : dynamicInt8Bytes(source);
    const rounding = opponent === 'dense-f32' ? 'float' : 'int8';
    opponents.push({ ...(await onnxContestant(entry, opponent, bytes)), expected, rounding });
  }
  return [subject, ...opponents];
}

/** The file that the user's path stands for, as `path` or inside it: the packed file is raced in its directory's place. */
const fileOf = ({ path }: Entry): string => {
  const inside = join(path, PACKED);
  return existsSync(inside) ? inside : path;
};

const isItsOwnFloat = (entry: Entry): boolean => {
  const file = fileOf(entry);
  return !isPack(file) && !file.endsWith('.onnx') && !entry.model.quantisation;
};

async function subjectOf(entry: Entry): Promise<Entrant> {
  const { model, batch, threads, form, note } = entry;
  const file = fileOf(entry);
  if (isPack(file)) return packedContestant(entry, file);
  if (form !== 'auto') throw new UsageError(`--form ${form} is for packed files (.espalier), found ${file}`);
  const expected = await expectedLogits(model, batch, threads);
  // Whether the values of a file are rounded is not known.
  if (file.endsWith('.onnx'))
    return { name: 'onnx', program: RUN_ONNX, request: { file, threads }, expected, rounding: 'int8' };
  const { quantisation } = model;
  note(
    `${file} runs as ${quantisation ? 'int8' : 'float32'} ONNX; export it --to pack to race the packed file`,
  );
  const bytes = quantisation ? int8Bytes(model, quantisation) : onnxBytes(model);
  const written = await onnxContestant(entry, 'model', bytes);
  return { ...written, expected, rounding: quantisation ? 'int8' : 'float' };
}

/** That of the coarsest layer. */
const roundingOf = ({ int8, quads, q15 }: LayerCounts): Rounding =>
  (int8 ?? quads) ? 'int8' : q15 ? 'q15' : 'float';

async function packedContestant(
  { path, model, batch, threads, form, note }: Entry,
  file: string,
): Promise<Entrant> {
  if (file !== path) note(`racing ${file}, the packed file of ${path}`);
  if (RELAXED_SIMD.length > 0)
    note(
      `${file} runs with ${RELAXED_SIMD.join(' ')}, which Node ${process.versions.node} wants for relaxed SIMD`,
    );
  const packed = file === path ? model : await loadPack(file);
  const layers = layersOf(await packedSections(file), packed, form);
  return {
    layers: layerTitle(layers),
    name: 'packed',
    program: RUN_PACKED,
    flags: RELAXED_SIMD,
    request: { file, threads, form },
    expected: await expectedLogits(packed, batch, threads),
    rounding: roundingOf(layers),
  };
}

async function onnxContestant(
  { folder, threads }: Entry,
  name: string,
  bytes: Uint8Array,
): Promise<Pick<Contestant, 'name' | 'program' | 'request'>> {
  const file = join(folder, `${name}.onnx`);
  await writeFile(file, bytes).catch((cause: unknown) => {
    throw ioError(cause, 'writing', file);
  });
  return { name, program: RUN_ONNX, request: { file, threads } };
}
