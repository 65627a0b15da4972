// Iterative magnitude pruning as a baseline of Adapting by Pruning (Gao, Colombo and Wang, 2021), which keeps the
// original weights whatever is pruned. Read as lottery tickets are drawn (Frankle and Carbin, 2019): train weights and
// head, prune the smallest trained magnitudes of all masked weights together, put the original values back; after
// the last round the weights rest at their original values and the head goes on. Each round prunes the same fraction of
// what is left. The head is not put back.
import { z } from 'zod';
import { stop } from '../graph/ops/index.js';
import { adapterScope, scopeOptions, scopeProvenance } from './adapter-scope.js';
import { globalMasks } from './adapt-baselines.js';
import type { Method, MethodState, StageContext } from './method.js';
import { magnitudes } from './ranking.js';

const options = z.strictObject({
  ...scopeOptions,
  rounds: z.int().positive().default(5).describe('times that weights are trained, pruned and put back'),
  end: z
    .number()
    .gt(0)
    .max(1)
    .default(0.7)
    .describe('where the last round ends and the head goes on alone, as a fraction of the stage'),
});

type Options = z.infer<typeof options>;

const TRAINING = 'training';
const RESTING = 'resting';

/** Steps done at which round `round` (from 1) ends. */
const roundEnd = (steps: number, { rounds, end }: Options, round: number): number =>
  Math.max(round, Math.round((end * steps * round) / rounds));

export const adaptIterative: Method<Options> = {
  name: 'adapt-iterative',
  title: 'A mask by iterative magnitude pruning with rewinding over resting weights, and a head',
  paper: 'Gao, Colombo and Wang 2021, arXiv 2105.03343 (baseline); Frankle and Carbin 2019, arXiv 1803.03635',
  options,
  provenance: { ...scopeProvenance, rounds: 'unconfirmed', end: 'ours' },
  create: (chosen) => {
    const { sparsity, rounds } = chosen;
    const scope = adapterScope(chosen);
    let body = new Set<string>();
    let original: ReadonlyMap<string, Float32Array> = new Map();
    let done: MethodState<number> = { value: 0 }; // rounds
    const rests = (): boolean => done.value === rounds;
    const putBack = ({ store }: StageContext): void => {
      for (const name of scope.body) {
        store.view(name, 'weight').set(original.get(name)!);
        store.view(name, 'm').fill(0);
        store.view(name, 'v').fill(0);
      }
      for (const name of scope.masked) store.applyMask(name);
    };
    return {
      zeros: 'kept',
      check: (model) => scope.check(model),
      prepare(model) {
        original = new Map([...model.tensors].map(([name, { data }]) => [name, data]));
        return scope.prepare(model);
      },
      declare(stage) {
        scope.declare(stage);
        body = new Set(scope.body);
        stage.mask(scope.masked);
        done = stage.state('adapt-iterative', 0);
      },
      begin: (stage) => scope.begin(stage),
      variants: [TRAINING, RESTING],
      variant: () => (rests() ? RESTING : TRAINING),
      build: ({ variant }) => ({
        weight: (node, name) => (variant === RESTING && body.has(name) ? stop(node) : node),
      }),
      update(_step, { name }, plan) {
        if (!body.has(name)) return scope.headPlan(plan);
        return rests() ? { ...plan, rate: 0 } : plan;
      },
      afterStep(step) {
        if (rests() || step.step + 1 < roundEnd(step.steps, chosen, done.value + 1)) return;
        done.value++;
        const now = 1 - (1 - sparsity) ** (done.value / rounds);
        const { store } = step;
        globalMasks(
          scope.masked.map((name) => magnitudes(store.view(name, 'weight'))),
          now,
          scope.masked.map((name) => store.mask(name)),
        );
        putBack(step);
        step.report({ sparsity: now, round: done.value });
      },
      onTarget: () => rests(),
      afterStage(stage) {
        if (rests()) return;
        stage.warn(
          `adapt-iterative: ${done.value} of ${rounds} rounds fit into ${stage.steps} steps; weights are put back, ` +
            'but the target is not reached. More steps or fewer "rounds" would reach it.',
        );
        putBack(stage);
      },
    };
  },
};
