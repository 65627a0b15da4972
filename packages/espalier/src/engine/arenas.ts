// The memory of a parameter store: the arenas of its plan as WebAssembly memories, each with its kernels. They never
// grow, so the views of slots are made once. A kernel takes arrays by byte offset and may touch their padding, so an
// array must begin an area of the plan.
import { EspalierError } from '../errors.js';
import { allocate } from '@espalier/runtime/wasm';
import { bindKernels, type Kernels } from './kernels/index.js';
import type { FloatSlot, Slot, StorePlan, TensorPlace } from './plan.js';

/** A tensor in its arena. */
export interface StoredTensor extends TensorPlace {
  readonly name: string;
  /** The kernels over its arena. */
  readonly kernels: Kernels;
  readonly views: ReadonlyMap<FloatSlot, Float32Array>;
  readonly mask: Uint8Array | undefined;
}

type Elements = Float32Array | Int32Array;

export interface Arenas {
  /** Throws EspalierError where the plan has no such tensor. */
  tensor(name: string): StoredTensor;
  /** Where the first `length` 32-bit elements of a scratch area are, as the constructor of their array takes it. */
  scratch(name: string, length?: number): [buffer: ArrayBuffer, offset: number, length: number];
  /** The kernels over the arena of these arrays. Throws EspalierError where they do not begin areas of one arena. */
  kernelsOver(first: Elements, ...others: readonly Elements[]): Kernels;
}

/** Allocates the arenas of a plan and the views into them: zeros, but factors and masks are ones. */
export function allocateArenas(plan: StorePlan): Arenas {
  const memories = plan.arenas.map(allocateArena);
  const buffers = memories.map(({ buffer }) => buffer);
  const kernels = memories.map(bindKernels);
  const starts = areaStarts(plan);
  const tensors = new Map<string, StoredTensor>();
  for (const [name, place] of plan.tensors) {
    const { arena, length, offsets } = place;
    const views = new Map<FloatSlot, Float32Array>();
    let mask: Uint8Array | undefined;
    for (const [slot, offset] of offsets) {
      if (slot === 'mask') mask = new Uint8Array(buffers[arena]!, offset, length).fill(1);
      else views.set(slot, new Float32Array(buffers[arena]!, offset, length));
    }
    views.get('factor')?.fill(1);
    tensors.set(name, { ...place, name, kernels: kernels[arena]!, views, mask });
  }

  const arenaOf = (array: Elements): number => {
    const arena = buffers.indexOf(array.buffer as ArrayBuffer);
    if (arena < 0 || !starts[arena]!.has(array.byteOffset)) {
      throw new EspalierError(
        'store: the array is not a slot or the beginning of a scratch area of this store',
      );
    }
    return arena;
  };

  return {
    tensor: (name) => {
      const found = tensors.get(name);
      if (!found) throw new EspalierError(`store: no tensor '${name}'`);
      return found;
    },
    scratch: (name, length) => {
      const place = plan.scratch.get(name);
      if (!place) throw new EspalierError(`store: no scratch area '${name}'`);
      const size = length ?? Math.floor(place.bytes / 4);
      if (size * 4 > place.bytes) {
        throw new EspalierError(
          `store: scratch area '${name}' has ${place.bytes} bytes, ${size * 4} asked; declare it larger`,
        );
      }
      return [buffers[place.arena]!, place.offset, size];
    },
    kernelsOver: (first, ...others) => {
      const arena = arenaOf(first);
      if (others.some((other) => arenaOf(other) !== arena)) {
        throw new EspalierError(
          'store: the arrays lie in different arenas; declare the scratch near its tensor',
        );
      }
      return kernels[arena]!;
    },
  };
}

/** The elements of a slot. Throws EspalierError where the tensor has none. */
export const viewOf = ({ name, views }: StoredTensor, slot: FloatSlot): Float32Array =>
  views.get(slot) ?? missing(name, slot);

export const maskOf = ({ name, mask }: StoredTensor): Uint8Array => mask ?? missing(name, 'mask');

/** The byte offset of a slot in the tensor's arena. Throws EspalierError where the tensor has none. */
export const offsetOf = ({ name, offsets }: StoredTensor, slot: Slot): number =>
  offsets.get(slot) ?? missing(name, slot);

function missing(name: string, slot: Slot): never {
  throw new EspalierError(`store: tensor '${name}' has no slot '${slot}'; declare it with the tensor`);
}

function allocateArena(bytes: number): WebAssembly.Memory {
  try {
    return allocate(bytes);
  } catch (cause) {
    const gib = (bytes / 2 ** 30).toFixed(2);
    throw new EspalierError(
      `store: cannot reserve an arena of ${gib} GiB; is there a limit on address space?`,
      { cause },
    );
  }
}

/** The byte offsets at which the areas of each arena begin. */
function areaStarts({ arenas, tensors, scratch }: StorePlan): Set<number>[] {
  const starts = arenas.map(() => new Set<number>());
  for (const { arena, offsets } of tensors.values()) {
    for (const offset of offsets.values()) starts[arena]!.add(offset);
  }
  for (const { arena, offset } of scratch.values()) starts[arena]!.add(offset);
  return starts;
}
