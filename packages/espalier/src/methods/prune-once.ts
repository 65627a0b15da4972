// The pruning of Prune Once for All (Zafrir et al., 2021, as in its code): per-matrix magnitude masks along the cubic
// ramp, recomputed over dense originals that live on under the mask, with the learning rate rewound at each update.
// What is pruned gets no gradient but drifts by momentum and decay, so it can come back where survivors fell below it.
import { z } from 'zod';
import { zeroFraction } from '../engine/pattern.js';
import { rewindFactor } from '../train/schedules.js';
import { blockCheck, blockOption, columnsOf, patternMask } from './block-pattern.js';
import type { Method, StageContext } from './method.js';
import { prunableNames, sparsityOption, widePatternOption } from './prunable.js';
import { cubicSparsity } from './sparsity-schedule.js';

const fraction = (byDefault: number) => z.number().min(0).max(1).default(byDefault);

const options = z
  .strictObject({
    sparsity: sparsityOption.default(0.85),
    initial: z.number().min(0).lt(1).default(0).describe('sparsity at the start of the ramp'),
    start: fraction(0).describe('where the ramp begins, as a fraction of the stage'),
    end: fraction(0.5).describe('where the target is reached, as a fraction of the stage'),
    until: fraction(0.8).describe('where the pattern becomes fixed, as a fraction of the stage'),
    interval: z
      .number()
      .gt(0)
      .max(1)
      .default(0.01)
      .describe('between two mask updates, as a fraction of the stage'),
    rewind: z.boolean().default(true).describe('rewind the learning rate at each update of the ramp'),
    pattern: blockOption,
    names: widePatternOption,
  })
  .refine(({ sparsity, initial }) => initial <= sparsity, {
    error: 'expected at most the sparsity',
    path: ['initial'],
  })
  .refine(({ start, end }) => start <= end, { error: 'expected an end after the start', path: ['end'] })
  .refine(({ end, until }) => end <= until, {
    error: 'expected a last update after the end of the ramp',
    path: ['until'],
  });

export type PruneOnceOptions = z.infer<typeof options>;

/** The fractions of a stage as steps of it. */
const inSteps = ({ start, end, until, interval }: PruneOnceOptions, steps: number) => ({
  start: Math.round(start * steps),
  end: Math.round(end * steps),
  until: Math.max(1, Math.round(until * steps)),
  interval: Math.max(1, Math.round(interval * steps)),
});

export const pruneOnce: Method<PruneOnceOptions> = {
  name: 'prune-once',
  title: 'Prune Once for All: magnitude masks over dense originals, with learning-rate rewinding',
  paper: 'Zafrir et al. 2021, arXiv 2111.05754',
  options,
  provenance: {
    sparsity: 'paper',
    initial: 'code',
    start: 'code',
    end: 'code',
    until: 'code',
    interval: 'code',
    rewind: 'code',
    pattern: 'ours',
    names: 'code',
  },
  create: (chosen) => {
    const { sparsity, initial, rewind, pattern } = chosen;
    let prunable: readonly string[] = [];
    const measured = ({ store }: StageContext): number =>
      zeroFraction(prunable.map((name) => store.view(name, 'weight')));
    /** Masks for the sparsity that is due after `done` steps. */
    const update = (stage: StageContext, done: number): void => {
      const { store, steps } = stage;
      const { start, end } = inSteps(chosen, steps);
      const due = cubicSparsity(done, { initial, final: sparsity, start, end });
      for (const name of prunable) {
        const [weights, mask] = [store.view(name, 'dense'), store.mask(name)];
        patternMask(weights, columnsOf(stage, name), pattern, due, mask);
        store.applyMask(name);
      }
    };
    return {
      zeros: 'made',
      ...blockCheck(pattern, chosen.names, 'prunedLinear'),
      declare(stage) {
        prunable = prunableNames(stage, chosen.names, stage.prunedLinear);
        stage.regrow(prunable);
      },
      begin(stage) {
        if (inSteps(chosen, stage.steps).start === 0) update(stage, 0);
      },
      afterStep(step) {
        const { start, until, interval } = inSteps(chosen, step.steps);
        const done = step.step + 1;
        const due = done === until || (done - start) % interval === 0;
        if (done < start || done > until || !due) return;
        update(step, done);
        step.report({ sparsity: measured(step) });
      },
      onTarget: (done, steps) => done >= inSteps(chosen, steps).until,
      afterStage: (stage) => stage.report({ sparsity: measured(stage) }),
      ...(rewind && {
        rateFactor: (step, { steps, warmup }) => {
          const { start, end, interval } = inSteps(chosen, steps);
          return rewindFactor(step, { steps, warmup, start, end, interval });
        },
      }),
    };
  },
};
