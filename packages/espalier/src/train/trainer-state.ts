// Everything that changes over a stage, taken from a trainer and put back: what a resumed run needs to equal an unbroken
// one. checkpoints.ts writes it to disk.
import type { Slot } from '../engine/plan.js';
import type { StageContext } from '../methods/method.js';
import type { Declarations } from './declarations.js';

/** Arrays are live views: copy or write them before the next step. */
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

/** Slots that hold state between steps; the others are scratch. */
export const STATE_SLOTS = ['weight', 'dense', 'm', 'v', 'factor', 'mask'] as const;

/** The state after `step` steps. */
export function takeState(
  step: number,
  { tensors, store }: StageContext,
  { carries, states }: Declarations,
): TrainerState {
  return {
    step,
    slots: tensors.flatMap(({ name }) =>
      STATE_SLOTS.filter((slot) => store.has(name, slot)).map((slot) => ({
        name,
        slot,
        data: slot === 'mask' ? store.mask(name) : store.view(name, slot),
      })),
    ),
    carries: new Map([...carries.values()].map(({ name, value }) => [name, value])),
    states: Object.fromEntries([...states].map(([name, { value }]) => [name, value])),
  };
}

export function restoreState(
  { slots, carries, states }: TrainerState,
  stage: StageContext,
  declarations: Declarations,
): void {
  for (const { name, slot, data } of slots) {
    if (slot === 'mask') stage.store.mask(name).set(data);
    else stage.store.view(name, slot).set(data);
  }
  for (const [name, value] of carries) declarations.carries.get(name)?.value.set(value);
  for (const [name, value] of Object.entries(states)) stage.state(name, value).value = value;
}
