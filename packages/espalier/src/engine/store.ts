// The parameter store: tensors with their gradients, moments, factors and masks in arenas (arenas.ts), so that feeds
// and fetches are views made once, and the optimisers (optimisers.ts) run over them in place. Everything that training
// and methods ask of stored tensors is here, by name.
import type { Shape } from '../tensor/tensor.js';
import { allocateArenas, maskOf, offsetOf, viewOf } from './arenas.js';
import { dropoutScalars, fillNormal, type RandomKey, uniformScalars } from './kernels/random.js';
import { clearPadding } from './kernels/vectors.js';
import { applyMask, maskSlots } from './masks.js';
import { adamw, type AdamwUpdate, proximalBlocks, sgd, type SgdUpdate } from './optimisers.js';
import type { FloatSlot, Slot, StorePlan } from './plan.js';

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

  /** One step of AdamW. */
  adamw(name: string, options: AdamwUpdate): void;
  /** One step of gradient descent; the momentum buffer is slot 'm', without which momentum must be 0. */
  sgd(name: string, options: SgdUpdate): void;
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

/** Allocates the memory of a plan and the views into it. */
export function createStore(plan: StorePlan): Store {
  const arenas = allocateArenas(plan);
  return {
    plan,
    names: () => [...plan.tensors.keys()],
    shape: (name) => arenas.tensor(name).shape,
    has: (name, slot) => plan.tensors.get(name)?.offsets.has(slot) ?? false,
    view: (name, slot) => viewOf(arenas.tensor(name), slot),
    mask: (name) => maskOf(arenas.tensor(name)),
    floats: (name, length) => new Float32Array(...arenas.scratch(name, length)),
    ints: (name, length) => new Int32Array(...arenas.scratch(name, length)),

    adamw: (name, options) => adamw(arenas.tensor(name), options),
    sgd: (name, options) => sgd(arenas.tensor(name), options),
    shrinkBlocks: (name, threshold) => proximalBlocks(arenas.tensor(name), threshold),
    norm: (names, slot = 'grad') => {
      let total = 0;
      for (const name of names) {
        const tensor = arenas.tensor(name);
        total += tensor.kernels.sumOfSquares({ x: offsetOf(tensor, slot), n: tensor.length });
      }
      return Math.sqrt(total);
    },
    zeroGrad: (names) => {
      for (const name of names) viewOf(arenas.tensor(name), 'grad').fill(0);
    },
    maskGradient: (names) => {
      for (const name of names) maskSlots(arenas.tensor(name), ['grad']);
    },
    applyMask: (name) => applyMask(arenas.tensor(name)),
    nonzeros: (name) => {
      const tensor = arenas.tensor(name);
      return tensor.kernels.countNonzero({ x: offsetOf(tensor, 'weight'), n: tensor.length });
    },
    scatterRows: (name, ids, rows) => {
      const tensor = arenas.tensor(name);
      const table = viewOf(tensor, 'grad');
      const width = tensor.shape.at(-1)!;
      if (rows.length !== ids.length * width) {
        throw new RangeError(
          `store: '${name}' takes ${ids.length} rows of ${width} floats, found ${rows.length} floats`,
        );
      }
      const bad = ids.find((id) => id < 0 || (id + 1) * width > table.length);
      if (bad !== undefined) {
        throw new RangeError(`store: row ${bad} is not in '${name}' of ${table.length / width} rows`);
      }
      arenas.kernelsOver(table, ids, rows).scatterAddRows({
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
      arenas.kernelsOver(y, x).accumulate({ y: y.byteOffset, x: x.byteOffset, n: y.length, a });
      clearPadding(y); // what follows x in a scratch area may be anything
    },
    scale: (x, a) => {
      arenas.kernelsOver(x).scale({ x: x.byteOffset, n: x.length, a });
    },
    fillDropout: (out, p, key) => {
      const [k0, k1, k2] = key;
      arenas
        .kernelsOver(out)
        .fillDropout({ out: out.byteOffset, n: out.length, ...dropoutScalars(p), k0, k1, k2 });
      clearPadding(out);
    },
    fillUniform: (out, low, high, key) => {
      const [k0, k1, k2] = key;
      arenas
        .kernelsOver(out)
        .fillUniform({ out: out.byteOffset, n: out.length, ...uniformScalars(low, high), k0, k1, k2 });
      clearPadding(out);
    },
    fillNormal,
  };
}
