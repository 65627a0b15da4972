// In what the runtime computes the encoder matrices of a packed file, by their kinds (docs/how-to/pack.md).
import { type Form, layerForm } from '@espalier/runtime';
import type { TensorSection } from '@espalier/runtime/format';
import { familyOf } from '../models/families.js';
import type { Model } from '../models/model.js';

type LayerForm = ReturnType<typeof layerForm>;

/** How many matrices are computed in each form, the form of most first. */
export type LayerCounts = Readonly<Partial<Record<LayerForm, number>>>;

export function layersOf(
  sections: ReadonlyMap<string, TensorSection>,
  { config }: Pick<Model, 'config'>,
  form: Form = 'auto',
): LayerCounts {
  const { encoderLinear } = familyOf(config);
  const counts = new Map<LayerForm, number>();
  for (const [name, { kind }] of sections) {
    if (!encoderLinear.test(name)) continue;
    const as = layerForm(kind, form);
    counts.set(as, (counts.get(as) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].sort(([, a], [, b]) => b - a));
}

/** The forms as people read them. */
export const layerTitle = (layers: LayerCounts): string => Object.keys(layers).join(', ');
