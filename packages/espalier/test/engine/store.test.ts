import { describe, expect, test } from 'vitest';
import { randomKey } from '../../src/engine/kernels/random.js';
import { patternHash, zeroFraction } from '../../src/engine/pattern.js';
import {
  estimateBytes,
  planStore,
  type ScratchSpec,
  type Slot,
  type TensorSpec,
} from '../../src/engine/plan.js';
import { createStore, type Store } from '../../src/engine/store.js';
import { bits, numbers, randomFloats, randomMask } from './arrays.js';

const TRAINED: readonly Slot[] = ['weight', 'grad', 'm', 'v'];

const specs: TensorSpec[] = [
  { name: 'table', shape: [11, 6], slots: TRAINED },
  { name: 'kernel', shape: [40, 30], slots: [...TRAINED, 'accum', 'factor', 'mask'] },
  { name: 'bias', shape: [5], slots: TRAINED },
  { name: 'logits', shape: [5], slots: TRAINED },
  { name: 'teacher', shape: [40, 30], slots: ['weight'] },
];
const scratch: ScratchSpec[] = [
  { name: 'rows', bytes: 4 * 20 * 6, near: 'table' },
  { name: 'ids', bytes: 4 * 20, near: 'table' },
  { name: 'dropout', bytes: 4 * 1000 },
];

/** Small arenas, so that the tensors spread over several. */
const build = (arenaBytes = 65536): Store => createStore(planStore(specs, { scratch, arenaBytes }));

/** [start, end) of every area of a plan, by arena. */
function areas(plan: ReturnType<typeof planStore>): [number, number][][] {
  const perArena = plan.arenas.map((): [number, number][] => []);
  for (const { arena, length, offsets } of plan.tensors.values()) {
    for (const [slot, at] of offsets) {
      perArena[arena]!.push([at, at + Math.ceil(length / 16) * 16 * (slot === 'mask' ? 1 : 4)]);
    }
  }
  for (const { arena, offset, bytes } of plan.scratch.values())
    perArena[arena]!.push([offset, offset + bytes]);
  return perArena;
}

describe('plan', () => {
  test.each([31_000, 35_000, 65_536, 2 ** 20])(
    'arenas of %i bytes hold disjoint aligned areas',
    (arenaBytes) => {
      const plan = planStore(specs, { scratch, arenaBytes });
      expect(plan.arenas.length).toBe(arenaBytes < 40_000 ? 2 : 1);
      for (const [arena, list] of areas(plan).entries()) {
        list.sort(([a], [b]) => a - b);
        list.forEach(([start, end], i) => {
          expect(start % 64).toBe(0);
          expect(end).toBeLessThanOrEqual(list[i + 1]?.[0] ?? plan.arenas[arena]!);
        });
        expect(plan.arenas[arena]).toBeLessThanOrEqual(arenaBytes);
      }
      expect(plan.scratch.get('rows')!.arena).toBe(plan.tensors.get('table')!.arena);
      expect(estimateBytes(plan)).toBe(plan.arenas.reduce((total, bytes) => total + bytes, 0));
    },
  );

  test('BERT-large with AdamW is five GiB in two arenas', () => {
    const plan = planStore(
      Array.from({ length: 335 }, (_, i) => ({ name: `w${i}`, shape: [1000, 1000], slots: TRAINED })),
    );
    expect(plan.arenas.length).toBe(2);
    expect(estimateBytes(plan)).toBe(335e6 * 16);
  });

  test('what cannot be placed is refused by name', () => {
    const one: TensorSpec = { name: 'w', shape: [100], slots: TRAINED };
    expect(() => planStore([one, one])).toThrow("'w' is declared twice");
    expect(() => planStore([one], { arenaBytes: 1024 })).toThrow("'w' with all its slots takes 1792 bytes");
    expect(() => planStore([one], { scratch: [{ name: 's', bytes: 4, near: 'x' }] })).toThrow("near 'x'");
  });
});

describe('views', () => {
  test('start as zeros, factors and masks as ones, and are made once', () => {
    const store = build();
    expect(store.names()).toEqual(specs.map(({ name }) => name));
    expect(store.shape('kernel')).toEqual([40, 30]);
    expect(store.view('kernel', 'weight').length).toBe(1200);
    expect(store.view('kernel', 'weight')).toBe(store.view('kernel', 'weight'));
    expect(store.view('kernel', 'm').every((x) => x === 0)).toBe(true);
    expect(store.view('kernel', 'factor').every((x) => x === 1)).toBe(true);
    expect(store.mask('kernel').every((x) => x === 1)).toBe(true);
    expect(store.has('teacher', 'weight')).toBe(true);
    expect(store.has('teacher', 'grad')).toBe(false);
    expect(store.has('nobody', 'weight')).toBe(false);
    expect(store.floats('dropout').length).toBe(1000);
    expect(store.ints('ids', 7).length).toBe(7);
  });

  test('what is not declared is named in the error', () => {
    const store = build();
    expect(() => store.view('nobody', 'weight')).toThrow("no tensor 'nobody'");
    expect(() => store.view('teacher', 'grad')).toThrow("'teacher' has no slot 'grad'");
    expect(() => store.mask('bias')).toThrow("'bias' has no slot 'mask'");
    expect(() => store.applyMask('bias')).toThrow("'bias' has no slot 'mask'");
    expect(() => store.floats('nothing')).toThrow("no scratch area 'nothing'");
    expect(() => store.ints('ids', 21)).toThrow("'ids' has 80 bytes, 84 asked");
    expect(() => store.adamw('teacher', { lr: 1, step: 1 })).toThrow("'teacher' has no slot 'grad'");
    expect(() => store.scale(new Float32Array(4), 1)).toThrow('not a slot');
    expect(() => store.scale(store.view('bias', 'grad').subarray(1), 1)).toThrow('not a slot');
  });
});

describe('operations', () => {
  test('only the tensor of a step changes, wherever it lies', () => {
    const store = build(35_000);
    const all = () =>
      Object.fromEntries(
        specs.flatMap(({ name, slots }) =>
          slots.map((slot) => [
            `${name} ${slot}`,
            slot === 'mask' ? [...store.mask(name)] : bits(store.view(name, slot)),
          ]),
        ),
      );
    specs.forEach(({ name, slots }, i) => {
      for (const slot of slots)
        if (slot !== 'mask') store.view(name, slot).fill(slot === 'm' ? 0.2 : 0.5 + i);
    });
    for (const { name } of specs.slice(0, 4)) {
      const before = all();
      store.adamw(name, { lr: 0.1, step: 3, shift: 0.01, clearGradient: true });
      const after = all();
      for (const key of Object.keys(before)) {
        if (/ (weight|grad|m|v)$/.test(key) && key.startsWith(`${name} `))
          expect(after[key]).not.toEqual(before[key]);
        else expect(after[key], key).toEqual(before[key]);
      }
    }
  });

  test('a shift does not leak into norms through the padding', () => {
    const store = build();
    store.adamw('logits', { lr: 0.1, step: 1, shift: 2 });
    expect([...store.view('logits', 'weight')]).toEqual([-2, -2, -2, -2, -2]);
    expect(store.norm(['logits'], 'weight')).toBe(Math.sqrt(20));
    store.fillDropout(store.view('logits', 'weight'), 0, randomKey(1));
    expect(store.norm(['logits'], 'weight')).toBe(Math.sqrt(5));
    store.fillUniform(store.view('logits', 'weight'), 1, 1, randomKey(1));
    expect(store.norm(['logits'], 'weight')).toBe(Math.sqrt(5));
    store.floats('rows').fill(9);
    store.accumulate(store.view('logits', 'grad'), store.floats('rows', 5));
    expect(store.norm(['logits'])).toBe(Math.sqrt(5 * 81));
  });

  test('the norm is over all tensors of a step, zeroGrad ends it', () => {
    const store = build(35_000);
    const names = ['table', 'kernel', 'bias'];
    let expected = 0;
    names.forEach((name, i) => {
      store.view(name, 'grad').set(randomFloats(store.view(name, 'grad').length, i + 1));
      for (const value of store.view(name, 'grad')) expected += value * value;
    });
    expect(store.norm(names)).toBeCloseTo(Math.sqrt(expected), 10);
    store.zeroGrad(names);
    expect(store.norm(names)).toBe(0);
  });

  test('gradients accumulate in f32 and are used scaled', () => {
    const [once, twice] = [build(), build()];
    const gradient = randomFloats(1200, 7);
    once.view('kernel', 'grad').set(gradient);
    once.adamw('kernel', { lr: 0.1, step: 1 });
    for (let i = 0; i < 2; i++) {
      twice.view('kernel', 'grad').set(gradient);
      twice.accumulate(twice.view('kernel', 'accum'), twice.view('kernel', 'grad'));
    }
    twice.adamw('kernel', { lr: 0.1, step: 1, gradient: 'accum', gradScale: 0.5, clearGradient: true });
    expect(bits(twice.view('kernel', 'weight'))).toEqual(bits(once.view('kernel', 'weight')));
    expect(twice.norm(['kernel'], 'accum')).toBe(0);
    expect(twice.norm(['kernel'])).toBeGreaterThan(0);
    expect(() => twice.accumulate(twice.view('bias', 'grad'), gradient)).toThrow(
      'cannot add 1200 values to 5',
    );
  });

  test('rows are scattered into a table; ids and sizes are checked', () => {
    const store = build(35_000);
    const ids = store.ints('ids', 3);
    const rows = store.floats('rows', 18);
    ids.set([10, 0, 10]);
    rows.set(Float32Array.from({ length: 18 }, (_, i) => i));
    store.scatterRows('table', ids, rows);
    const grad = store.view('table', 'grad');
    expect([...grad.subarray(0, 6)]).toEqual([6, 7, 8, 9, 10, 11]);
    expect([...grad.subarray(60)]).toEqual([12, 14, 16, 18, 20, 22]);
    expect(grad.subarray(6, 60).every((x) => x === 0)).toBe(true);
    ids[1] = 11;
    expect(() => store.scatterRows('table', ids, rows)).toThrow("row 11 is not in 'table' of 11 rows");
    ids[1] = -1;
    expect(() => store.scatterRows('table', ids, rows)).toThrow('row -1');
    expect(() => store.scatterRows('table', ids, store.floats('rows', 17))).toThrow('3 rows of 6 floats');
    const far = createStore(
      planStore([{ name: 'table', shape: [11, 6], slots: TRAINED }], {
        scratch: scratch.map(({ name, bytes }) => ({ name, bytes })),
        arenaBytes: 4096,
      }),
    );
    expect(() => far.scatterRows('table', far.ints('ids', 1), far.floats('rows', 6))).not.toThrow();
    expect(() => far.accumulate(far.view('table', 'grad'), far.floats('dropout', 66))).toThrow(
      'different arenas',
    );
  });

  test('SGD needs a buffer for momentum only', () => {
    const store = createStore(planStore([{ name: 'w', shape: [3], slots: ['weight', 'grad'] }]));
    store.view('w', 'grad').set([1, -2, 4]);
    store.sgd('w', { lr: 0.5 });
    expect([...store.view('w', 'weight')]).toEqual([-0.5, 1, -2]);
    expect(() => store.sgd('w', { lr: 0.5, momentum: 0.9 })).toThrow("no slot 'm'");
  });

  test('factors scale the threshold, in the metric of Adam when asked', () => {
    const store = createStore(planStore([{ name: 'w', shape: [2], slots: [...TRAINED, 'factor'] }]));
    const step = (metric: boolean) => {
      store.view('w', 'weight').fill(1);
      store.view('w', 'factor').set([1, 2]);
      store.view('w', 'm').fill(0);
      store.view('w', 'v').fill(0.25 / 0.999); // a denominator of 0.5 without bias correction
      store.adamw('w', { lr: 0.1, step: 1e6, threshold: 0.1, metric });
      return [...store.view('w', 'weight')];
    };
    step(false).forEach((value, i) => {
      expect(value).toBeCloseTo([0.9, 0.8][i]!, 6);
    });
    step(true).forEach((value, i) => {
      expect(value).toBeCloseTo([0.8, 0.6][i]!, 3);
    });
  });
});

describe('a locked pattern', () => {
  const locked = (): Store => {
    const store = build(35_000);
    store.view('kernel', 'weight').set(randomFloats(1200, 21));
    store.mask('kernel').set(randomMask(1200, 22));
    store.applyMask('kernel');
    return store;
  };
  const pruned = (store: Store) => [...store.mask('kernel')].flatMap((keep, i) => (keep === 0 ? [i] : []));

  test('is applied to weight, gradient and moments', () => {
    const store = locked();
    const zeros = pruned(store);
    expect(zeros.length).toBeGreaterThan(300);
    expect(store.nonzeros('kernel')).toBe(1200 - zeros.length);
    expect(zeroFraction([store.view('kernel', 'weight')])).toBe(zeros.length / 1200);
    for (const slot of ['grad', 'm', 'v', 'accum'] as const) store.view('kernel', slot).fill(-3);
    store.applyMask('kernel');
    for (const slot of ['weight', 'grad', 'm', 'v', 'accum'] as const) {
      expect(zeros.every((i) => Object.is(store.view('kernel', slot)[i], 0))).toBe(true);
    }
  });

  test.each(['adamw', 'sgd'] as const)(
    'stays exactly zero over 2,000 clipped, decayed steps of %s',
    (rule) => {
      const store = locked();
      const weight = store.view('kernel', 'weight');
      const hash = () => patternHash([['kernel', weight]]);
      const before = hash();
      const start = weight.slice();
      const next = numbers(23);
      for (let step = 1; step <= 2000; step++) {
        const grad = store.view('kernel', 'grad');
        for (let i = 0; i < grad.length; i++) grad[i] = 3 * next();
        const gradScale = Math.min(1, 1 / store.norm(['kernel']));
        if (rule === 'adamw') store.adamw('kernel', { lr: 1e-3, step, decay: 0.1, gradScale });
        else store.sgd('kernel', { lr: 1e-2, momentum: 0.9, decay: 0.1, gradScale, clearGradient: true });
      }
      expect(hash()).toBe(before);
      expect(weight.every((value) => Number.isFinite(value))).toBe(true);
      expect(weight).not.toEqual(start);
      const slots =
        rule === 'adamw' ? (['weight', 'grad', 'm', 'v'] as const) : (['weight', 'grad', 'm'] as const);
      for (const slot of slots) {
        expect(
          pruned(store).every((i) => Object.is(store.view('kernel', slot)[i], 0)),
          slot,
        ).toBe(true);
      }
    },
  );
});

describe('a pattern with regrowth', () => {
  const slots: readonly Slot[] = [...TRAINED, 'dense', 'accum', 'mask'];
  const regrown = (): Store => {
    const store = createStore(planStore([{ name: 'w', shape: [37, 5], slots }]));
    store.view('w', 'dense').set(randomFloats(185, 31));
    store.mask('w').set(randomMask(185, 32));
    store.applyMask('w');
    return store;
  };
  const underMask = (store: Store): number[] => {
    const mask = store.mask('w');
    return bits(store.view('w', 'dense').map((x, i) => (mask[i] === 0 ? 0 : x)));
  };

  test.each(['adamw', 'sgd'] as const)(
    '%s trains the original whole; the weight is what the mask leaves',
    (rule) => {
      const store = regrown();
      const plain = createStore(planStore([{ name: 'w', shape: [37, 5], slots: TRAINED }]));
      plain.view('w', 'weight').set(store.view('w', 'dense'));
      for (let step = 1; step <= 5; step++) {
        store.view('w', 'grad').set(randomFloats(185, 40 + step));
        store.maskGradient(['w']);
        const gradient = store.view('w', 'grad');
        expect(gradient.every((g, i) => store.mask('w')[i] !== 0 || Object.is(g, 0))).toBe(true);
        plain.view('w', 'grad').set(gradient);
        for (const each of [store, plain]) {
          if (rule === 'adamw') each.adamw('w', { lr: 0.1, step, decay: 0.1, clearGradient: true });
          else each.sgd('w', { lr: 0.1, momentum: 0.9, decay: 0.1, shift: 0.01 });
        }
        expect(bits(store.view('w', 'dense'))).toEqual(bits(plain.view('w', 'weight')));
        expect(bits(store.view('w', 'weight'))).toEqual(underMask(store));
      }
      expect(store.nonzeros('w')).toBe(store.mask('w').filter((keep) => keep !== 0).length);
    },
  );

  test('a new mask brings back what the old one hid, and leaves original and moments', () => {
    const store = regrown();
    for (const slot of ['grad', 'accum', 'm', 'v'] as const) store.view('w', slot).fill(3);
    const [dense, zeros] = [bits(store.view('w', 'dense')), store.mask('w').indexOf(0)];
    expect(store.view('w', 'weight')[zeros]).toBe(0);
    store.mask('w').fill(1).fill(0, 100);
    store.applyMask('w');
    expect(store.view('w', 'weight')[zeros]).toBe(store.view('w', 'dense')[zeros]);
    expect(bits(store.view('w', 'weight'))).toEqual(underMask(store));
    expect(bits(store.view('w', 'dense'))).toEqual(dense);
    for (const slot of ['m', 'v'] as const) expect(store.view('w', slot).every((x) => x === 3)).toBe(true);
    for (const slot of ['grad', 'accum'] as const)
      expect([...store.view('w', slot)]).toEqual([...store.mask('w')].map((keep) => 3 * keep));
  });
});
