// One training stage over one parameter store: graphs and sessions by bucket and variant, the step (feeds, passes,
// clip, fused update, hooks), and the state that makes a resumed run equal an unbroken one.
import { BUCKET_MULTIPLE } from '../data/batches.js';
import type { Device } from '../engine/devices.js';
import { createSession } from '../engine/session.js';
import { availableMemory, checkMemory } from '../engine/memory.js';
import { estimateBytes, planStore, type Slot, type TensorSpec } from '../engine/plan.js';
import { createStore, type Store } from '../engine/store.js';
import { EspalierError } from '../errors.js';
import type {
  MethodHooks,
  MethodState,
  Pass,
  PassBatch,
  StageContext,
  StepContext,
  TensorInfo,
} from '../methods/method.js';
import type { BucketShape } from '../models/builder.js';
import { formatBytes } from '../report/format.js';
import { familyOf } from '../models/families.js';
import type { Model } from '../models/model.js';
import { boundArrays, type Compiled, idsArea, rowScratch } from './bindings.js';
import { createDeclarations, type Declarations } from './declarations.js';
import { fillRandoms, randomScratch } from './randoms.js';
import { buildGraph, type GraphRequest } from './graph.js';
import type { Objective, TrainingBatch } from './objective.js';
import type { TrainingSettings } from './settings.js';
import type { ForwardSource } from './forward.js';
import type { TeacherSource } from './teacher.js';
import { applyUpdate, clipFactor, planUpdate, stageRate } from './updates.js';

export interface TrainerOptions {
  readonly model: Model;
  readonly objective: Objective;
  readonly methods: readonly MethodHooks[];
  readonly settings: TrainingSettings;
  readonly steps: number;
  readonly seed: number;
  readonly threads: number;
  readonly device: Device;
  readonly teacher?: TeacherSource | undefined;
  readonly note?: ((message: string) => void) | undefined;
}

export interface StepResult {
  /** 1-based number of the step just done. */
  readonly step: number;
  readonly loss: number;
  readonly terms: Readonly<Record<string, number>>;
  readonly gradNorm: number;
  readonly rate: number;
  /** Values methods reported at this step. */
  readonly reported: Readonly<Record<string, number>>;
  /** Milliseconds in sessions, in the fused pass (scatter, norm, update), and in all. */
  readonly milliseconds: { readonly session: number; readonly pass: number; readonly total: number };
}

/** Everything that changes over a stage. Arrays are live views: copy or write them before the next step. */
export interface TrainerState {
  readonly step: number;
  readonly slots: readonly {
    readonly name: string;
    readonly slot: Slot;
    readonly data: Float32Array | Uint8Array;
  }[];
  readonly carries: ReadonlyMap<string, Float32Array>;
  readonly states: Readonly<Record<string, unknown>>;
}

export interface Trainer {
  readonly stage: StageContext;
  readonly declarations: Declarations;
  /** Steps done so far. */
  readonly done: number;
  /** Bytes of the parameter store. */
  readonly storeBytes: number;
  step(): Promise<StepResult>;
  /** Runs the methods' `afterStage` hooks; returns what they reported. */
  finishStage(): Promise<Readonly<Record<string, number>>>;
  state(): TrainerState;
  restore(state: TrainerState): void;
  /** Present weights by name: live views. */
  weight(name: string): Float32Array;
  /** The forward pass as the methods want it seen, over the present weights. */
  readonly forward: ForwardSource;
  /** The model with its present weights, copied. */
  snapshot(): Model;
  release(): Promise<void>;
}

/** Slots that hold state between steps; the others are scratch. */
const STATE_SLOTS: readonly Slot[] = ['weight', 'dense', 'm', 'v', 'factor', 'mask'];

export function createTrainer(options: TrainerOptions): Trainer {
  const { objective, methods, settings, steps, seed, threads, device, teacher } = options;
  // Scales of the model that comes in do not hold for the one that goes out.
  let model: Model = { ...options.model, quantisation: undefined };
  const declarations = createDeclarations();
  const variants = [...new Set(methods.flatMap((method) => method.variants ?? []))];
  if (variants.length === 0) variants.push('');
  const request = (bucket: BucketShape, variant: string, hooks = methods): GraphRequest => ({
    model,
    objective,
    methods: hooks,
    declarations,
    bucket,
    variant,
    training: true,
    teacherShape: teacher && ((name, of) => teacher.shape(name, of)),
  });

  const memory: { store?: Store } = {}; // filled once every method has declared what it needs
  let reported: Record<string, number> = {};
  const tensors: TensorInfo[] = buildGraph(request(objective.largestBucket, variants[0]!, [])).weights.map(
    (name) => ({ name, shape: model.tensors.get(name)!.shape, group: 'model' }),
  );
  const { encoderLinear, prunedLinear } = familyOf(model.config);
  const stage: StageContext = {
    steps,
    seed,
    encoderLinear,
    prunedLinear,
    tensors,
    get store() {
      if (!memory.store)
        throw new Error('the store exists only after every method has declared what it needs');
      return memory.store;
    },
    mask: (names) => addAll(declarations.masks, names),
    regrow: (names) => {
      addAll(declarations.masks, names);
      addAll(declarations.regrown, names);
    },
    factor: (names) => addAll(declarations.factors, names),
    freeze: (names) => addAll(declarations.frozen, names),
    parameter: (name, shape, init, group) => {
      declarations.parameters.set(name, { name, shape, init, group });
      tensors.push({ name, shape, group });
    },
    state: <T>(name: string, init: T): MethodState<T> => {
      const known = declarations.states.get(name) ?? { value: init };
      declarations.states.set(name, known);
      return known as MethodState<T>;
    },
    carry: (name) => {
      const declared = declarations.carries.get(name);
      if (!declared) throw new Error(`no graph carries "${name}"`);
      return declared.value;
    },
    rateAt: stageRate(settings, steps, methods),
    note: (message) => options.note?.(message),
    report: (values) => Object.assign(reported, values),
  };
  const at = (step: number): StepContext =>
    Object.defineProperties({ step } as StepContext, Object.getOwnPropertyDescriptors(stage));

  for (const method of methods) method.declare?.(stage);
  const largest = variants.map((variant) => buildGraph(request(objective.largestBucket, variant)));
  const trainable = tensors.filter(({ name }) => !declarations.frozen.has(name));
  const trainableNames = trainable.map(({ name }) => name);
  const maskedNames = trainableNames.filter((name) => declarations.masks.has(name));
  const first = at(0);
  const plan = planStore(
    tensors.map((tensor): TensorSpec => {
      const slots: Slot[] = ['weight'];
      if (!declarations.frozen.has(tensor.name)) {
        const { rule, momentum } = planUpdate(first, tensor, settings, methods);
        slots.push('grad');
        if (declarations.regrown.has(tensor.name)) slots.push('dense');
        if (rule === 'adamw' || momentum > 0) slots.push('m');
        if (rule === 'adamw') slots.push('v');
        if (objective.microBatches > 1) slots.push('accum');
      }
      if (declarations.masks.has(tensor.name)) slots.push('mask');
      if (declarations.factors.has(tensor.name)) slots.push('factor');
      return { name: tensor.name, shape: tensor.shape, slots };
    }),
    { scratch: [...randomScratch(largest), ...rowScratch(largest)] },
  );
  const activations = largest.map(({ activationFloats }) => activationFloats * 4); // bytes by variant
  const bytes = estimateBytes(plan) + Math.max(...activations);
  const available = availableMemory();
  options.note?.(`memory: about ${formatBytes(bytes)} for this stage, ${formatBytes(available)} available`);
  checkMemory(bytes, available);
  const live = createStore(plan);
  memory.store = live;
  for (const { name } of tensors) {
    const init = declarations.parameters.get(name)?.init() ?? model.tensors.get(name)!.data;
    live.view(name, 'weight').set(init);
    if (live.has(name, 'dense')) live.view(name, 'dense').set(init);
  }
  // From here on the weights are the store's alone: a caller that lets its model go frees the memory.
  model = {
    ...model,
    tensors: new Map(
      [...model.tensors].map(([name, tensor]) => [
        name,
        live.has(name, 'weight') ? { ...tensor, data: live.view(name, 'weight') } : tensor,
      ]),
    ),
  };

  for (const method of methods) method.begin?.(stage);

  // With an arena a session keeps its activations between steps; without one they are paged in anew at every step,
  // a twentieth of a BERT-base step or more. Each bucket has its own, so it is for those who can hold them all.
  const buckets = Math.ceil(objective.largestBucket.length / BUCKET_MULTIPLE);
  const held = (activations.reduce((sum, bytes) => sum + bytes, 0) * (buckets + 1)) / 2;
  const arena = estimateBytes(plan) + held < available / 2;
  const compiled = new Map<string, Compiled>();
  async function compile(bucket: BucketShape, variant: string): Promise<Compiled> {
    const key = `${variant}:${bucket.rows}x${bucket.length}`;
    const known = compiled.get(key);
    if (known) return known;
    const graph = buildGraph(request(bucket, variant));
    const session = await createSession(graph.outputs, { threads, device, arena });
    const made = { graph, session, ...boundArrays(graph, session, live, declarations, teacher) };
    compiled.set(key, made);
    return made;
  }

  let done = 0;
  /** Tensors whose gradient slot may hold something although no session overwrites it. */
  const dirty = new Set<string>();
  let milliseconds = { session: 0, pass: 0 };

  /** One forward and backward pass of a micro-batch; `pass` numbers the calls within the step. */
  async function run(
    batch: TrainingBatch,
    variant: string,
    weightSum: number,
    pass: number,
  ): Promise<Map<string, Float32Array>> {
    const { graph, session, feeds, fetches, randoms, teacherOutputs } = await compile(batch.bucket, variant);
    for (const [name, array] of batch.feeds) if (session.inputs.has(name)) feeds.set(name, array);
    if (session.inputs.has('row_scale'))
      feeds.set(
        'row_scale',
        batch.rowWeights.map((weight) => weight / weightSum),
      );
    for (const { name, value } of declarations.feeds.values()) {
      (feeds.get(`feed:${name}`) as Float32Array | undefined)?.set(value(done));
    }
    for (const { name, value } of declarations.carries.values()) {
      if (session.inputs.has(`carry:${name}`)) feeds.set(`carry:${name}`, value);
    }
    fillRandoms(live, graph.randoms, randoms, { seed, step: done, pass });
    let started = performance.now();
    if (teacherOutputs.size > 0) await teacher!.fill(batch, teacherOutputs);
    await session.run(feeds, fetches);
    milliseconds.session += performance.now() - started;

    started = performance.now();
    const dense = new Set(graph.denseGradients);
    for (const name of trainableNames) {
      if (dense.has(name)) dirty.add(name);
      else if (dirty.delete(name)) live.zeroGrad([name]);
    }
    for (const { tensor, idsInput, rowsOutput } of graph.rowScatters) {
      dirty.add(tensor);
      const source = batch.feeds.get(idsInput) as Int32Array;
      const ids = live.ints(idsArea(tensor), source.length);
      ids.set(source);
      live.scatterRows(tensor, ids, fetches.get(rowsOutput)!);
    }
    milliseconds.pass += performance.now() - started;
    for (const name of graph.carries) declarations.carries.get(name)!.value.set(fetches.get(`next:${name}`)!);
    return fetches;
  }

  async function gradients(
    step: StepContext,
    batches: readonly TrainingBatch[],
    variant: string,
  ): Promise<{ loss: number; terms: Record<string, number> }> {
    const weightSum = batches.reduce((sum, { rowWeights }) => sum + rowWeights.reduce((a, b) => a + b, 0), 0);
    const terms: Record<string, number> = {};
    let loss = 0;
    let passes = 0;
    for (const [index, batch] of batches.entries()) {
      const innermost: Pass = async (part: PassBatch) => {
        const fetches = await run(part as TrainingBatch, variant, weightSum, passes++);
        const found = [...fetches].filter(([name]) => name.startsWith('term:'));
        return {
          loss: fetches.get('loss')![0]!,
          terms: Object.fromEntries(found.map(([name, value]) => [name.slice(5), value[0]!])),
        };
      };
      const pass = methods.reduce<Pass>(
        (inner, method) => (method.gradients ? (part) => method.gradients!(step, part, inner) : inner),
        innermost,
      );
      const result = await pass(batch);
      loss += result.loss;
      for (const [name, value] of Object.entries(result.terms ?? {}))
        terms[name] = (terms[name] ?? 0) + value;
      if (batches.length === 1) continue;
      const started = performance.now();
      for (const name of trainableNames) {
        const [sum, part] = [live.view(name, 'accum'), live.view(name, 'grad')];
        if (index === 0) sum.set(part);
        else live.accumulate(sum, part);
        if (index === batches.length - 1) part.set(sum);
      }
      milliseconds.pass += performance.now() - started;
    }
    return { loss, terms };
  }

  return {
    stage,
    declarations,
    storeBytes: estimateBytes(plan),
    get done() {
      return done;
    },
    async step() {
      const begun = performance.now();
      milliseconds = { session: 0, pass: 0 };
      reported = {};
      const step = at(done);
      const variant = methods.reduce((seen, method) => method.variant?.(done) ?? seen, variants[0]!);
      const { loss, terms } = await gradients(step, objective.batches(done), variant);
      const started = performance.now();
      live.maskGradient(maskedNames); // before the norm: a product with the mask would give no gradient either
      const norm = live.norm(trainableNames);
      const factor = clipFactor(norm, settings.clip);
      if (!Number.isFinite(loss) || !Number.isFinite(norm)) {
        throw new EspalierError(
          `training diverged at step ${done + 1}: loss ${loss}, gradient norm ${norm} at learning rate ` +
            `${step.rateAt(done).toPrecision(3)}; try a lower --lr or more --warmup`,
        );
      }
      for (const tensor of trainable) {
        applyUpdate(live, tensor, planUpdate(step, tensor, settings, methods), settings, done + 1, factor);
        dirty.delete(tensor.name);
      }
      milliseconds.pass += performance.now() - started;
      for (const method of methods) await method.afterStep?.(step);
      done++;
      return {
        step: done,
        loss,
        terms,
        gradNorm: norm,
        rate: step.rateAt(done - 1),
        reported,
        milliseconds: { ...milliseconds, total: performance.now() - begun },
      };
    },
    async finishStage() {
      reported = {};
      for (const method of methods) await method.afterStage?.(stage);
      return reported;
    },
    state: () => ({
      step: done,
      slots: tensors.flatMap(({ name }) =>
        STATE_SLOTS.filter((slot) => live.has(name, slot)).map((slot) => ({
          name,
          slot,
          data: slot === 'mask' ? live.mask(name) : live.view(name, slot),
        })),
      ),
      carries: new Map([...declarations.carries.values()].map(({ name, value }) => [name, value])),
      states: Object.fromEntries([...declarations.states].map(([name, { value }]) => [name, value])),
    }),
    restore(state) {
      for (const { name, slot, data } of state.slots) {
        if (slot === 'mask') live.mask(name).set(data);
        else live.view(name, slot).set(data);
      }
      for (const [name, value] of state.carries) declarations.carries.get(name)?.value.set(value);
      for (const [name, value] of Object.entries(state.states)) stage.state(name, value).value = value;
      done = state.step;
    },
    weight: (name) => live.view(name, 'weight'),
    forward: {
      outputs: (bucket) => buildGraph({ ...request(bucket, variants[0]!), training: false }).outputs,
      feed(input) {
        const [kind, name] = [input.slice(0, input.indexOf(':')), input.slice(input.indexOf(':') + 1)];
        if (kind === 'weight') return live.view(name, 'weight');
        if (kind === 'carry') return declarations.carries.get(name)!.value;
        return Float32Array.from(declarations.feeds.get(name)!.value(Math.max(0, done - 1)));
      },
    },
    snapshot: () => ({
      ...model,
      tensors: new Map(
        [...model.tensors].map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() }]),
      ),
    }),
    async release() {
      for (const { session } of compiled.values()) await session.release();
      compiled.clear();
    },
  };
}

const addAll = (set: Set<string>, names: readonly string[]): void => {
  for (const name of names) set.add(name);
};
