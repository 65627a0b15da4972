// The gradients of a step: its micro-batches, each through the methods' `gradients` hooks down to a pass, and their sum
// in the store's `grad` slots.
import type { MethodHooks, Pass, StepContext } from '../methods/method.js';
import type { TrainingBatch } from './objective.js';
import type { Passes, StepClock } from './pass.js';

export interface GradientOptions {
  readonly methods: readonly MethodHooks[];
  readonly passes: Passes;
  readonly variant: string;
  /** Names of the tensors that are trained. */
  readonly trained: readonly string[];
}

export interface StepLoss {
  readonly loss: number;
  readonly terms: Readonly<Record<string, number>>;
}

export async function stepGradients(
  step: StepContext,
  batches: readonly TrainingBatch[],
  { methods, passes, variant, trained }: GradientOptions,
  clock: StepClock,
): Promise<StepLoss> {
  const { store } = step;
  const weightSum = batches.reduce((sum, { rowWeights }) => sum + rowWeights.reduce((a, b) => a + b, 0), 0);
  let count = 0;
  const innermost: Pass = async (part) => {
    const place = { step: step.step, pass: count++, variant, weightSum };
    const fetches = await passes.run(part as TrainingBatch, place, clock);
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

  const terms: Record<string, number> = {};
  let loss = 0;
  for (const [index, batch] of batches.entries()) {
    const result = await pass(batch);
    loss += result.loss;
    for (const [name, value] of Object.entries(result.terms ?? {})) terms[name] = (terms[name] ?? 0) + value;
    if (batches.length === 1) continue;
    const started = performance.now();
    for (const name of trained) {
      const [sum, part] = [store.view(name, 'accum'), store.view(name, 'grad')];
      if (index === 0) sum.set(part);
      else store.accumulate(sum, part);
      if (index === batches.length - 1) part.set(sum);
    }
    clock.pass += performance.now() - started;
  }
  return { loss, terms };
}
