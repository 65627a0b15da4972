// New Iterative Pruning, the baseline of Reweighted Proximal Pruning (Guo et al., 2019): magnitude pruning in equal
// increments without a regulariser, trained on between increments, then at the final ratio.
import { z } from 'zod';
import { blockOption } from './block-pattern.js';
import { magnitudeHooks } from './magnitude.js';
import type { Method } from './method.js';
import { patternOption, sparsityOption } from './prunable.js';
import { steppedSparsity } from './sparsity-schedule.js';

const options = z
  .strictObject({
    sparsity: sparsityOption.default(0.8),
    increments: z.int().positive().default(10).describe('equal rises of the prune ratio'),
    initial: z.number().min(0).lt(1).default(0).describe('prune ratio before the first rise'),
    end: z
      .number()
      .gt(0)
      .max(1)
      .default(0.5)
      .describe('where the last rise happens, as a fraction of the stage'),
    pattern: blockOption,
    names: patternOption,
  })
  .refine(({ sparsity, initial }) => initial <= sparsity, {
    error: 'expected at most the sparsity',
    path: ['initial'],
  });

export const nip: Method<z.infer<typeof options>> = {
  name: 'nip',
  title: 'New Iterative Pruning: magnitude in equal steps, ranked per matrix',
  paper: 'Guo et al. 2019, arXiv 1909.12486 (baseline)',
  options,
  provenance: {
    sparsity: 'ours',
    increments: 'unconfirmed',
    initial: 'unconfirmed',
    end: 'unconfirmed',
    pattern: 'ours',
    names: 'paper',
  },
  create: ({ sparsity, increments, initial, end, ...which }) => {
    const lastUpdate = (steps: number): number => Math.max(1, Math.round(end * steps));
    return magnitudeHooks(which, lastUpdate, ({ step, steps }) => {
      const ramp = { initial, final: sparsity, start: 0, end: lastUpdate(steps) };
      const before = step === 0 ? 0 : steppedSparsity(step, ramp, increments);
      const now = steppedSparsity(step + 1, ramp, increments);
      return now > before ? now : undefined;
    });
  },
};
