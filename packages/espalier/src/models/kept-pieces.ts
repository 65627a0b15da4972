// Which pieces of a vocabulary stay when the others go: those that a text uses, every single character (with WordPiece
// its ## form too, with byte-level BPE the alphabet of bytes), the special tokens, and what a BPE makes its pieces of.
// Text that used only kept pieces keeps its ids: greedy matching finds the same longest pieces, and merging goes the same
// way, since a merge within a piece depends on that piece alone.
import { z } from 'zod';
import { UsageError } from '../errors.js';
import type { TokenizerDefinition } from '../data/tokenizer-definition.js';

/** A merge of BPE, as one text or as two. */
const mergeSchema = z.union([z.string(), z.tuple([z.string(), z.string()])]);
export type Merge = z.infer<typeof mergeSchema>;

/** The two sides of a merge with a space between. */
export const mergeText = (merge: Merge): string => (typeof merge === 'string' ? merge : merge.join(' '));

export interface KeptPieces {
  /** Old ids, ascending: the new id is the place. */
  readonly ids: readonly number[];
  /** Merges that stay, as `mergeText` has them. Empty for WordPiece. */
  readonly merges: ReadonlySet<string>;
}

/** The merges by which BPE makes `piece` of its characters, in order; undefined where it makes something else. */
export function mergesOf(piece: string, ranks: ReadonlyMap<string, number>): string[] | undefined {
  const parts = Array.from(piece); // code points
  const made: string[] = [];
  while (parts.length > 1) {
    let [best, at] = [Infinity, -1];
    for (let i = 0; i + 1 < parts.length; i++) {
      const rank = ranks.get(`${parts[i]!} ${parts[i + 1]!}`);
      if (rank !== undefined && rank < best) [best, at] = [rank, i];
    }
    if (at < 0) return undefined;
    made.push(`${parts[at]!} ${parts[at + 1]!}`);
    parts.splice(at, 2, parts[at]! + parts[at + 1]!);
  }
  return made;
}

/** What stays of a vocabulary when `used` ids must. Throws UsageError for a kind of tokenizer that cannot be cut. */
export function keptPieces(
  { model, added_tokens: added }: TokenizerDefinition,
  used: Iterable<number>,
  source: string,
): KeptPieces {
  const { vocab } = model;
  const type = String(model['type']);
  if (Array.isArray(vocab) || (type !== 'WordPiece' && type !== 'BPE')) {
    throw new UsageError(
      `vocabulary: expected WordPiece or BPE pieces, found ${type} in ${source}; leave the vocabulary of this model whole`,
    );
  }
  const prefix = type === 'WordPiece' ? '##' : '';
  const isCharacter = (piece: string): boolean =>
    Array.from(piece).length === 1 ||
    (prefix !== '' && piece.startsWith(prefix) && Array.from(piece).length === 3);
  const kept = new Set([...used, ...added.map(({ id }) => id)]);
  const unknown = model['unk_token'];
  for (const [piece, id] of Object.entries(vocab)) if (isCharacter(piece) || piece === unknown) kept.add(id);

  const merges = new Set<string>();
  if (type === 'BPE') {
    const list = z
      .array(mergeSchema)
      .parse(model['merges'] ?? [])
      .map(mergeText);
    const ranks = new Map(list.map((merge, rank) => [merge, rank]));
    const pieceOf = new Map(Object.entries(vocab).map(([piece, id]) => [id, piece]));
    for (const id of [...kept])
      for (const merge of mergesOf(pieceOf.get(id) ?? '', ranks) ?? []) merges.add(merge);
    for (const merge of merges) kept.add(vocab[merge.replace(' ', '')]!);
  }
  return { ids: [...kept].sort((a, b) => a - b), merges };
}
