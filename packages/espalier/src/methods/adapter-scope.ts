// What Adapting by Pruning (Gao, Colombo and Wang, 2021, arXiv 2105.03343) and its baselines share: the weights of
// embeddings and encoder rest, some of them are masked, and a small head is trained beside them.
import { z } from 'zod';
import { UsageError } from '../errors.js';
import type { Model } from '../models/model.js';
import { bodyNames } from '../models/adapter.js';
import { emptyLayerMix } from '../models/layer-mix.js';
import { answersSpans } from '../models/task-model.js';
import { random } from '../random.js';
import type { MethodHooks, Provenance, StageContext, StepContext, UpdatePlan } from './method.js';
import { compilePattern, sparsityOption } from './prunable.js';

export const scopeOptions = {
  sparsity: sparsityOption.default(0.5),
  head: z
    .enum(['mix', 'stock'])
    .default('mix')
    .describe(
      "a weighted average of the blocks' outputs, a ReLU layer and an output, or the family's own head",
    ),
  headRule: z.enum(['adamw', 'sgd']).default('adamw').describe('optimiser of the head'),
  beta: z.number().positive().default(1e-3).describe("peak rate of the head; follows the stage's schedule"),
  biases: z.boolean().default(false).describe('mask biases and LayerNorm too'),
  names: z
    .string()
    .optional()
    .describe('regular expression over parameter names; default: every matrix of embeddings and encoder'),
};

export const scopeProvenance: Readonly<Record<keyof typeof scopeOptions, Provenance>> = {
  sparsity: 'ours',
  head: 'paper',
  headRule: 'ours',
  beta: 'ours',
  biases: 'ours',
  names: 'paper',
};

/** The shared options alone, of a method's options. */
export const scopeSchema = z.object(scopeOptions);

export type ScopeOptions = z.infer<typeof scopeSchema>;

/** Names of the tensors that are masked, of those of the body. Throws UsageError when there is none. */
export function maskedNames(
  tensors: Iterable<{ readonly name: string; readonly shape: readonly number[] }>,
  { biases, names }: Pick<ScopeOptions, 'biases' | 'names'>,
): string[] {
  const pattern = compilePattern(names ?? '');
  const found = [...tensors]
    .filter(
      ({ name, shape }) => pattern.test(name) && (biases || (shape.length > 1 && !name.endsWith('bias'))),
    )
    .map(({ name }) => name);
  if (found.length > 0) return found;
  throw new UsageError(
    `no tensor of embeddings and encoder matches ${pattern}; "espalier inspect" lists the names`,
  );
}

export interface AdapterScope {
  /** Throws UsageError where the model has nothing to mask, or cannot have the head. */
  check(model: Model): void;
  /** The model with the head that is trained; remembers which tensors are the body. */
  prepare(model: Model): Model;
  /** To be called in `declare`: what is masked becomes known. */
  declare(stage: StageContext): void;
  /** To be called in `begin`: a new head gets its first weights. */
  begin(stage: StageContext): void;
  /** Names of the body's tensors that the graph reads, and of those of them that are masked. */
  readonly body: readonly string[];
  readonly masked: readonly string[];
  /** The plan with the rate that has this peak and the stage's schedule. */
  atPeak(plan: UpdatePlan, peak: number): UpdatePlan;
  /** The plan of a tensor of the head. */
  headPlan(plan: UpdatePlan): UpdatePlan;
}

export function adapterScope({ head, headRule, beta, biases, names }: ScopeOptions): AdapterScope {
  let inBody = new Set<string>();
  let deviation = 0;
  let stagePeak = 0;
  const atPeak = (plan: UpdatePlan, peak: number): UpdatePlan => ({
    ...plan,
    rate: stagePeak > 0 ? (peak * plan.rate) / stagePeak : 0,
  });
  const found: { body: readonly string[]; masked: readonly string[] } = { body: [], masked: [] };
  return {
    check(model) {
      const body = bodyNames(model.config).map((name) => ({ name, shape: model.tensors.get(name)!.shape }));
      maskedNames(body, { biases, names });
      if (head === 'stock' || !answersSpans(model)) return;
      throw new UsageError(
        'head: expected stock, found mix, which reads one token and gives no answer spans; add --set head=stock',
      );
    },
    prepare(model) {
      const { config } = model;
      inBody = new Set(bodyNames(config));
      deviation = config.initializer_range;
      if (head === 'stock') return model;
      const body = [...model.tensors].filter(([name]) => inBody.has(name));
      return { ...model, tensors: new Map([...body, ...emptyLayerMix(config)]) };
    },
    declare(stage) {
      stagePeak = peakRate(stage);
      const body = stage.tensors.filter(({ name, group }) => group === 'model' && inBody.has(name));
      found.body = body.map(({ name }) => name);
      found.masked = maskedNames(body, { biases, names });
    },
    begin({ seed, store, tensors }) {
      if (head === 'stock') return;
      for (const { name, group, shape } of tensors) {
        if (group !== 'model' || inBody.has(name) || !name.endsWith('.weight') || shape.length < 2) continue;
        const generator = random(seed, 'init', name);
        const weights = store.view(name, 'weight');
        for (let i = 0; i < weights.length; i++) weights[i] = generator.normal() * deviation;
      }
    },
    get body() {
      return found.body;
    },
    get masked() {
      return found.masked;
    },
    atPeak,
    headPlan: (plan) => ({ ...atPeak(plan, beta), rule: headRule }),
  };
}

/** The highest rate of a stage: what its schedule's factors are factors of. */
function peakRate(stage: StageContext): number {
  let peak = 0;
  for (let step = 0; step < stage.steps; step++) peak = Math.max(peak, stage.rateAt(step));
  return peak;
}

/** Hooks of a method that masks the resting weights of the body once, before training, and trains the head. */
export function maskedOnce(
  options: ScopeOptions,
  mask: (stage: StageContext, names: readonly string[]) => void,
): MethodHooks {
  const scope = adapterScope(options);
  return {
    zeros: 'kept',
    check: (model) => scope.check(model),
    prepare: (model) => scope.prepare(model),
    declare(stage) {
      scope.declare(stage);
      stage.freeze(scope.body);
    },
    begin(stage) {
      scope.begin(stage);
      mask(stage, scope.masked);
    },
    update: (_step: StepContext, _tensor, plan) => scope.headPlan(plan),
  };
}
