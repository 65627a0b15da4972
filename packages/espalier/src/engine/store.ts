// The parameter store: tensors with their gradients, moments, factors and masks in WebAssembly memories that
// never grow, so that feeds and fetches are views made once, and the optimiser's kernels run over them in place.

import { EspalierError } from '../errors.js';
import type { Shape } from '../tensor/tensor.js';
import { allocate } from '@espalier/runtime/wasm';
import { shrinkBlocks } from './blocks.js';
import { type AdamwOptions, adamwScalars } from './kernels/adamw.js';
import { bindKernels, type Kernels } from './kernels/index.js';
import { dropoutScalars, fillNormal, type RandomKey, uniformScalars } from './kernels/random.js';
import { type SgdOptions, sgdScalars } from './kernels/sgd.js';
import { paddedLength } from './kernels/vectors.js';
import type { Slot, StorePlan, TensorPlace } from './plan.js';

export type FloatSlot = Exclude<Slot, 'mask'>;

/** Which gradient an update reads, and what becomes of it. */
export interface UpdateOptions {
  /** Default 'grad'; 'accum' after gradient accumulation. */
  readonly gradient?: 'grad' | 'accum';
  /** Sets the gradient to zero for the next step; otherwise it is kept (under the mask, if any). */
  readonly clearGradient?: boolean;
}

/**
 * The optimisers work on a tensor by name. A tensor with a mask is updated under it: weight, gradient and
 * moments of a pruned element are exactly +0 afterwards. A tensor with slot 'dense' is updated there, whole, and its
 * weight becomes dense * mask: its gradient must be masked before. A proximal threshold is multiplied by the tensor's
 * factors if it has that slot. The other operations work on views, which must be whole slots or begin a
 * scratch area of this store.
 */
export interface Store {
  readonly plan: StorePlan;
  /** Names of the tensors in the order of their declaration. */
  names(): string[];
  shape(name: string): Shape;
  has(name: string, slot: Slot): boolean;
  /** The elements of a slot, the same array at every call. Zero at first; factors are one. */
  view(name: string, slot: FloatSlot): Float32Array;
  /** The mask of a tensor, one byte an element: 0 prunes, 1 keeps. One at first. */
  mask(name: string): Uint8Array;
  /** The first `length` floats of a scratch area, by default all of it. */
  floats(scratch: string, length?: number): Float32Array;
  /** The first `length` 32-bit integers of a scratch area, by default all of it. */
  ints(scratch: string, length?: number): Int32Array;

  /** One step of AdamW. `metric: true` divides the threshold by Adam's denominator, element by element. */
  adamw(name: string, options: AdamwOptions & UpdateOptions & { readonly metric?: boolean }): void;
  /** One step of gradient descent; the momentum buffer is slot 'm', without which momentum must be 0. */
  sgd(name: string, options: SgdOptions & UpdateOptions): void;
  /**
   * The proximal operator of 1x4 blocks (blocks.ts) on what the update has proposed: threshold times the tensor's
   * factors, in units of a weight. The moments do not see it.
   */
  shrinkBlocks(name: string, threshold: number): void;
  /** Global L2 norm of a slot, by default the gradients, of these tensors, in f64. */
  norm(names: Iterable<string>, slot?: FloatSlot): number;
  /** Sets the gradients of these tensors to zero. */
  zeroGrad(names: Iterable<string>): void;
  /** Makes the pruned elements of the gradients of these tensors exactly zero. */
  maskGradient(names: Iterable<string>): void;
  /**
   * After a change of a mask: makes the pruned elements of every slot exactly zero; with slot 'dense' the weight
   * becomes dense * mask, and dense and moments stay.
   */
  applyMask(name: string): void;
  /** Number of elements of a tensor's weight that are not zero. */
  nonzeros(name: string): number;
  /** grad[ids[k], :] += rows[k, :]; rows is [ids.length, width of the table]. All in one arena. */
  scatterRows(name: string, ids: Int32Array, rows: Float32Array): void;

  /** y += a * x, both of one length and in one arena. */
  accumulate(y: Float32Array, x: Float32Array, a?: number): void;
  /** x *= a. */
  scale(x: Float32Array, a: number): void;
  /** Dropout factors: 0 with probability p (to 16 bits), else 1/(1 - p). */
  fillDropout(out: Float32Array, p: number, key: RandomKey): void;
  /** Uniform in [low, high), to 24 bits; unless low is 0, the sum may round up to high. */
  fillUniform(out: Float32Array, low: number, high: number, key: RandomKey): void;
  fillNormal(out: Float32Array, mean: number, deviation: number, key: RandomKey): void;
}

/** Allocates the arenas of a plan and the views into them. */
export function createStore(plan: StorePlan): Store {
  const memories = plan.arenas.map(allocateArena);
  const buffers = memories.map(({ buffer }) => buffer);
  const kernels = memories.map(bindKernels);
  const views = new Map<string, ReadonlyMap<FloatSlot, Float32Array>>();
  const masks = new Map<string, Uint8Array>();
  for (const [name, { arena, length, offsets }] of plan.tensors) {
    const floats = new Map<FloatSlot, Float32Array>();
    for (const [slot, offset] of offsets) {
      if (slot === 'mask') masks.set(name, new Uint8Array(buffers[arena]!, offset, length).fill(1));
      else floats.set(slot, new Float32Array(buffers[arena]!, offset, length));
    }
    floats.get('factor')?.fill(1);
    views.set(name, floats);
  }

  const place = (name: string): TensorPlace => {
    const found = plan.tensors.get(name);
    if (!found) throw new EspalierError(`store: no tensor '${name}'`);
    return found;
  };
  const view: Store['view'] = (name, slot) => {
    place(name);
    return views.get(name)?.get(slot) ?? missing(name, slot);
  };
  const optionalView = (name: string, slot: FloatSlot) => views.get(name)?.get(slot);

  /** First byte and kernels of an array; it must begin an area, whose padding kernels may then touch. */
  const starts = areaStarts(plan);
  const locate = (array: Float32Array | Int32Array): { at: number; run: Kernels } => {
    const arena = buffers.indexOf(array.buffer as ArrayBuffer);
    if (arena < 0 || !starts[arena]!.has(array.byteOffset)) {
      throw new EspalierError(
        'store: the array is not a slot or the beginning of a scratch area of this store',
      );
    }
    return { at: array.byteOffset, run: kernels[arena]! };
  };
  const locateTogether = (first: Float32Array, ...others: (Float32Array | Int32Array)[]): Kernels => {
    const { run } = locate(first);
    if (others.some((other) => locate(other).run !== run)) {
      throw new EspalierError(
        'store: the arrays lie in different arenas; declare the scratch near its tensor',
      );
    }
    return run;
  };

  const maskSlots = (name: string, slots: readonly FloatSlot[]): void => {
    const { arena, length, offsets } = place(name);
    const mask = offsets.get('mask') ?? missing(name, 'mask');
    for (const slot of slots) {
      const x = offsets.get(slot);
      if (x !== undefined) kernels[arena]!.applyMask({ x, mask, n: length });
    }
  };
  /** weight = dense * mask. */
  const copyUnderMask = (name: string): void => {
    const { arena, length, offsets } = place(name);
    const mask = offsets.get('mask') ?? missing(name, 'mask');
    const [y, x] = [view(name, 'weight').byteOffset, view(name, 'dense').byteOffset];
    kernels[arena]!.maskedCopy({ y, x, mask, n: length });
  };

  /** What every update needs: addresses, element count, and which variant the tensor's slots ask for. */
  const update = (name: string, { gradient = 'grad', clearGradient = false }: UpdateOptions) => {
    const { arena, length, offsets } = place(name);
    const dense = optionalView(name, 'dense');
    const trained = dense ?? view(name, 'weight');
    return {
      run: kernels[arena]!,
      /** The end of every update. */
      finish: () => {
        clearPadding(trained); // a shift reaches it
        if (dense) copyUnderMask(name);
      },
      masking: offsets.has('mask') && !dense ? ('masked' as const) : ('dense' as const),
      clearing: clearGradient ? ('clear' as const) : ('keep' as const),
      hasFactor: offsets.has('factor'),
      addresses: {
        w: trained.byteOffset,
        g: view(name, gradient).byteOffset,
        mask: offsets.get('mask') ?? 0, // not read by the dense variants
        factor: offsets.get('factor') ?? 0,
        n: length,
      },
    };
  };

  return {
    plan,
    names: () => [...plan.tensors.keys()],
    shape: (name) => place(name).shape,
    has: (name, slot) => plan.tensors.get(name)?.offsets.has(slot) ?? false,
    view,
    mask: (name) => {
      place(name);
      return masks.get(name) ?? missing(name, 'mask');
    },
    floats: (name, length) => {
      const { arena, offset, size } = scratchPlace(plan, name, length);
      return new Float32Array(buffers[arena]!, offset, size);
    },
    ints: (name, length) => {
      const { arena, offset, size } = scratchPlace(plan, name, length);
      return new Int32Array(buffers[arena]!, offset, size);
    },

    adamw: (name, options) => {
      const { run, finish, masking, clearing, hasFactor, addresses } = update(name, options);
      const kind = options.metric ? 'metric' : 'prox';
      const prox = options.threshold === undefined ? 'plain' : hasFactor ? (`${kind}-factor` as const) : kind;
      const moments = { m: view(name, 'm').byteOffset, v: view(name, 'v').byteOffset };
      run[`adamw ${masking} ${prox} ${clearing}`]({ ...addresses, ...moments, ...adamwScalars(options) });
      finish();
    },
    sgd: (name, options) => {
      const { run, finish, masking, clearing, hasFactor, addresses } = update(name, options);
      const prox = options.threshold === undefined ? 'plain' : hasFactor ? 'prox-factor' : 'prox';
      const m = options.momentum ? view(name, 'm') : optionalView(name, 'm');
      const buffer = m ? 'momentum' : 'bare';
      run[`sgd ${buffer} ${masking} ${prox} ${clearing}`]({
        ...addresses,
        m: m?.byteOffset ?? 0,
        ...sgdScalars(options),
      });
      finish();
    },
    shrinkBlocks: (name, threshold) => {
      const dense = optionalView(name, 'dense');
      const trained = dense ?? view(name, 'weight');
      shrinkBlocks(trained, view(name, 'factor'), place(name).shape.at(-1)!, threshold);
      if (dense) copyUnderMask(name);
    },
    norm: (names, slot = 'grad') => {
      let total = 0;
      for (const name of names) {
        const x = view(name, slot);
        total += kernels[place(name).arena]!.sumOfSquares({ x: x.byteOffset, n: x.length });
      }
      return Math.sqrt(total);
    },
    zeroGrad: (names) => {
      for (const name of names) view(name, 'grad').fill(0);
    },
    maskGradient: (names) => {
      for (const name of names) maskSlots(name, ['grad']);
    },
    applyMask: (name) => {
      maskSlots(name, ['grad', 'accum']);
      if (place(name).offsets.has('dense')) copyUnderMask(name);
      else maskSlots(name, ['weight', 'm', 'v']);
    },
    nonzeros: (name) => {
      const x = view(name, 'weight');
      return kernels[place(name).arena]!.countNonzero({ x: x.byteOffset, n: x.length });
    },
    scatterRows: (name, ids, rows) => {
      const table = view(name, 'grad');
      const width = place(name).shape.at(-1)!;
      if (rows.length !== ids.length * width) {
        throw new RangeError(
          `store: '${name}' takes ${ids.length} rows of ${width} floats, found ${rows.length} floats`,
        );
      }
      const bad = ids.find((id) => id < 0 || (id + 1) * width > table.length);
      if (bad !== undefined) {
        throw new RangeError(`store: row ${bad} is not in '${name}' of ${table.length / width} rows`);
      }
      locateTogether(table, ids, rows).scatterAddRows({
        table: table.byteOffset,
        ids: ids.byteOffset,
        rows: rows.byteOffset,
        count: ids.length,
        width,
      });
    },

    accumulate: (y, x, a = 1) => {
      if (x.length !== y.length) {
        throw new RangeError(`store: cannot add ${x.length} values to ${y.length}`);
      }
      locateTogether(y, x).accumulate({ y: y.byteOffset, x: x.byteOffset, n: y.length, a });
      clearPadding(y); // what follows x in a scratch area may be anything
    },
    scale: (x, a) => {
      const { at, run } = locate(x);
      run.scale({ x: at, n: x.length, a });
    },
    fillDropout: (out, p, key) => {
      const { at, run } = locate(out);
      const [k0, k1, k2] = key;
      run.fillDropout({ out: at, n: out.length, ...dropoutScalars(p), k0, k1, k2 });
      clearPadding(out);
    },
    fillUniform: (out, low, high, key) => {
      const { at, run } = locate(out);
      const [k0, k1, k2] = key;
      run.fillUniform({ out: at, n: out.length, ...uniformScalars(low, high), k0, k1, k2 });
      clearPadding(out);
    },
    fillNormal,
  };
}

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
      {
        cause,
      },
    );
  }
}

/** Sets what a kernel wrote between the end of an array and its padded length back to zero. */
const clearPadding = ({ buffer, byteOffset, length }: Float32Array): void => {
  new Float32Array(buffer, byteOffset, paddedLength(length)).fill(0, length);
};

/** The byte offsets at which the areas of each arena begin. */
function areaStarts({ arenas, tensors, scratch }: StorePlan): Set<number>[] {
  const starts = arenas.map(() => new Set<number>());
  for (const { arena, offsets } of tensors.values()) {
    for (const offset of offsets.values()) starts[arena]!.add(offset);
  }
  for (const { arena, offset } of scratch.values()) starts[arena]!.add(offset);
  return starts;
}

/** Where a scratch area is, and how many 32-bit elements of it are wanted. */
function scratchPlace({ scratch }: StorePlan, name: string, length?: number) {
  const place = scratch.get(name);
  if (!place) throw new EspalierError(`store: no scratch area '${name}'`);
  const size = length ?? Math.floor(place.bytes / 4);
  if (size * 4 > place.bytes) {
    throw new EspalierError(
      `store: scratch area '${name}' has ${place.bytes} bytes, ${size * 4} asked; declare it larger`,
    );
  }
  return { ...place, size };
}
