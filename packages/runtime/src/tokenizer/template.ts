// Special tokens and token types around one text or two: BERT's [CLS] a [SEP] b [SEP] with types 0 and 1, RoBERTa's
// <s> a </s> </s> b </s>, or what a tokenizer.json spells out.

/** One slot of an input: a special token or a whole part. */
export type Slot =
  | { readonly kind: 'special'; readonly id: number; readonly typeId: number }
  | { readonly kind: 'part'; readonly part: 'A' | 'B'; readonly typeId: number };

export interface InputTemplates {
  readonly single: readonly Slot[];
  readonly pair: readonly Slot[];
}

const special = (id: number, type = 0): Slot => ({ kind: 'special', id, typeId: type });
const part = (name: 'A' | 'B', type = 0): Slot => ({ kind: 'part', part: name, typeId: type });

export const specialsOf = (template: readonly Slot[]): number =>
  template.filter(({ kind }) => kind === 'special').length;

/** The templates of the two post-processors that know theirs by name. */
export function usualTemplates(
  type: 'BertProcessing' | 'RobertaProcessing',
  cls: number,
  sep: number,
): InputTemplates {
  const single = [special(cls), part('A'), special(sep)];
  return type === 'BertProcessing'
    ? { single, pair: [...single, part('B', 1), special(sep, 1)] }
    : { single, pair: [...single, special(sep), part('B'), special(sep)] };
}

/** Parts in the slots of a template, and where each begins. */
export function fillTemplate(
  template: readonly Slot[],
  parts: Readonly<Record<'A' | 'B', ArrayLike<number>>>,
): {
  readonly ids: Int32Array;
  readonly typeIds: Uint8Array;
  readonly begin: Readonly<Record<'A' | 'B', number>>;
} {
  const lengthOf = (slot: Slot): number => (slot.kind === 'special' ? 1 : parts[slot.part].length);
  const length = template.reduce((sum, slot) => sum + lengthOf(slot), 0);
  const ids = new Int32Array(length);
  const typeIds = new Uint8Array(length);
  const begin = { A: 0, B: 0 };
  let end = 0;
  for (const slot of template) {
    if (slot.kind === 'part') begin[slot.part] = end;
    ids.set(slot.kind === 'special' ? [slot.id] : parts[slot.part], end);
    typeIds.fill(slot.typeId, end, end + lengthOf(slot));
    end += lengthOf(slot);
  }
  return { ids, typeIds, begin };
}
