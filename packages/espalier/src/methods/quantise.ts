// Quantisation-aware training as in Prune Once for All (Zafrir et al., 2021; after Q8BERT, Zafrir et al., 2019): int8
// weights and uint8 activations are simulated in the forward pass, gradients go straight through the rounding. What is
// trained, masked and stored are float32 master weights; the scales are written beside them.
import { z } from 'zod';
import { familyOf } from '../models/families.js';
import type { Node } from '../graph/node.js';
import { abs, fakeQuantActivation, fakeQuantWeight, greater, reduceMax, where } from '../graph/ops/index.js';
import { constant, scalar } from '../graph/program.js';
import { affineRange } from '../models/int8.js';
import type { AffineRange } from '../models/quantisation.js';
import type { GraphContext, GraphHooks, Method } from './method.js';
import { affineNodes, AVERAGING, largestEver, movingRange, symmetricScales } from './observers.js';
import {
  type Quantisable,
  quantisable,
  quantisableOptions,
  quantisationOf,
  quantisedSites,
} from './quantisable.js';

const options = z.strictObject({
  weights: quantisableOptions.weights,
  averaging: z
    .number()
    .gt(0)
    .max(1)
    .default(AVERAGING)
    .describe("part of the present batch in an activation's moving range"),
  start: z
    .number()
    .min(0)
    .lt(1)
    .default(0)
    .describe('where quantisation and its observers begin, as a fraction of the stage'),
  names: quantisableOptions.names,
  float: quantisableOptions.float,
  embeddings: quantisableOptions.embeddings,
});

type Options = z.infer<typeof options>;

const FLOAT = 'float';

export const quantise: Method<Options> = {
  name: 'quantise',
  title: 'Quantisation-aware training: int8 weights, uint8 activations',
  paper: 'Zafrir et al. 2021, arXiv 2111.05754, section 3.3; Zafrir et al. 2019, arXiv 1910.06188 (Q8BERT)',
  options,
  provenance: {
    weights: 'code',
    averaging: 'unconfirmed',
    start: 'code',
    names: 'code',
    float: 'code',
    embeddings: 'ours',
  },
  create: (chosen) => {
    let touched: Quantisable = { layers: [], tables: [] };
    let first = 0; // step
    /** Observers by site: layers that read the same tensor share one. */
    const observers = new Map<string, string>();
    return {
      ...(chosen.start > 0 && {
        variants: ['quantised', FLOAT],
        variant: (step: number) => (step < first ? FLOAT : 'quantised'),
      }),
      check({ config, tensors }) {
        const own = [...tensors].map(([name, { shape }]) => ({ name, shape }));
        quantisable(own, familyOf(config).prunedLinear, chosen);
      },
      declare({ tensors, prunedLinear, steps }) {
        const own = tensors.filter(({ group }) => group === 'model');
        touched = quantisable(own, prunedLinear, chosen);
        first = Math.min(steps - 1, Math.round(chosen.start * steps));
      },
      build: (graph) =>
        graph.variant === FLOAT ? {} : fakeQuantHooks(graph, touched, chosen.averaging, observers),
      onTarget: (done) => done > first,
      finish(model, stage) {
        const largest = (tensor: string): Float32Array => stage.carry(carried(tensor));
        const range = (site: string): AffineRange => {
          const [low, high] = stage.carry(carried(observers.get(site)!));
          return affineRange(low!, high!);
        };
        return { ...model, quantisation: quantisationOf(touched, model, largest, range) };
      },
    };
  },
};

/** Names of the carried tensors. */
const SEEN = 'quantise:seen';
const carried = (name: string): string => `quantise:${name}`;

function fakeQuantHooks(
  graph: GraphContext,
  chosen: Quantisable,
  averaging: number,
  observers: Map<string, string>,
): GraphHooks {
  const seen = graph.carry(SEEN, [1], () => new Float32Array(1)); // 1 once a batch has been observed
  seen.next(constant([1], [1]));
  const tables = new Set(chosen.tables);
  const scales = new Map(chosen.layers.map((layer) => [`${layer.name}.weight`, layer.scales]));
  const sites = quantisedSites(chosen);
  /** Before anything was observed, evaluation sees the values as they are. */
  const once = (quantised: Node, node: Node): Node =>
    graph.training ? quantised : where(greater(seen.node, scalar(0)), quantised, node);

  const quantisedNodes = new Map<Node, { readonly site: string; readonly node: Node }>();
  return {
    weight(node, name) {
      if (tables.has(name)) return once(fakeQuantWeight(node, rowScales(node)), node);
      const count = scales.get(name);
      if (count === undefined) return node;
      const largest = graph.carry(carried(name), [count], () => new Float32Array(count));
      const present = graph.training ? largestEver(node, largest.node) : largest.node;
      largest.next(present);
      return once(fakeQuantWeight(node, symmetricScales(present)), node);
    },
    activation(node, site) {
      if (!sites.has(site)) return node;
      const known = quantisedNodes.get(node);
      observers.set(site, known?.site ?? site);
      if (known) return known.node;
      const range = graph.carry(carried(site), [2], () => new Float32Array(2));
      const present = graph.training ? movingRange(node, range.node, seen.node, averaging) : range.node;
      range.next(present);
      const { scale, zeroPoint } = affineNodes(present);
      const quantised = once(fakeQuantActivation(node, scale, zeroPoint), node);
      quantisedNodes.set(node, { site, node: quantised });
      return quantised;
    },
  };
}

/** One scale a row [rows] of what is read of a table [rows, width], from the present values. */
const rowScales = (table: Node): Node => symmetricScales(reduceMax(abs(table), [1]));
