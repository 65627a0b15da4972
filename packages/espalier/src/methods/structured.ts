// Structured pruning: whole attention heads and feed-forward neurons go, by magnitude or by gradient, in rounds with
// training between them, and at the end the tensors are cut (methods.md C.8; scores and their normalisation by layer
// as in Michel, Levy and Neubig, 2019, "Are Sixteen Heads Really Better than One?").
import { z } from 'zod';
import type { Store } from '../engine/store.js';
import { UsageError } from '../errors.js';
import type { Blocks } from '../models/blocks.js';
import { FAMILIES, familyOf } from '../models/families.js';
import type { Family } from '../models/encoder.js';
import {
  eachStretch,
  GROUP_KINDS,
  type GroupKind,
  type Groups,
  groupsOf,
  keepGroups,
} from '../models/groups.js';
import type { Model } from '../models/model.js';
import { withStructure } from '../models/structure.js';
import { gradientScores, magnitudeScores, normalised, weakest } from './group-scores.js';
import type { Method, MethodHooks, MethodState, StageContext, StepContext } from './method.js';
import { goneAfter, REMOVAL_SCHEDULES, removalSteps } from './removal-schedule.js';
import { removalTargets, type Target } from './removal-targets.js';

const fraction = z.number().min(0).max(1);
const kept = z.int().min(0).default(1);

const options = z
  .strictObject({
    sparsity: z
      .number()
      .gt(0)
      .lt(1)
      .default(0.25)
      .describe('fraction of the heads and of the neurons that go'),
    heads: fraction.optional().describe('of the heads, where it is another; 0 leaves them alone'),
    neurons: fraction.optional().describe('of the feed-forward neurons, where it is another'),
    score: z
      .enum(['magnitude', 'gradient'])
      .default('magnitude')
      .describe('mean square of the weights, or first-order effect on the loss of each example'),
    ranking: z
      .enum(['global', 'layer'])
      .default('global')
      .describe('over all blocks, scores normalised by block; or the same fraction of every block'),
    schedule: z.enum(REMOVAL_SCHEDULES).default('cubic').describe('how many go in each round'),
    rounds: z.int().positive().default(4).describe('removals, with training after each; one-shot has one'),
    start: fraction.default(0).describe('where the first round begins, as a fraction of the stage'),
    end: fraction.default(1).describe('where the last round ends, as a fraction of the stage'),
    scoreSteps: z
      .int()
      .positive()
      .default(4)
      .describe('steps before a removal whose examples are scored; only for the gradient'),
    minimumHeads: kept.describe('heads that every block keeps'),
    minimumNeurons: kept.describe('neurons that every block keeps'),
  })
  .refine(({ start, end }) => start <= end, { error: 'expected an end after the start', path: ['end'] });

type Options = z.infer<typeof options>;

/** By kind and block. */
type ByKind<T> = Readonly<Record<GroupKind, readonly T[]>>;

/** The blocks whose heads and neurons can go. Throws UsageError for a family whose blocks are others. */
export function removableBlocks({ name, blocks }: Pick<Family, 'name' | 'blocks'>): Blocks {
  if (blocks) return blocks;
  const able = FAMILIES.filter((family) => family.blocks).map((family) => family.name);
  throw new UsageError(
    `method "structured": the family forbids it: heads and neurons of a model of family "${name}" cannot be removed; ` +
      `expected one of: ${able.join(', ')}`,
  );
}

/** Sums of gradient scores over the examples since the last removal. */
type Sums = ByKind<readonly number[]>;

function structuredHooks(chosen: Options): MethodHooks {
  let groups: ByKind<Groups> = { heads: [], neurons: [] };
  let goals: ByKind<Target> = { heads: [], neurons: [] };
  const byKind = <T>(of: (kind: GroupKind) => T): Record<GroupKind, T> => ({
    heads: of('heads'),
    neurons: of('neurons'),
  });
  const minimum = { heads: chosen.minimumHeads, neurons: chosen.minimumNeurons };
  const first = chosen.score === 'gradient' ? chosen.scoreSteps : 1;
  const removals = (steps: number): number[] => removalSteps(steps, Math.min(first, steps), chosen);

  /** What there is, and how much of it goes. Throws UsageError where it cannot. */
  function plan({ config }: Model): { groups: ByKind<Groups>; goals: ByKind<Target> } {
    const there = groupsOf(removableBlocks(familyOf(config)), config);
    const goals = byKind((kind) => {
      const options = {
        fraction: chosen[kind] ?? chosen.sparsity,
        minimum: minimum[kind],
        ranking: chosen.ranking,
      };
      return removalTargets(
        kind,
        there[kind].map(({ count }) => count),
        options,
      );
    });
    return { groups: there, goals };
  }

  /** Groups that are gone, by kind and block. */
  const removed = (stage: StageContext): MethodState<ByKind<readonly number[]>> =>
    stage.state(
      'structured.removed',
      byKind((kind) => groups[kind].map((): number[] => [])),
    );
  const nothing = (): Sums =>
    byKind((kind) => groups[kind].map(({ count }) => new Array<number>(count).fill(0)));
  const sums = (stage: StageContext): MethodState<Sums> => stage.state('structured.scores', nothing());

  const scoresOf = (stage: StageContext, kind: GroupKind): Float64Array[] =>
    groups[kind].map((of, block) =>
      normalised(
        chosen.score === 'gradient'
          ? Float64Array.from(sums(stage).value[kind][block]!)
          : magnitudeScores(of, (name) => stage.store.view(name, 'weight')),
      ),
    );

  /** Masks the groups that are due after removal `round`. */
  function remove(step: StepContext, round: number): void {
    const state = removed(step);
    state.value = byKind((kind) => {
      const gone = state.value[kind].map((of) => new Set(of));
      const scores = scoresOf(step, kind);
      for (const { blocks, count } of goals[kind]) {
        const of = <T>(all: readonly T[]): T[] => blocks.map((block) => all[block]!);
        const due = Math.floor(count * goneAfter(round, chosen) + 1e-9);
        const already = of(gone).reduce((total, { size }) => total + size, 0);
        for (const { block, group } of weakest(of(scores), of(gone), due - already, minimum[kind]))
          gone[blocks[block]!]!.add(group);
      }
      for (const [block, of] of groups[kind].entries()) maskGroups(step.store, of, gone[block]!);
      return gone.map((of) => [...of].sort((a, b) => a - b));
    });
    sums(step).value = nothing();
    step.report({ headsRemoved: total(state.value.heads), neuronsRemoved: total(state.value.neurons) });
  }

  return {
    zeros: 'cut',
    check: (model) => void plan(model),
    prepare(model) {
      ({ groups, goals } = plan(model));
      return model;
    },
    declare(stage) {
      for (const kind of GROUP_KINDS) {
        const [going, asked] = [
          goals[kind].reduce((sum, { count }) => sum + count, 0),
          goals[kind].reduce((sum, goal) => sum + goal.asked, 0),
        ];
        if (going > 0) stage.mask(groups[kind].flatMap(({ members }) => members.map(({ name }) => name)));
        if (going < asked)
          stage.warn(`${going} of the ${asked} ${kind} go: every block keeps ${minimum[kind]}`);
      }
    },
    ...(chosen.score === 'gradient' && {
      // The expectation is over examples, as in the paper: the absolute value of a batch's gradient would let examples
      // that pull a group in opposite directions cancel out.
      async gradients(step, batch, pass) {
        const next = removals(step.steps).find((done) => done > step.step);
        if (next === undefined || next - step.step > chosen.scoreSteps) return pass(batch);
        const { store } = step;
        const state = sums(step);
        for (const example of batch.split()) {
          await pass(example);
          state.value = byKind((kind) =>
            groups[kind].map((of, block) => {
              const scores = gradientScores(
                of,
                (name) => store.view(name, 'weight'),
                (name) => store.view(name, 'grad'),
              );
              return state.value[kind][block]!.map((sum, group) => sum + scores[group]!);
            }),
          );
        }
        return pass(batch);
      },
    }),
    afterStep(step) {
      const round = removals(step.steps).lastIndexOf(step.step + 1) + 1;
      if (round > 0) remove(step, round);
    },
    onTarget: (done, steps) => done >= removals(steps).at(-1)!,
    finish(model, stage) {
      const tensors = new Map(model.tensors);
      const left = byKind((kind) =>
        groups[kind].map((of, block) => {
          const gone = new Set(removed(stage).value[kind][block]);
          const stay = Array.from({ length: of.count }, (_, group) => group).filter(
            (group) => !gone.has(group),
          );
          if (gone.size > 0) keepGroups(tensors, of, stay);
          return stay.length;
        }),
      );
      return { ...model, tensors, config: withStructure(model.config, left) };
    },
  };
}

const total = (lists: readonly (readonly unknown[])[]): number =>
  lists.reduce((sum, { length }) => sum + length, 0);

/** Zeros the masks of the groups that are gone, and with them weights, gradients and moments. */
function maskGroups(store: Store, groups: Groups, gone: ReadonlySet<number>): void {
  if (gone.size === 0) return;
  for (const member of groups.members) {
    const mask = store.mask(member.name);
    eachStretch(groups, member, (group, from, to) => {
      if (gone.has(group)) mask.fill(0, from, to);
    });
    store.applyMask(member.name);
  }
}

export const structured: Method<Options> = {
  name: 'structured',
  title: 'Structured pruning: whole attention heads and feed-forward neurons',
  paper: 'Michel, Levy & Neubig 2019, arXiv 1905.10650 (gradient scores, normalisation by layer)',
  options,
  provenance: {
    sparsity: 'ours',
    heads: 'ours',
    neurons: 'ours',
    score: 'ours',
    ranking: 'paper',
    schedule: 'ours',
    rounds: 'ours',
    start: 'ours',
    end: 'ours',
    scoreSteps: 'ours',
    minimumHeads: 'ours',
    minimumNeurons: 'ours',
  },
  create: structuredHooks,
};
