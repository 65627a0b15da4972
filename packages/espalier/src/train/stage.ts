// A stage as its methods see it: the context through which they declare what they need, and later read the store that
// was made of it, keep small states and report numbers.
import type { Store } from '../engine/store.js';
import type { MethodState, StageContext, StepContext, TensorInfo } from '../methods/method.js';
import type { ModelConfig } from '../models/config.js';
import { familyOf } from '../models/families.js';
import type { Declarations } from './declarations.js';

export interface StageOptions {
  readonly config: ModelConfig;
  /** The model's own tensors; declared parameters join them. */
  readonly tensors: readonly TensorInfo[];
  /** Filled by the context. */
  readonly declarations: Declarations;
  readonly steps: number;
  readonly seed: number;
  /** The learning rate of each step. */
  readonly rateAt: (step: number) => number;
  readonly note: ((message: string) => void) | undefined;
  readonly warn: ((message: string) => void) | undefined;
}

export interface Stage {
  readonly context: StageContext;
  /** To be set once every method has declared what it needs. */
  store: Store | undefined;
  /** What methods report; to be set anew where that is to begin. */
  reported: Record<string, number>;
}

export function createStage({
  config,
  declarations,
  steps,
  seed,
  rateAt,
  note,
  warn,
  ...options
}: StageOptions): Stage {
  const tensors = [...options.tensors];
  const { encoderLinear, prunedLinear } = familyOf(config);
  const context: StageContext = {
    steps,
    seed,
    encoderLinear,
    prunedLinear,
    tensors,
    get store() {
      if (!stage.store)
        throw new Error('the store exists only after every method has declared what it needs');
      return stage.store;
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
    rateAt,
    note: (message) => note?.(message),
    warn: (message) => warn?.(message),
    report: (values) => Object.assign(stage.reported, values),
  };
  const stage: Stage = { context, store: undefined, reported: {} };
  return stage;
}

/** The context of one step. */
export const stepContext = (stage: StageContext, step: number): StepContext =>
  Object.defineProperties({ step } as StepContext, Object.getOwnPropertyDescriptors(stage)); // the store is a getter

const addAll = (set: Set<string>, names: readonly string[]): void => {
  for (const name of names) set.add(name);
};
