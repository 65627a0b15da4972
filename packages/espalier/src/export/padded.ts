// A ragged model as stock transformers reads it: every block with as many heads as config.json says and as many
// neurons as the widest one, those that were removed as zeros. It computes the same and is larger again.
import { familyOf } from '../models/families.js';
import { groupsOf, padGroups } from '../models/groups.js';
import type { Model } from '../models/model.js';
import { structureOf, withStructure } from '../models/structure.js';
import { f32 } from '../tensor/tensor.js';

/** The model, padded. Scales of int8 are left out: they are of the ragged layers. */
export function paddedModel(model: Model): Model {
  const { config, tensors: ragged } = model;
  const family = familyOf(config);
  const before = structureOf(config);
  const all = { heads: config.num_attention_heads, neurons: Math.max(1, ...before.neurons) };
  const padded = withStructure(config, {
    heads: before.heads.map(() => all.heads),
    neurons: before.neurons.map(() => all.neurons),
  });
  const tensors = new Map(ragged);
  const { heads, neurons } = groupsOf(family.blocks!, config); // no other family has ragged models
  for (const groups of heads) padGroups(tensors, groups, all.heads);
  for (const groups of neurons) padGroups(tensors, groups, all.neurons);
  for (const [name, shape] of family.tensors(padded).get('encoder')!)
    if (!tensors.has(name)) tensors.set(name, f32(shape));
  return { ...model, config: padded, tensors, quantisation: undefined };
}
