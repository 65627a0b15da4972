// Token ids with the stretch of text each stands for. Tokenizers give ids alone, whose lengths tell where each begins. Byte pairs keep
// every byte of a text. Others do not, so a text is cut into pieces that they treat independently, each is tokenised by itself.
// That the ids are those of the whole text is checked, not assumed.
import { continuingPieces, type Tokenizer } from '../tokenizer.js';
import type { TokenisedText } from './question.js';

export interface OffsetEncoder {
  (text: string): TokenisedText & {
    /** Whether the ids are those that the tokenizer gives the text as a whole. */
    readonly exact: boolean;
  };
}

/** How a tokenizer cuts text before it looks for pieces, and in what its pieces count. */
interface Style {
  /** Stretches of text whose ids do not depend on their neighbours. */
  readonly chunks: RegExp;
  readonly unit: 'bytes' | 'characters';
}

/** Marks of punctuation, and ideographs where they are set apart: each a word of its own for BERT. */
const MARKS = '!-/:-@[-`{-~\\p{P}';
const IDEOGRAPHS =
  '\\u4E00-\\u9FFF\\u3400-\\u4DBF\\uF900-\\uFAFF' +
  '\\u{20000}-\\u{2A6DF}\\u{2A700}-\\u{2B81F}\\u{2B920}-\\u{2CEAF}\\u{2F800}-\\u{2FA1F}';
/** What parts words for BERT; other white space is taken away. */
const SPACE = '\\t\\n\\r\\p{Z}';
/** Words, each with the white space before it. */
const SPACED_WORDS = /\s*\S+|\s+$/gu;
const WORDS = /\S+/gu;

function styleOf({ definition }: Tokenizer): Style {
  const text = JSON.stringify(definition['pre_tokenizer'] ?? null);
  if (text.includes('"ByteLevel"')) return { chunks: SPACED_WORDS, unit: 'bytes' };
  return { chunks: text.includes('"BertPreTokenizer"') ? wordsOf(definition) : WORDS, unit: 'characters' };
}

/** Added tokens, which stand as they are, marks and words of BERT. */
function wordsOf({ added_tokens: added, normalizer }: Tokenizer['definition']): RegExp {
  const apart = normalizer?.['handle_chinese_chars'] === false;
  const marks = apart ? MARKS : MARKS + IDEOGRAPHS;
  const tokens = added.map(({ content }) => content.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp([...tokens, `[${marks}]`, `[^${SPACE}${marks}]+`].join('|'), 'gu');
}

/** What each id stands for in its text: the piece without the marks of a beginning (▁) or a continuation (##). */
function surfaces({ definition, vocabSize }: Tokenizer): string[] {
  const { vocab } = definition.model;
  const pieces = new Array<string>(vocabSize).fill('');
  if (Array.isArray(vocab)) for (const [id, [piece]] of vocab.entries()) pieces[id] = piece;
  else for (const [piece, id] of Object.entries(vocab)) pieces[id] = piece;
  for (const { id, content } of definition.added_tokens) pieces[id] = content;
  const continuing = continuingPieces(definition);
  const prefix = definition.model['continuing_subword_prefix'];
  const marked = typeof prefix === 'string' ? prefix.length : 0;
  return pieces.map((piece, id) => (continuing.has(id) ? piece.slice(marked) : piece.replace(/^▁/, '')));
}

/** For each unit of `text`, and for its end, the UTF-16 offset of the character it belongs to. */
function unitOffsets(text: string, unit: Style['unit']): number[] {
  const offsets: number[] = [];
  let at = 0;
  for (const character of text) {
    const count = unit === 'bytes' ? Buffer.byteLength(character) : 1;
    for (let i = 0; i < count; i++) offsets.push(at);
    at += character.length;
  }
  return [...offsets, at];
}

/** Start and end of every id within its chunk. */
type Spans = readonly (readonly [start: number, end: number])[];

/** Undefined where lengths do not add up. */
function spansOf(chunk: string, pieces: readonly string[], unit: Style['unit']): Spans | undefined {
  const offsets = unitOffsets(chunk, unit);
  const lengths = pieces.map((piece) => Array.from(piece).length);
  const units = lengths.reduce((sum, length) => sum + length, 0);
  if (unit === 'bytes' && units === offsets.length) offsets.unshift(0); // a space that was put before it
  if (units !== offsets.length - 1) return undefined;
  let at = 0;
  return lengths.map((length) => {
    const start = offsets[at]!;
    at += length;
    if (length === 0) return [start, start];
    let end = at;
    // Bytes of one character in two tokens: both stand for the whole of it.
    while (offsets[end] === offsets[at - 1]) end++;
    return trimmed(chunk, start, offsets[end]!);
  });
}

/** The stretch without white space at its ends. */
function trimmed(text: string, start: number, end: number): readonly [number, number] {
  const part = text.slice(start, end);
  const from = start + part.length - part.trimStart().length;
  return [from, Math.max(from, start + part.trimEnd().length)];
}

interface Chunk {
  readonly ids: readonly number[];
  readonly spans: Spans;
}

/** Chunks that are remembered; natural text has fewer. */
const CAPACITY = 1 << 19;

export function offsetEncoder(tokenizer: Tokenizer): OffsetEncoder {
  const { chunks, unit } = styleOf(tokenizer);
  const surfaceOf = surfaces(tokenizer);
  const known = new Map<string, Chunk>();
  // What an unknown piece stands for is not known, so it gets a length that fits nothing.
  const piecesOf = (chunk: string, ids: readonly number[]): string[] =>
    ids.map((id) => (id === tokenizer.unkId ? chunk + chunk : surfaceOf[id]!));
  const encode = (chunk: string): Chunk => {
    const found = known.get(chunk);
    if (found) return found;
    const ids = tokenizer.encodeToIds(chunk);
    // Where lengths do not add up, every id stands for the whole of it.
    const spans =
      spansOf(chunk, piecesOf(chunk, ids), unit) ?? ids.map(() => trimmed(chunk, 0, chunk.length));
    const encoded = { ids, spans };
    if (known.size >= CAPACITY) known.clear();
    known.set(chunk, encoded);
    return encoded;
  };
  return (text) => {
    const whole = tokenizer.encodeToIds(text);
    const spans = unit === 'bytes' ? spansOf(text, piecesOf(text, whole), unit) : undefined;
    const all: { id: number; start: number; end: number }[] = [];
    if (spans) whole.forEach((id, i) => all.push({ id, start: spans[i]![0], end: spans[i]![1] }));
    else
      for (const { 0: chunk, index } of text.matchAll(chunks)) {
        const { ids, spans } = encode(chunk);
        for (const [i, id] of ids.entries()) {
          all.push({ id, start: index + spans[i]![0], end: index + spans[i]![1] });
        }
      }
    return {
      ids: Int32Array.from(all, ({ id }) => id),
      starts: Int32Array.from(all, ({ start }) => start),
      ends: Int32Array.from(all, ({ end }) => end),
      exact: whole.length === all.length && whole.every((id, i) => id === all[i]!.id),
    };
  };
}
