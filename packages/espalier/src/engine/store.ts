// TEMPORARY plain-TypeScript store while the WebAssembly one is being written.
import { createHash } from 'node:crypto';
import { sizeOf } from '../tensor/tensor.js';
export type Slot = 'weight' | 'grad' | 'accum' | 'm' | 'v' | 'factor' | 'mask';
export interface TensorSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly slots: readonly Slot[];
}
export interface ScratchSpec {
  readonly name: string;
  readonly bytes: number;
  readonly near?: string;
}
export interface StorePlan {
  readonly specs: readonly TensorSpec[];
  readonly scratch: readonly ScratchSpec[];
  readonly bytes: number;
}
export interface UpdateOptions {
  rate: number;
  decay: number;
  shift: number;
  threshold: number;
  perCoordinate: boolean;
  gradScale: number;
  zeroGrad: boolean;
}
export interface Store {
  view(name: string, slot: Exclude<Slot, 'mask'>): Float32Array;
  mask(name: string): Uint8Array;
  has(name: string, slot: Slot): boolean;
  scratch(name: string, offset: number, length: number): Float32Array;
  zeroGrad(name: string): void;
  accumulate(name: string, first: boolean): void;
  scatterRows(table: string, ids: Int32Array, rows: string): void;
  gradNorm(names: readonly string[]): number;
  applyMask(name: string): void;
  adamw(
    name: string,
    o: UpdateOptions & { beta1: number; beta2: number; epsilon: number; step: number },
  ): void;
  sgd(name: string, o: UpdateOptions & { momentum: number }): void;
  fillRandom(
    area: string,
    offset: number,
    length: number,
    o: { kind: 'dropout' | 'uniform' | 'normal'; probability: number; key: readonly number[] },
  ): void;
}
export const planStore = (
  specs: readonly TensorSpec[],
  o: { scratch?: readonly ScratchSpec[] } = {},
): StorePlan => ({
  specs,
  scratch: o.scratch ?? [],
  bytes: specs.reduce((s, x) => s + sizeOf(x.shape) * 4 * x.slots.length, 0),
});
export const checkMemory = (_bytes: number): void => {};
export function createStore(plan: StorePlan): Store {
  const views = new Map<string, Float32Array>();
  const masks = new Map<string, Uint8Array>();
  const scratch = new Map<string, Float32Array>();
  for (const { name, shape, slots } of plan.specs)
    for (const s of slots)
      if (s === 'mask') masks.set(name, new Uint8Array(sizeOf(shape)));
      else views.set(`${s}:${name}`, new Float32Array(sizeOf(shape)));
  for (const { name, bytes } of plan.scratch) scratch.set(name, new Float32Array(bytes / 4));
  const shapes = new Map(plan.specs.map((s) => [s.name, s.shape]));
  const v = (n: string, s: string): Float32Array => {
    const x = views.get(`${s}:${n}`);
    if (!x) throw new Error(`no ${s} of ${n}`);
    return x;
  };
  const store: Store = {
    view: v,
    mask: (n) => masks.get(n)!,
    has: (n, s) => (s === 'mask' ? masks.has(n) : views.has(`${s}:${n}`)),
    scratch: (n, o, l) => scratch.get(n)!.subarray(o, o + l),
    zeroGrad: (n) => {
      v(n, 'grad').fill(0);
    },
    accumulate(n, first) {
      const a = v(n, 'accum');
      const g = v(n, 'grad');
      if (first) a.set(g);
      else for (let i = 0; i < a.length; i++) a[i]! += g[i]!;
    },
    scatterRows(t, ids, rows) {
      const g = v(t, 'grad');
      const w = shapes.get(t)![1]!;
      const r = scratch.get(rows)!;
      ids.forEach((id, i) => {
        for (let j = 0; j < w; j++) g[id * w + j]! += r[i * w + j]!;
      });
    },
    gradNorm: (names) =>
      Math.sqrt(
        names.reduce((s, n) => {
          const g = v(n, 'grad');
          let t = 0;
          for (let i = 0; i < g.length; i++) t += g[i]! * g[i]!;
          return s + t;
        }, 0),
      ),
    applyMask(n) {
      const k = masks.get(n)!;
      for (const s of ['weight', 'grad', 'm', 'v']) {
        const a = views.get(`${s}:${n}`);
        if (a) for (let i = 0; i < a.length; i++) if (!k[i]) a[i] = 0;
      }
    },
    adamw(n, o) {
      const w = v(n, 'weight'),
        g = v(n, 'grad'),
        m = v(n, 'm'),
        vv = v(n, 'v'),
        f = views.get(`factor:${n}`);
      const c1 = 1 - o.beta1 ** o.step,
        c2 = 1 - o.beta2 ** o.step;
      for (let i = 0; i < w.length; i++) {
        const gi = g[i]! * o.gradScale;
        m[i] = o.beta1 * m[i]! + (1 - o.beta1) * gi;
        vv[i] = o.beta2 * vv[i]! + (1 - o.beta2) * gi * gi;
        const den = Math.sqrt(vv[i]! / c2) + o.epsilon;
        let a = w[i]! * (1 - o.rate * o.decay) - (o.rate * m[i]!) / c1 / den - o.shift;
        if (o.threshold > 0) {
          const th = (o.threshold * (f ? f[i]! : 1)) / (o.perCoordinate ? den : 1);
          a = Math.abs(a) > th ? a - Math.sign(a) * th : 0;
        }
        w[i] = a;
        if (o.zeroGrad) g[i] = 0;
      }
      if (masks.has(n)) store.applyMask(n);
    },
    sgd(n, o) {
      const w = v(n, 'weight'),
        g = v(n, 'grad'),
        m = v(n, 'm'),
        f = views.get(`factor:${n}`);
      for (let i = 0; i < w.length; i++) {
        m[i] = o.momentum * m[i]! + g[i]! * o.gradScale + o.decay * w[i]!;
        let a = w[i]! - o.rate * m[i]! - o.shift;
        if (o.threshold > 0) {
          const th = o.threshold * (f ? f[i]! : 1);
          a = Math.abs(a) > th ? a - Math.sign(a) * th : 0;
        }
        w[i] = a;
        if (o.zeroGrad) g[i] = 0;
      }
      if (masks.has(n)) store.applyMask(n);
    },
    fillRandom(area, offset, length, { kind, probability, key }) {
      const a = scratch.get(area)!.subarray(offset, offset + length);
      let s = Number.parseInt(createHash('md5').update(key.join()).digest('hex').slice(0, 7), 16) | 1;
      for (let i = 0; i < length; i++) {
        s ^= s << 13;
        s ^= s >>> 17;
        s ^= s << 5;
        const u = (s >>> 0) / 2 ** 32;
        a[i] = kind === 'dropout' ? (u < probability ? 0 : 1 / (1 - probability)) : u;
      }
    },
  };
  return store;
}
