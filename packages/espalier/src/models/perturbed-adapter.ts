// What is left of an adapter when its mask or the weights under it are disturbed (Gao, Colombo and Wang, 2021, Adapting
// by Pruning, the shuffle and re-initialisation tests). The paper multiplies weights by Normal(1, 0.01) in the text,
// which is 1 % of noise and should hurt little, and reports a collapse; its caption may mean that weights are drawn anew.
// Both readings are here.
import { random } from '../random.js';
import { standardDeviation } from '../train/statistics.js';
import type { Model } from './model.js';
import { bitAt, packNonzero } from './packed-bits.js';

/** Masks as packed bits, by tensor. */
type Masks = ReadonlyMap<string, Uint8Array>;

/** Every mask with its bits at other places: as many survivors in every tensor. */
export function shuffledMasks(
  { tensors }: Pick<Model, 'tensors'>,
  masks: Masks,
  seed: number,
): Map<string, Uint8Array> {
  return new Map(
    [...masks].map(([name, bits]) => {
      const { length } = tensors.get(name)!.data;
      const generator = random(seed, 'shuffled', name);
      const places = Uint8Array.from({ length }, (_, i) => bitAt(bits, i));
      for (let i = length - 1; i > 0; i--) {
        const j = generator.integer(i + 1);
        [places[i], places[j]] = [places[j]!, places[i]!];
      }
      return [name, packNonzero(places)];
    }),
  );
}

/** The model with each weight of the named tensors as `draw` makes it of itself and a standard normal number. */
function disturbed(
  model: Model,
  names: Iterable<string>,
  seed: number,
  draw: (weight: number, normal: number, deviation: number) => number,
): Model {
  const tensors = new Map(model.tensors);
  for (const name of names) {
    const tensor = tensors.get(name)!;
    const generator = random(seed, 'disturbed', name);
    const deviation = standardDeviation(tensor.data);
    tensors.set(name, {
      ...tensor,
      data: tensor.data.map((weight) => draw(weight, generator.normal(), deviation)),
    });
  }
  return { ...model, tensors };
}

/** Each weight times Normal(1, 0.01). */
export const multiplied = (model: Model, names: Iterable<string>, seed: number): Model =>
  disturbed(model, names, seed, (weight, normal) => weight * (1 + 0.01 * normal));

/** Each weight drawn anew: Normal(0, d) with the standard deviation d of its tensor. */
export const redrawn = (model: Model, names: Iterable<string>, seed: number): Model =>
  disturbed(model, names, seed, (_weight, normal, deviation) => normal * deviation);
