// The header of a packed file: JSON that says what the model is and where its sections stand. Sections follow without a gap, so every byte of the file is under a checksum.
import { isObject, type JsonObject } from '../json.js';
import { ALIGNMENT } from './decode-tensor.js';
import { crc32c } from './crc32c.js';
import { PackError } from './pack-error.js';
import { type Preamble, PREAMBLE_BYTES } from './preamble.js';
import { extentOf, KINDS, type Kind, type Shape, sizeOf } from './tensors.js';

/** No tensor of more values is read: a small file must not ask for all memory. */
const MOST_VALUES = 2 ** 28;

/** What the model was trained for. */
export interface PackTask {
  readonly name: string;
  readonly kind: string;
  /** By index of the logit. */
  readonly labels: readonly string[];
}

/** Bytes `offset` to `offset + length` of the file. */
export interface Section {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  readonly crc: number;
}

export interface TensorSection extends Section {
  readonly kind: Kind;
  readonly shape: Shape;
  readonly group?: number | undefined;
}

export interface PackHeader {
  readonly version: readonly [major: number, minor: number];
  /** config.json, as transformers has it. */
  readonly config: JsonObject;
  readonly task?: PackTask | undefined;
  readonly tensors: ReadonlyMap<string, TensorSection>;
  /** The tokenizer's files. */
  readonly files: ReadonlyMap<string, Section>;
  /** Names of sections whose kind a later minor version made; they are left alone. */
  readonly skipped: readonly string[];
}

const wrong = (message: string): PackError => new PackError('header', `header: ${message}`);

function textAt(object: JsonObject, key: string, where: string): string {
  const value = object[key];
  if (typeof value === 'string') return value;
  throw wrong(`${where}: "${key}": expected a string, found ${JSON.stringify(value)}`);
}

function countAt(object: JsonObject, key: string, where: string): number {
  const value = object[key];
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw wrong(`${where}: "${key}": expected a whole number, found ${JSON.stringify(value)}`);
}

function listAt(object: JsonObject, key: string): readonly unknown[] {
  const value = object[key] ?? [];
  if (Array.isArray(value)) return value;
  throw wrong(`"${key}": expected a list, found ${JSON.stringify(value).slice(0, 80)}`);
}

function parseShape(entry: JsonObject, name: string): Shape {
  const shape = entry['shape'];
  const isShape = (value: unknown): value is number[] =>
    Array.isArray(value) && value.every((extent) => Number.isSafeInteger(extent) && extent >= 0);
  if (isShape(shape) && sizeOf(shape) <= MOST_VALUES && (shape[0] ?? 1) <= MOST_VALUES) return shape;
  throw wrong(
    `tensor ${name}: expected a shape of at most ${MOST_VALUES} values, found ${JSON.stringify(shape)}`,
  );
}

function parseSections(entries: readonly unknown[], from: number, start: number): [JsonObject, Section][] {
  let offset = from;
  return entries.map((entry, index) => {
    const where = `section ${index}`;
    if (!isObject(entry)) throw wrong(`${where}: expected an object`);
    const section = {
      name: textAt(entry, 'name', where),
      offset: countAt(entry, 'offset', where) + start,
      length: countAt(entry, 'length', where),
      crc: countAt(entry, 'crc', where),
    };
    if (section.offset !== offset || section.length % ALIGNMENT !== 0) {
      throw wrong(
        `section ${section.name}: expected it at ${offset - start} with a multiple of ${ALIGNMENT} bytes, ` +
          `found ${section.length} at ${section.offset - start}`,
      );
    }
    offset += section.length;
    return [entry, section];
  });
}

function parseTensor(entry: JsonObject, section: Section, kind: Kind): TensorSection {
  const shape = parseShape(entry, section.name);
  const group = kind === 'int4' ? countAt(entry, 'group', section.name) : undefined;
  if (group === 0 || group! > MOST_VALUES)
    throw wrong(`tensor ${section.name}: expected a group of 1 to ${MOST_VALUES}, found ${group}`);
  const { rows, columns } = extentOf(shape);
  if (kind.startsWith('sparse') && Math.max(rows, columns) > 65535) {
    throw wrong(
      `tensor ${section.name}: expected at most 65535 rows and columns, found ${rows} x ${columns}`,
    );
  }
  return { ...section, kind, shape, group };
}

function parseTask(value: unknown): PackTask | undefined {
  if (value === undefined) return undefined;
  if (!isObject(value)) throw wrong('"task": expected an object');
  const labels = listAt(value, 'labels');
  const isLabels = (list: readonly unknown[]): list is string[] =>
    list.every((label) => typeof label === 'string');
  if (!isLabels(labels)) throw wrong('"labels": expected strings');
  return { name: textAt(value, 'name', 'task'), kind: textAt(value, 'kind', 'task'), labels };
}

function parseJson(bytes: Uint8Array): JsonObject {
  try {
    const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (isObject(json)) return json;
  } catch {
    // said below
  }
  throw wrong('expected a JSON object in UTF-8');
}

function byName<S extends Section>(sections: readonly S[]): Map<string, S> {
  const map = new Map(sections.map((section) => [section.name, section]));
  if (map.size === sections.length) return map;
  throw wrong('expected each name once, found one twice');
}

const isKind = (kind: string): kind is Kind => KINDS.some((known) => known === kind);

/** Reads and checks the header, the bytes from 32 to `start`. */
export function parseHeader(
  { version, fileLength, start, headerCrc }: Preamble,
  bytes: Uint8Array,
): PackHeader {
  if (bytes.length < start - PREAMBLE_BYTES) {
    throw new PackError(
      'truncated',
      `expected a header of ${start - PREAMBLE_BYTES} bytes, found ${bytes.length}`,
    );
  }
  if (crc32c(bytes) !== headerCrc) {
    throw new PackError('checksum', 'header: its checksum is not that of its bytes; fetch the file again');
  }
  const json = parseJson(bytes);
  const entries = [...listAt(json, 'tensors'), ...listAt(json, 'files')];
  const sections = parseSections(entries, start, start);
  const end = sections.at(-1)?.[1];
  if ((end ? end.offset + end.length : start) !== fileLength) {
    throw wrong(`expected sections up to byte ${fileLength}, found another end`);
  }
  const tensorCount = listAt(json, 'tensors').length;
  const tensors: TensorSection[] = [];
  const files: Section[] = [];
  const skipped: string[] = [];
  sections.forEach(([entry, section], index) => {
    const kind = textAt(entry, 'kind', section.name);
    if (index < tensorCount && isKind(kind)) tensors.push(parseTensor(entry, section, kind));
    else if (index >= tensorCount && kind === 'stream') files.push(section);
    else skipped.push(section.name);
  });
  const { config } = json;
  if (!isObject(config)) throw wrong('"config": expected an object');
  return {
    version,
    config,
    task: parseTask(json['task']),
    tensors: byName(tensors),
    files: byName(files),
    skipped,
  };
}
