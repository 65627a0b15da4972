// A quantised model's weights and activations in float32 arithmetic: what quantisation-aware training computed, from
// the scales and zero points it left.
import type { Node } from '../graph/node.js';
import {
  div,
  fakeQuantActivation,
  fakeQuantWeight,
  gatherRows,
  mul,
  reshape,
  round,
} from '../graph/ops/index.js';
import { constant } from '../graph/program.js';
import type { Weights } from '../models/builder.js';
import { biasSteps } from '../models/int8.js';
import type { AffineRange, Quantisation } from '../models/quantisation.js';

const vector = (values: readonly number[]): Node => constant(values, [values.length]);

const rounded = (node: Node, range: AffineRange | undefined): Node =>
  range ? fakeQuantActivation(node, vector([range.scale]), vector([range.zeroPoint])) : node;

/** A bias as int32: 32 bits hold it, so nothing is cut off. */
const inSteps = (bias: Node, steps: Node): Node => mul(round(div(bias, steps)), steps);

/** The same weights and sites, rounded to 8 bits where the record says so, and biases as integers hold them. */
export function fakeQuantised(weights: Weights, { layers, tables }: Quantisation): Weights {
  const known = new Map<string, Node>();
  const roundedWeight = (name: string): Node => {
    const plain = weights.weight(name);
    const [, layerName, part] = /^(.*)\.(weight|bias)$/.exec(name) ?? [];
    const layer = layers[layerName ?? ''];
    if (layer && part === 'bias') return inSteps(plain, vector(biasSteps(layer.weightScales, layer.input)));
    const scales = tables[name]?.scales ?? layer?.weightScales;
    return scales ? fakeQuantWeight(plain, vector(scales)) : plain;
  };
  return {
    ...weights,
    weight: (name) => {
      const node = known.get(name) ?? roundedWeight(name);
      known.set(name, node);
      return node;
    },
    rows: (name, ids) => {
      const rows = weights.rows(name, ids);
      const scales = tables[name]?.scales;
      if (!scales) return rows;
      if (scales.length === 1) return fakeQuantWeight(rows, vector(scales));
      const own = gatherRows(constant(scales, [scales.length, 1]), ids);
      return fakeQuantWeight(rows, reshape(own, [rows.shape[0]!]));
    },
    activation: (node, site) => {
      const seen = weights.activation(node, site);
      const at = site.lastIndexOf('.');
      const layer = layers[site.slice(0, at)];
      const end = site.slice(at + 1);
      return end === 'input' || end === 'output' ? rounded(seen, layer?.[end]) : seen;
    },
  };
}
