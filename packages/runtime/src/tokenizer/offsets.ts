// Ids with the stretch of text each stands for. The library gives ids and pieces alone, whose lengths tell where each begins. Byte
// pairs keep every byte of a text. WordPiece does not, so a text is cut into words that it treats independently, each is tokenised by
// itself, and where lengths do not add up (an accent was taken away), every piece stands for the whole word.
import { isObject, type JsonObject } from '../json.js';

export interface Pieces {
  readonly ids: readonly number[];
  readonly tokens: readonly string[];
}

/** So much of a text that it has more than `most` pieces, or all of it. */
export type BeginningOf = (text: string, most: number) => Pieces & { readonly text: string };

/** Offsets in UTF-16 units; the end is exclusive. */
export interface PieceSpan {
  readonly id: number;
  readonly start: number;
  readonly end: number;
}

/** Reads a text until there are more than `most` pieces. */
export type OffsetEncoder = (text: string, most: number) => PieceSpan[];

/** Marks of punctuation, and ideographs where they are set apart: each a word of its own for BERT. */
const MARKS = '!-/:-@[-`{-~\\p{P}';
const IDEOGRAPHS =
  '\\u4E00-\\u9FFF\\u3400-\\u4DBF\\uF900-\\uFAFF' +
  '\\u{20000}-\\u{2A6DF}\\u{2A700}-\\u{2B81F}\\u{2B920}-\\u{2CEAF}\\u{2F800}-\\u{2FA1F}';
/** What parts words; other white space is taken away. */
const SPACE = '\\t\\n\\r\\p{Z}';

/** Added tokens, which stand as they are, marks and words. */
export function wordsOf({ added_tokens: added, normalizer }: JsonObject): RegExp {
  const apart = isObject(normalizer) && normalizer['handle_chinese_chars'] === false;
  const marks = apart ? MARKS : MARKS + IDEOGRAPHS;
  const tokens = (Array.isArray(added) ? (added as readonly unknown[]) : []).map((token) =>
    String(isObject(token) && token['content']).replace(/[.*+?^${}()|[\]\\]/g, '\\$&'),
  );
  return new RegExp([...tokens, `[${marks}]`, `[^${SPACE}${marks}]+`].join('|'), 'gu');
}

/** For byte pairs whose lengths do not add up (white space before a token was taken away): words with the white space before each. */
export const SPACED_WORDS = /\s*\S+|\s+$/gu;

const utf8 = new TextEncoder();

/** For each byte or character of a word, and for its end, the offset of the character it belongs to. */
function unitOffsets(word: string, bytes: boolean): number[] {
  const offsets: number[] = [];
  let at = 0;
  for (const character of word) {
    const count = bytes ? utf8.encode(character).length : 1;
    for (let i = 0; i < count; i++) offsets.push(at);
    at += character.length;
  }
  return [...offsets, at];
}

type Stretch = readonly [start: number, end: number];

/** Start and end of the part of `text` without white space around it. */
export function trimmed(text: string, start: number, end: number): Stretch {
  const part = text.slice(start, end);
  const from = start + part.length - part.trimStart().length;
  return [from, Math.max(from, start + part.trimEnd().length)];
}

/** The stretches of pieces that have so many bytes or characters, one after the other; undefined where these do not add up. */
export function stretchesOf(
  text: string,
  lengths: readonly number[],
  bytes: boolean,
): readonly Stretch[] | undefined {
  const offsets = unitOffsets(text, bytes);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  if (bytes && total === offsets.length) offsets.unshift(0); // a space that was put before it
  if (total !== offsets.length - 1) return undefined;
  let at = 0;
  return lengths.map((length) => {
    const from = offsets[at]!;
    at += length;
    let until = at;
    // Bytes of one character in two pieces: both stand for the whole of it.
    while (offsets[until] === offsets[at - 1]) until++;
    return trimmed(text, from, offsets[until]!);
  });
}

export function offsetEncoder(definition: JsonObject, beginningOf: BeginningOf): OffsetEncoder {
  const bytes = JSON.stringify(definition['pre_tokenizer'] ?? null).includes('"ByteLevel"');
  const words = bytes ? SPACED_WORDS : wordsOf(definition);
  const fitted = (text: string, { tokens }: Pieces): readonly Stretch[] | undefined => {
    const lengths = tokens.map((piece) => Array.from(bytes ? piece : piece.replace(/^##/, '')).length);
    return lengths.includes(0) ? undefined : stretchesOf(text, lengths, bytes);
  };
  const spansOf = ({ ids }: Pieces, stretches: readonly Stretch[], begin: number): PieceSpan[] =>
    stretches.map(([start, end], i) => ({ id: ids[i]!, start: begin + start, end: begin + end }));
  return (text, most) => {
    if (bytes) {
      const read = beginningOf(text, most);
      const stretches = fitted(read.text, read);
      if (stretches) return spansOf(read, stretches, 0);
    }
    const all: PieceSpan[] = [];
    for (const { 0: word, index } of text.matchAll(words)) {
      const read = beginningOf(word, Infinity);
      const whole = trimmed(word, 0, word.length);
      all.push(...spansOf(read, fitted(word, read) ?? read.ids.map(() => whole), index));
      if (all.length > most) break;
    }
    return all;
  };
}
