// Layer dropping (Sajjad, Dalvi, Durrani and Nakov, arXiv 2004.03844): whole blocks go before the stage, and the rest
// is trained as it is. Five methods choose by place; one drops the blocks that hardly turn the summary token.
import { z } from 'zod';
import { UsageError } from '../errors.js';
import { familyOf } from '../models/families.js';
import {
  droppedLayers,
  dropLayers,
  highestScores,
  layerCount,
  scoresAbove,
  STRATEGIES,
  type Strategy,
} from '../models/layers.js';
import type { Model } from '../models/model.js';
import { contributions } from '../train/contributions.js';
import type { Method, MethodHooks, PrepareContext } from './method.js';

const common = {
  sparsity: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.5)
    .describe('fraction of the layers that are dropped, rounded to whole ones'),
  layers: z.int().positive().optional().describe('how many layers are dropped; wins over sparsity'),
  freezeEmbeddings: z.boolean().default(false).describe('do not train the embeddings'),
  freezeLayers: z.int().min(0).default(0).describe('do not train the first N of the layers that stay'),
};

const placed = z.strictObject(common);
const scored = z.strictObject({
  ...common,
  threshold: z
    .number()
    .min(-1)
    .lt(1)
    .optional()
    .describe(
      'drop every layer whose score is above it, instead of the highest; wins over layers and sparsity',
    ),
  sample: z.int().positive().default(512).describe('texts that the scores are averaged over, at most'),
});

type Placed = z.infer<typeof placed>;
type Scored = z.infer<typeof scored>;

const PAPER = 'Sajjad et al., arXiv 2004.03844 (Computer Speech & Language 77, 2022)';
const PROVENANCE = {
  sparsity: 'paper',
  layers: 'paper',
  freezeEmbeddings: 'code',
  freezeLayers: 'code',
} as const;

const TITLES: Readonly<Record<Strategy, string>> = {
  top: 'Drop the last layers',
  bottom: 'Drop the first layers',
  even: 'Drop every other layer, the even ones from the top',
  odd: 'Drop every other layer, the odd ones from the top',
  symmetric: 'Drop the layers in the middle',
};

type Layers = readonly number[];

/**
 * Surgery by the layers that `choose` names, then plain training of what is left. `known`: these layers, or as many,
 * where the model alone says so.
 */
function surgery(
  options: Placed,
  known: (model: Model) => Layers | undefined,
  choose: (model: Model, context: PrepareContext) => Promise<Layers>,
): MethodHooks {
  let frozen: readonly string[] = [];
  return {
    check(model) {
      const dropped = known(model);
      if (dropped) frozenNames(dropLayers(model, dropped), options);
    },
    async prepare(model, context) {
      const dropped = await choose(model, context);
      const smaller = dropLayers(model, dropped);
      context.report({ droppedLayers: dropped });
      context.note(`dropped layers ${dropped.join(', ')} of ${model.config.num_hidden_layers}`);
      frozen = frozenNames(smaller, options);
      return smaller;
    },
    declare: (stage) => stage.freeze(frozen),
  };
}

/** What is not trained. Throws UsageError where more layers are to be frozen than stay. */
function frozenNames({ config }: Model, { freezeEmbeddings, freezeLayers }: Placed): string[] {
  const { num_hidden_layers: layers } = config;
  if (freezeLayers > layers) {
    throw new UsageError(
      `freezeLayers: expected at most the ${layers} layers that stay, found ${freezeLayers}; freeze fewer`,
    );
  }
  const { tensors } = familyOf(config);
  const parts = [
    ...(freezeEmbeddings ? tensors(config).get('embeddings')! : []),
    ...tensors({ ...config, num_hidden_layers: freezeLayers }).get('encoder')!,
  ];
  return parts.map(([name]) => name);
}

/** As many layers as the options say, chosen by place. Throws UsageError where there are not so many. */
function layersAt(strategy: Strategy, { sparsity, layers }: Placed, { config }: Model): Layers {
  const there = config.num_hidden_layers;
  return droppedLayers(strategy, layers ?? layerCount(sparsity, there), there);
}

const byPlace = (strategy: Strategy): Method<Placed> => ({
  name: `drop-${strategy}`,
  title: TITLES[strategy],
  paper: PAPER,
  options: placed,
  provenance: PROVENANCE,
  create(options) {
    const chosen = (model: Model): Layers => layersAt(strategy, options, model);
    return surgery(options, chosen, (model) => Promise.resolve(chosen(model)));
  },
});

export const dropByPlace: readonly Method<Placed>[] = STRATEGIES.map(byPlace);

export const dropContribution: Method<Scored> = {
  name: 'drop-contribution',
  title: 'Drop the layers that change the summary token least',
  paper: PAPER,
  options: scored,
  provenance: { ...PROVENANCE, threshold: 'unconfirmed', sample: 'ours' },
  create(options) {
    const { threshold, sample } = options;
    const asMany = (model: Model): Layers | undefined =>
      threshold === undefined ? layersAt('top', options, model) : undefined;
    return surgery(options, asMany, async (model, context) => {
      const scores = await contributions(model, context.sample(sample), context);
      context.note(
        `contribution scores from the bottom: ${scores.map((score) => score.toFixed(4)).join(', ')}`,
      );
      context.report({ contributions: scores });
      const count = asMany(model)?.length;
      return count === undefined ? scoresAbove(scores, threshold!) : highestScores(scores, count);
    });
  },
};
