// What a corpus needs to know of a tokenizer's pieces: which are special, and which continue the word before them.
// WordPiece marks what continues (##); byte pairs (Ġ) and SentencePiece (▁) mark what begins a word.
import { continuingPieces, type Tokenizer } from '../tokenizer.js';

/** Ids that are never masked: the special tokens, [UNK] among them. */
export function specialIds(tokenizer: Tokenizer): ReadonlySet<number> {
  const { padId, clsId, sepId, maskId, unkId, definition } = tokenizer;
  const named = [padId, clsId, sepId, maskId, unkId].filter((id) => id !== undefined);
  const added = definition.added_tokens.filter((token) => token['special'] === true).map(({ id }) => id);
  return new Set([...named, ...added]);
}

/** [vocabSize]: 1 where a piece continues a word, if it is not the first of its sentence; specials never do. */
export function continuationTable(tokenizer: Tokenizer): Uint8Array {
  const { definition, vocabSize } = tokenizer;
  const table = new Uint8Array(vocabSize);
  for (const id of continuingPieces(definition)) table[id] = 1;
  if (!table.includes(1)) {
    const { vocab } = definition.model;
    const pieces: (readonly [string, number])[] = Array.isArray(vocab)
      ? vocab.map(([piece], id) => [piece, id] as const)
      : Object.entries(vocab);
    // The letter Ġ may stand in a SentencePiece vocabulary, never ▁ in one of byte pairs.
    const marker = ['▁', 'Ġ'].find((mark) => pieces.some(([piece]) => piece.startsWith(mark)));
    if (marker !== undefined) {
      for (const [piece, id] of pieces) if (!piece.startsWith(marker)) table[id] = 1;
    }
  }
  for (const { id } of definition.added_tokens) table[id] = 0;
  for (const id of specialIds(tokenizer)) table[id] = 0;
  return table;
}
