// Where a mask prunes: fractions of zeros by component and by block, as Gao, Colombo and Wang (2021, Adapting by
// Pruning) plot them. Over the masked tensors alone.
import type { Model } from '../models/model.js';
import type { MaskedPart, Topology } from '../report/report.js';
import { componentOf } from './inspect.js';

/** 'block 3', or 'embeddings' for what stands before the blocks. */
function layerOf(name: string): string {
  const [, block] = /\.(\d+)\./.exec(name) ?? [];
  return block === undefined ? 'embeddings' : `block ${block}`;
}

export function topologyOf({ tensors }: Pick<Model, 'tensors'>, masked: Iterable<string>): Topology {
  const components = new Map<string, MaskedPart>();
  const layers = new Map<string, MaskedPart>();
  const grow = (parts: Map<string, MaskedPart>, name: string, weights: number, zeros: number): void => {
    const { weights: w, zeros: z } = parts.get(name) ?? { weights: 0, zeros: 0 };
    parts.set(name, { name, weights: w + weights, zeros: z + zeros });
  };
  for (const name of masked) {
    const { data } = tensors.get(name)!;
    let zeros = 0;
    for (let i = 0; i < data.length; i++) if (data[i] === 0) zeros++;
    grow(components, componentOf(name), data.length, zeros);
    grow(layers, layerOf(name), data.length, zeros);
  }
  const place = ({ name }: MaskedPart): number => Number(/\d+$/.exec(name)?.[0] ?? -1);
  const all = [...layers.values()].sort((a, b) => place(a) - place(b));
  const sum = (of: (part: MaskedPart) => number): number =>
    all.reduce((before, part) => before + of(part), 0);
  return {
    weights: sum(({ weights }) => weights),
    sparsity: sum(({ zeros }) => zeros) / sum(({ weights }) => weights),
    components: [...components.values()],
    layers: all,
  };
}
