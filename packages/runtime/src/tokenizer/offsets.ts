// Ids with the stretch of text each stands for. The library gives ids and pieces alone, so a text is cut into words that a
// tokenizer treats independently, each is tokenised by itself, and within a word the lengths of its pieces tell where each
// begins; where they do not add up (an accent was taken away), every piece stands for the whole word.
import type { JsonObject } from '../json.js';

export interface Pieces {
  readonly ids: readonly number[];
  readonly tokens: readonly string[];
}

/** Offsets in UTF-16 units; the end is exclusive. */
export interface PieceSpan {
  readonly id: number;
  readonly start: number;
  readonly end: number;
}

/** Reads words until there are more than `most` pieces. */
export type OffsetEncoder = (text: string, most: number) => PieceSpan[];

/** Marks of punctuation and ideographs: each a word of its own for BERT. */
const MARKS =
  '!-/:-@[-`{-~\\p{P}\\u4E00-\\u9FFF\\u3400-\\u4DBF\\uF900-\\uFAFF' +
  '\\u{20000}-\\u{2A6DF}\\u{2A700}-\\u{2B81F}\\u{2B920}-\\u{2CEAF}\\u{2F800}-\\u{2FA1F}';
const WORDS_AND_MARKS = new RegExp(`[${MARKS}]|[^\\s${MARKS}]+`, 'gu');
/** For byte pairs, words with the white space before each. */
const SPACED_WORDS = /\s*\S+|\s+$/gu;

const utf8Length = (codePoint: number): number =>
  codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;

/** For each byte or character of a word, and for its end, the offset of the character it belongs to. */
function unitOffsets(word: string, bytes: boolean): number[] {
  const offsets: number[] = [];
  let at = 0;
  for (const character of word) {
    const count = bytes ? utf8Length(character.codePointAt(0)!) : 1;
    for (let i = 0; i < count; i++) offsets.push(at);
    at += character.length;
  }
  return [...offsets, at];
}

/** Start and end of the part of `text` without white space around it. */
function trimmed(text: string, start: number, end: number): readonly [start: number, end: number] {
  const part = text.slice(start, end);
  const from = start + part.length - part.trimStart().length;
  return [from, Math.max(from, start + part.trimEnd().length)];
}

export function offsetEncoder(definition: JsonObject, pieces: (text: string) => Pieces): OffsetEncoder {
  const bytes = JSON.stringify(definition['pre_tokenizer'] ?? null).includes('"ByteLevel"');
  const spansOf = (word: string, begin: number): PieceSpan[] => {
    const { ids, tokens } = pieces(word);
    const lengths = tokens.map((piece) => Array.from(bytes ? piece : piece.replace(/^##/, '')).length);
    const offsets = unitOffsets(word, bytes);
    const total = lengths.reduce((sum, length) => sum + length, 0);
    const fits = total === offsets.length - 1 && !lengths.includes(0);
    let at = 0;
    return ids.map((id, i) => {
      const from = fits ? offsets[at]! : 0;
      at += lengths[i]!;
      // Bytes of one character in two pieces: both stand for the whole of it.
      const until = fits ? offsets.slice(at).find((offset) => offset > offsets[at - 1]!)! : word.length;
      const [start, end] = trimmed(word, from, until);
      return { id, start: begin + start, end: begin + end };
    });
  };
  return (text, most) => {
    const all: PieceSpan[] = [];
    for (const { 0: word, index } of text.matchAll(bytes ? SPACED_WORDS : WORDS_AND_MARKS)) {
      all.push(...spansOf(word, index));
      if (all.length > most) break;
    }
    return all;
  };
}
