// Ids with the stretch of text each stands for. The library gives ids and pieces alone, whose lengths tell where each begins. Byte
// pairs keep every byte of a text. WordPiece does not, so a text is cut into words that it treats independently, each is tokenised by
// itself, and where lengths do not add up (an accent was taken away), every piece stands for the whole word.
import { isObject, type JsonObject } from '../json.js';

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

/** Marks of punctuation, and ideographs where they are set apart: each a word of its own for BERT. */
const MARKS = '!-/:-@[-`{-~\\p{P}';
const IDEOGRAPHS =
  '\\u4E00-\\u9FFF\\u3400-\\u4DBF\\uF900-\\uFAFF' +
  '\\u{20000}-\\u{2A6DF}\\u{2A700}-\\u{2B81F}\\u{2B920}-\\u{2CEAF}\\u{2F800}-\\u{2FA1F}';
/** What parts words; other white space is taken away. */
const SPACE = '\\t\\n\\r\\p{Z}';

/** Added tokens, which stand as they are, marks and words. */
function wordsOf({ added_tokens: added, normalizer }: JsonObject): RegExp {
  const apart = isObject(normalizer) && normalizer['handle_chinese_chars'] === false;
  const marks = apart ? MARKS : MARKS + IDEOGRAPHS;
  const tokens = (Array.isArray(added) ? (added as readonly unknown[]) : []).map((token) =>
    String(isObject(token) && token['content']).replace(/[.*+?^${}()|[\]\\]/g, '\\$&'),
  );
  return new RegExp([...tokens, `[${marks}]`, `[^${SPACE}${marks}]+`].join('|'), 'gu');
}

/** For byte pairs whose lengths do not add up (white space before a token was taken away): words with the white space before each. */
const SPACED_WORDS = /\s*\S+|\s+$/gu;

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

/** Start and end of the part of `text` without white space around it. */
function trimmed(text: string, start: number, end: number): readonly [start: number, end: number] {
  const part = text.slice(start, end);
  const from = start + part.length - part.trimStart().length;
  return [from, Math.max(from, start + part.trimEnd().length)];
}

export function offsetEncoder(definition: JsonObject, pieces: (text: string) => Pieces): OffsetEncoder {
  const bytes = JSON.stringify(definition['pre_tokenizer'] ?? null).includes('"ByteLevel"');
  const words = bytes ? SPACED_WORDS : wordsOf(definition);
  /** Undefined where lengths do not add up and that of the whole is not wanted. */
  const spansOf = (word: string, begin: number, orWhole: boolean): PieceSpan[] | undefined => {
    const { ids, tokens } = pieces(word);
    const lengths = tokens.map((piece) => Array.from(bytes ? piece : piece.replace(/^##/, '')).length);
    const offsets = unitOffsets(word, bytes);
    const total = lengths.reduce((sum, length) => sum + length, 0);
    if (bytes && total === offsets.length) offsets.unshift(0); // a space that was put before it
    const span = (id: number, from: number, until: number): PieceSpan => {
      const [start, end] = trimmed(word, from, until);
      return { id, start: begin + start, end: begin + end };
    };
    if (total !== offsets.length - 1 || lengths.includes(0))
      return orWhole ? ids.map((id) => span(id, 0, word.length)) : undefined;
    let at = 0;
    return ids.map((id, i) => {
      const from = offsets[at]!;
      at += lengths[i]!;
      let until = at;
      // Bytes of one character in two pieces: both stand for the whole of it.
      while (offsets[until] === offsets[at - 1]) until++;
      return span(id, from, offsets[until]!);
    });
  };
  return (text, most) => {
    const whole = bytes ? spansOf(text, 0, false) : undefined;
    if (whole) return whole;
    const all: PieceSpan[] = [];
    for (const { 0: word, index } of text.matchAll(words)) {
      all.push(...spansOf(word, index, true)!);
      if (all.length > most) break;
    }
    return all;
  };
}
