// A quantised model's weights and activations in float32 arithmetic: what quantisation-aware training computed, from
// the scales and zero points it left.
import type { Node } from '../graph/node.js';
import { fakeQuantActivation, fakeQuantWeight, gatherRows, reshape } from '../graph/ops/index.js';
import { constant } from '../graph/program.js';
import type { Weights } from '../models/builder.js';
import type { AffineRange, Quantisation } from '../models/quantisation.js';

const vector = (values: readonly number[]): Node => constant(values, [values.length]);

const rounded = (node: Node, range: AffineRange | undefined): Node =>
  range ? fakeQuantActivation(node, vector([range.scale]), vector([range.zeroPoint])) : node;

/** The same weights and sites, rounded to 8 bits where the record says so. */
export function fakeQuantised(weights: Weights, { layers, tables }: Quantisation): Weights {
  const known = new Map<string, Node>();
  const scalesOf = (name: string): readonly number[] | undefined =>
    tables[name]?.scales ?? layers[name.replace(/\.weight$/, '')]?.weightScales;
  return {
    ...weights,
    weight: (name) => {
      const scales = scalesOf(name);
      const plain = weights.weight(name);
      const node = known.get(name) ?? (scales ? fakeQuantWeight(plain, vector(scales)) : plain);
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
