// The plan of a parameter store: which tensor lies where, decided before any memory is taken. Arenas are
// WebAssembly memories of at most 4 GiB. All slots of a tensor, and the scratch areas its kernels read, share
// one arena; every area begins at a multiple of 64 bytes and is padded to a multiple of 16 elements.

import { EspalierError } from '../errors.js';
import { type Shape, sizeOf } from '../tensor/tensor.js';
import { paddedLength } from './kernels/vectors.js';

/**
 * What a trained tensor may own besides its weight. A mask is bytes, every other slot f32. `dense` is what the update
 * trains where pruned entries live on under a mask; the weight is then dense * mask.
 */
export type Slot = 'weight' | 'dense' | 'grad' | 'accum' | 'm' | 'v' | 'factor' | 'mask';
export type FloatSlot = Exclude<Slot, 'mask'>;

export interface TensorSpec {
  readonly name: string;
  readonly shape: Shape;
  readonly slots: readonly Slot[];
}

/** A buffer that is fed, fetched or read by kernels; its meaning changes from step to step. */
export interface ScratchSpec {
  readonly name: string;
  readonly bytes: number;
  /** The tensor whose kernels use it, so that it lies in the same arena. */
  readonly near?: string;
}

export interface TensorPlace {
  readonly arena: number;
  readonly shape: Shape;
  /** Number of elements, without the padding. */
  readonly length: number;
  /** Byte offset of each slot in the arena. */
  readonly offsets: ReadonlyMap<Slot, number>;
}

export interface ScratchPlace {
  readonly arena: number;
  readonly offset: number;
  readonly bytes: number;
}

export interface StorePlan {
  /** Bytes of each arena. */
  readonly arenas: readonly number[];
  readonly tensors: ReadonlyMap<string, TensorPlace>;
  readonly scratch: ReadonlyMap<string, ScratchPlace>;
}

export interface PlanOptions {
  readonly scratch?: readonly ScratchSpec[];
  /** Most bytes of one arena, by default just under 4 GiB. */
  readonly arenaBytes?: number;
}

const ALIGNMENT = 64;
/** One WebAssembly page less than 4 GiB, so that the address after the last area still fits into 32 bits. */
const MAX_ARENA_BYTES = 2 ** 32 - 65536;

const aligned = (bytes: number): number => Math.max(1, Math.ceil(bytes / ALIGNMENT)) * ALIGNMENT;

const slotBytes = (length: number, slot: Slot): number =>
  aligned(paddedLength(length) * (slot === 'mask' ? 1 : 4));

/** Areas that must share an arena. */
interface Unit {
  readonly name: string;
  readonly bytes: number;
  place(arena: number, offset: number): void;
}

/**
 * Places every tensor and scratch area in the first arena with room for it. Throws EspalierError for a name
 * used twice, for `near` an unknown tensor, and for a tensor that no arena can hold.
 */
export function planStore(specs: readonly TensorSpec[], options: PlanOptions = {}): StorePlan {
  const { scratch: scratchSpecs = [], arenaBytes = MAX_ARENA_BYTES } = options;
  const tensors = new Map<string, TensorPlace>();
  const scratch = new Map<string, ScratchPlace>();
  checkNames([...specs, ...scratchSpecs].map(({ name }) => name));

  const placeScratch = (spec: ScratchSpec, arena: number, offset: number): number => {
    scratch.set(spec.name, { arena, offset, bytes: spec.bytes });
    return offset + aligned(spec.bytes);
  };
  const tensorUnit = (spec: TensorSpec): Unit => {
    const length = sizeOf(spec.shape);
    const slots = [...new Set(spec.slots)];
    const neighbours = scratchSpecs.filter(({ near }) => near === spec.name);
    return {
      name: spec.name,
      bytes: sum([
        ...slots.map((slot) => slotBytes(length, slot)),
        ...neighbours.map(({ bytes }) => aligned(bytes)),
      ]),
      place: (arena, start) => {
        let offset = start;
        const offsets = new Map<Slot, number>();
        for (const slot of slots) {
          offsets.set(slot, offset);
          offset += slotBytes(length, slot);
        }
        tensors.set(spec.name, { arena, shape: spec.shape, length, offsets });
        for (const neighbour of neighbours) offset = placeScratch(neighbour, arena, offset);
      },
    };
  };
  const scratchUnit = (spec: ScratchSpec): Unit => ({
    name: spec.name,
    bytes: aligned(spec.bytes),
    place: (arena, offset) => placeScratch(spec, arena, offset),
  });

  const known = new Set(specs.map(({ name }) => name));
  for (const { name, near } of scratchSpecs) {
    if (near !== undefined && !known.has(near)) {
      throw new EspalierError(`store: scratch area '${name}' is near '${near}', which is not declared`);
    }
  }
  const free = scratchSpecs.filter(({ near }) => near === undefined);
  const arenas = placeUnits([...specs.map(tensorUnit), ...free.map(scratchUnit)], arenaBytes);
  return { arenas, tensors, scratch };
}

/** First fit; the bytes used of each arena. */
function placeUnits(units: readonly Unit[], arenaBytes: number): number[] {
  const used: number[] = [];
  for (const unit of units) {
    if (unit.bytes > arenaBytes) {
      throw new EspalierError(
        `store: '${unit.name}' with all its slots takes ${unit.bytes} bytes, more than an arena of ` +
          `${arenaBytes}; split the tensor or give it fewer slots`,
      );
    }
    const fitting = used.findIndex((bytes) => bytes + unit.bytes <= arenaBytes);
    const arena = fitting < 0 ? used.push(0) - 1 : fitting;
    unit.place(arena, used[arena]!);
    used[arena] = used[arena]! + unit.bytes;
  }
  return used;
}

function checkNames(names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw new EspalierError(`store: '${name}' is declared twice`);
    seen.add(name);
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Bytes a store of this plan takes once every page is touched. */
export const estimateBytes = (plan: StorePlan): number => sum(plan.arenas);
