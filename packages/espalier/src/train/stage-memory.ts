// The memory of a stage: which slots every tensor needs, the check that the machine has room for them and for the
// activations, and the store with its first values.
import { BUCKET_MULTIPLE } from '../data/batches.js';
import { availableMemory, checkMemory } from '../engine/memory.js';
import { estimateBytes, planStore, type Slot, type TensorSpec } from '../engine/plan.js';
import { createStore, type Store } from '../engine/store.js';
import type { TensorInfo, UpdatePlan } from '../methods/method.js';
import type { Model } from '../models/model.js';
import { formatBytes } from '../report/format.js';
import { rowScratch } from './bindings.js';
import type { Declarations } from './declarations.js';
import type { BuiltGraph } from './graph.js';
import { randomScratch } from './randoms.js';

/** A tensor and its slots. `plan` says how it is updated, and is not asked where it is frozen. */
export function tensorSpec(
  { name, shape }: TensorInfo,
  { frozen, regrown, masks, factors }: Declarations,
  plan: () => UpdatePlan,
  accumulates: boolean,
): TensorSpec {
  const slots: Slot[] = ['weight'];
  if (!frozen.has(name)) {
    const { rule, momentum } = plan();
    slots.push('grad');
    if (regrown.has(name)) slots.push('dense');
    if (rule === 'adamw' || momentum > 0) slots.push('m');
    if (rule === 'adamw') slots.push('v');
    if (accumulates) slots.push('accum');
  }
  if (masks.has(name)) slots.push('mask');
  if (factors.has(name)) slots.push('factor');
  return { name, shape, slots };
}

export interface StageMemory {
  readonly store: Store;
  /** Whether there is room for sessions that keep their activations between steps. */
  readonly arena: boolean;
}

/**
 * Allocates the store. `largest` are the graphs of the largest bucket, one per variant. Throws EspalierError where
 * they need more than the machine has left.
 */
export function allocateStage(
  specs: readonly TensorSpec[],
  largest: readonly BuiltGraph[],
  note: ((message: string) => void) | undefined,
): StageMemory {
  const plan = planStore(specs, { scratch: [...randomScratch(largest), ...rowScratch(largest)] });
  const activations = largest.map(({ activationFloats }) => activationFloats * 4); // bytes by variant
  const bytes = estimateBytes(plan) + Math.max(...activations);
  const available = availableMemory();
  note?.(`memory: about ${formatBytes(bytes)} for this stage, ${formatBytes(available)} available`);
  checkMemory(bytes, available);
  // With an arena a session keeps its activations between steps; without one they are paged in anew at every step,
  // a twentieth of a BERT-base step or more. Each bucket has its own, so it is for those who can hold them all.
  const buckets = Math.ceil(largest[0]!.bucket.length / BUCKET_MULTIPLE);
  const held = (activations.reduce((sum, bytes) => sum + bytes, 0) * (buckets + 1)) / 2;
  return { store: createStore(plan), arena: estimateBytes(plan) + held < available / 2 };
}

/** Fills weights, and the originals under masks, with what declared parameters begin as and the model has. */
export function fillStore(
  store: Store,
  tensors: readonly TensorInfo[],
  { parameters }: Declarations,
  model: Model,
): void {
  for (const { name } of tensors) {
    const init = parameters.get(name)?.init() ?? model.tensors.get(name)!.data;
    store.view(name, 'weight').set(init);
    if (store.has(name, 'dense')) store.view(name, 'dense').set(init);
  }
}

/** The model with its stored tensors as views of the store. */
export const modelOver = (store: Store, model: Model): Model => ({
  ...model,
  tensors: new Map(
    [...model.tensors].map(([name, tensor]) => [
      name,
      store.has(name, 'weight') ? { ...tensor, data: store.view(name, 'weight') } : tensor,
    ]),
  ),
});
