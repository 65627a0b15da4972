// Magnitude pruning: one-shot, or gradual along the cubic ramp (Zhu & Gupta, 2017). Pruned weights stay pruned:
// the mask zeroes weight, gradient and moments after every update.
import { z } from 'zod';
import { blockCheck, blockOption, columnsOf, type Pattern, patternMask } from './block-pattern.js';
import type { Method, MethodHooks, StepContext } from './method.js';
import { patternOption, prunableNames, sparsityOption } from './prunable.js';
import { cubicSparsity } from './sparsity-schedule.js';

const options = z
  .strictObject({
    sparsity: sparsityOption.default(0.8),
    schedule: z
      .enum(['cubic', 'one-shot'])
      .default('cubic')
      .describe('gradual ramp, or everything at the first step'),
    start: z.number().min(0).max(1).default(0).describe('where the ramp begins, as a fraction of the stage'),
    end: z
      .number()
      .min(0)
      .max(1)
      .default(0.5)
      .describe('where the target is reached, as a fraction of the stage'),
    updates: z.int().positive().default(50).describe('mask updates along the ramp'),
    pattern: blockOption,
    names: patternOption,
  })
  .refine(({ schedule, start, end }) => schedule === 'one-shot' || start <= end, {
    error: 'expected an end after the start',
    path: ['end'],
  });

/**
 * Hooks of a method that recomputes monotone magnitude masks, per matrix, to the sparsity `due` gives for a step, if
 * any. `lastUpdate` is the number of steps done when the target is reached.
 */
export function magnitudeHooks(
  { names, pattern }: { readonly names?: string | undefined; readonly pattern: Pattern },
  lastUpdate: (steps: number) => number,
  due: (step: StepContext) => number | undefined,
): MethodHooks {
  let prunable: readonly string[] = [];
  return {
    zeros: 'made',
    ...blockCheck(pattern, names),
    declare(stage) {
      prunable = prunableNames(stage, names);
      stage.mask(prunable);
    },
    afterStep(step) {
      const sparsity = due(step);
      if (sparsity === undefined) return;
      for (const name of prunable) {
        const [weights, mask] = [step.store.view(name, 'weight'), step.store.mask(name)];
        patternMask(weights, columnsOf(step, name), pattern, sparsity, mask);
        step.store.applyMask(name);
      }
      step.report({ sparsity });
    },
    onTarget: (done, steps) => done >= lastUpdate(steps),
  };
}

export const magnitude: Method<z.infer<typeof options>> = {
  name: 'magnitude',
  title: 'Magnitude pruning, one-shot or gradual',
  paper: 'Zhu & Gupta 2017, arXiv 1710.01878 (cubic ramp)',
  options,
  provenance: {
    sparsity: 'ours',
    schedule: 'paper',
    start: 'ours',
    end: 'code',
    updates: 'code',
    pattern: 'ours',
    names: 'paper',
  },
  create: ({ sparsity, schedule, start, end, updates, ...which }) => {
    const lastUpdate = (steps: number): number =>
      schedule === 'one-shot' ? 1 : Math.max(1, Math.round(end * steps));
    return magnitudeHooks(which, lastUpdate, ({ step, steps }) => {
      if (schedule === 'one-shot') return step === 0 ? sparsity : undefined;
      const ramp = { initial: 0, final: sparsity, start: Math.round(start * steps), end: lastUpdate(steps) };
      const interval = Math.max(1, Math.floor((ramp.end - ramp.start) / updates));
      const now = step + 1;
      const isUpdate = (now - ramp.start) % interval === 0 || now === ramp.end;
      return now >= ramp.start && now <= ramp.end && isUpdate ? cubicSparsity(now, ramp) : undefined;
    });
  },
};
