// Token ids with the stretch of text each stands for. Tokenizers give ids alone, whose lengths tell where each begins. Byte pairs keep
// every byte of a text. Others do not, so a text is cut into pieces that they treat independently, each is tokenised by itself.
// That the ids are those of the whole text is checked, not assumed.
import { SPACED_WORDS, stretchesOf, trimmed, wordsOf } from '@espalier/runtime/tokenizer';
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

const WORDS = /\S+/gu;

function styleOf({ definition }: Tokenizer): Style {
  const text = JSON.stringify(definition['pre_tokenizer'] ?? null);
  if (text.includes('"ByteLevel"')) return { chunks: SPACED_WORDS, unit: 'bytes' };
  return { chunks: text.includes('"BertPreTokenizer"') ? wordsOf(definition) : WORDS, unit: 'characters' };
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

/** Start and end of every id within its chunk. */
type Spans = NonNullable<ReturnType<typeof stretchesOf>>;

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
  const lengthOf = (id: number, chunk: string): number =>
    Array.from(id === tokenizer.unkId ? chunk + chunk : surfaceOf[id]!).length;
  /** Undefined where lengths do not add up. */
  const spansOf = (chunk: string, ids: readonly number[]): Spans | undefined =>
    stretchesOf(
      chunk,
      ids.map((id) => lengthOf(id, chunk)),
      unit === 'bytes',
    );
  const encode = (chunk: string): Chunk => {
    const found = known.get(chunk);
    if (found) return found;
    const ids = tokenizer.encodeToIds(chunk);
    // Where lengths do not add up, every id stands for the whole of it.
    const spans = spansOf(chunk, ids) ?? ids.map(() => trimmed(chunk, 0, chunk.length));
    const encoded = { ids, spans };
    if (known.size >= CAPACITY) known.clear();
    known.set(chunk, encoded);
    return encoded;
  };
  return (text) => {
    const whole = tokenizer.encodeToIds(text);
    const spans = unit === 'bytes' ? spansOf(text, whole) : undefined;
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
