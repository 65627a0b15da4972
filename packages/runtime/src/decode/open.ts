// An encoder from a packed file: its sections are taken one after the other, in the file's order, each straight into the
// encoder's memory, so that no more of the file than one of them need be there.
import {
  type Base,
  type Encoder,
  type EncoderOptions,
  finishEncoder,
  startEncoder,
} from '../encoder/encoder.js';
import { placeFloats } from '../encoder/arena.js';
import type { PlacedEncoder } from '../encoder/layers.js';
import type { Linear } from '../encoder/linear.js';
import { roomFor } from '../encoder/linear.js';
import { mapEncoder } from '../encoder/map-encoder.js';
import type { PlacedTable } from '../encoder/tables.js';
import type { Threads } from '../encoder/threads.js';
import type { Section, TensorSection } from '../format/header.js';
import { PackError } from '../format/pack-error.js';
import type { Kind } from '../format/tensors.js';
import { type Decoder, tableForm, wasmDecoder } from './decoder.js';
import { lateTwin } from './late-twin.js';
import type { PackedEncoder, PackedLinear } from './packed.js';

/** An encoder that is being opened: one call at a time. */
export interface Opening {
  /** Takes a section's bytes; what is not part of the encoder is left alone. */
  take(section: TensorSection, bytes: Uint8Array): Promise<void>;
  /** What a section of a file holds. */
  file(section: Section, bytes: Uint8Array): Promise<Uint8Array>;
  /** After all sections. */
  finish(): Promise<Encoder>;
}

/** What is done with each section, by its name. */
type Job = (section: TensorSection, bytes: Uint8Array) => Promise<unknown>;
type Jobs = Map<string, Job>;

interface Parts {
  readonly jobs: Jobs;
  /** All that the encoder is made of. */
  readonly sections: readonly TensorSection[];
  /** The encoder of what the jobs have placed. */
  placed(): PlacedEncoder;
}

function partsOf(packed: PackedEncoder, { arena }: Base, decoder: Decoder): Parts {
  const jobs: Jobs = new Map();
  const sections: TensorSection[] = [];
  const add = (section: TensorSection, job: Job): void => {
    sections.push(section);
    jobs.set(section.name, job);
  };
  const linears = new Map<string, Linear>();
  const tables = new Map<string, PlacedTable>();
  const vectors = new Map<string, Float32Array>();
  const vector = (of: TensorSection): void => {
    add(of, async (section, bytes) => vectors.set(of.name, await decoder.vector(section, bytes)));
  };
  mapEncoder(packed, {
    linear({ matrix, bias, as }) {
      vector(bias);
      if (matrix)
        add(matrix, async (section, bytes) =>
          linears.set(matrix.name, await decoder.linear(section, bytes, as)),
        );
    },
    table({ section: of }) {
      add(of, async (section, bytes) => tables.set(of.name, await decoder.table(section, bytes)));
    },
    norm({ gain, bias }) {
      vector(gain);
      vector(bias);
    },
  });
  const biasOnly = ({ rows }: PackedLinear): Linear => ({
    form: 'dense',
    rows,
    columns: 0,
    at: roomFor.dense(arena, rows, 0),
  });
  return {
    jobs,
    sections,
    placed: () =>
      mapEncoder(packed, {
        linear(of) {
          const linear = of.matrix ? linears.get(of.matrix.name)! : biasOnly(of);
          arena.views().f32.set(vectors.get(of.bias.name)!, linear.at.bias / 4);
          return linear;
        },
        table: ({ section, rows }) => ({ ...tables.get(section.name)!, rows }),
        norm: ({ gain, bias }) => ({
          gain: placeFloats(arena, vectors.get(gain.name)!),
          bias: placeFloats(arena, vectors.get(bias.name)!),
        }),
      }),
  };
}

/** About how many bytes of memory a byte of each kind becomes: sparse ones at 90 % zeros, which later growth makes up for. */
const GROWTH: Readonly<Record<Kind, number>> = {
  ...{ f32: 1, f16: 2, int8: 1.13, int4: 1.1 },
  ...{ 'sparse-int8': 3, 'sparse-codebook': 3.7, 'sparse-f16': 2, 'sparse-1x4': 1.4 },
};

/** Tests the kernels and begins to fill a memory. */
export function openEncoder(
  packed: PackedEncoder,
  options: EncoderOptions & { readonly threads?: Threads | undefined },
): Opening {
  const forms = mapEncoder(packed, {
    linear: ({ matrix, as }) => (matrix ? as : 'dense'),
    table: ({ section: { kind } }) => tableForm(kind),
    norm: () => undefined,
  });
  const base = startEncoder(forms, options);
  const [{ levels }] = base.programs;
  const simd = Object.values(levels).some((level) => level !== 'scalar');
  const decoder = (simd ? wasmDecoder : lateTwin)(base.arena, levels);
  const parts = partsOf(packed, base, decoder);
  const { jobs, sections } = parts;
  base.arena.reserve(sections.reduce((sum, { kind, length }) => sum + GROWTH[kind] * length, 0));
  const left = new Set(jobs.keys());
  return {
    async take(section, bytes) {
      const job = jobs.get(section.name);
      await job?.(section, decoder.check(section, bytes));
      left.delete(section.name);
    },
    file: async (section, bytes) => decoder.file(section, decoder.check(section, bytes)),
    async finish() {
      const [first] = left;
      if (first !== undefined)
        throw new PackError('missing', `expected a tensor ${first}, found none; pack the model again`);
      return finishEncoder(base, parts.placed(), options);
    },
  };
}
