// How the runtime computes a packed file, by the kinds of its encoder matrices (docs/format.md).
import type { Kind } from '@espalier/runtime/format';
import type { RuntimeForm } from '../export/runtime-weights.js';
import { familyOf } from '../models/families.js';
import type { Model } from '../models/model.js';
import { packedSections } from '../models/pack-file.js';

const FORMS: Readonly<Record<Kind, RuntimeForm>> = {
  'sparse-1x4': 'int8',
  int8: 'int8',
  int4: 'int8',
  'sparse-int8': 'q15',
  'sparse-codebook': 'q15',
  'sparse-f16': 'q15',
  f16: 'dense',
  f32: 'dense',
};

/** The form of most encoder matrices: a model is computed in one. */
export async function formOfPack(path: string, { config }: Model): Promise<RuntimeForm> {
  const { encoderLinear } = familyOf(config);
  const counts = new Map<RuntimeForm, number>();
  for (const [name, { kind }] of await packedSections(path)) {
    if (encoderLinear.test(name)) counts.set(FORMS[kind], (counts.get(FORMS[kind]) ?? 0) + 1);
  }
  const [most] = [...counts].sort(([, a], [, b]) => b - a);
  return most?.[0] ?? 'dense';
}
