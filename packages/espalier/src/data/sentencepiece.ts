// A lone spiece.model (SentencePiece's protobuf: pieces with scores, training and normaliser settings) as the
// tokenizer.json that transformers makes of XLNet's. Field numbers:
// https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto
import { special } from '@espalier/runtime/tokenizer';
import { FormatError } from '../errors.js';
import type { TokenizerConfig, TokenizerDefinition } from './tokenizer-definition.js';

const [UNIGRAM, NORMAL, UNKNOWN, CONTROL, USER_DEFINED] = [1, 1, 2, 3, 4];

type Field = readonly [number: number, value: number | Uint8Array];

/** The fields of a protobuf message in order: integers as numbers, all else as bytes. */
function* fields(message: Uint8Array, path: string): Generator<Field> {
  let at = 0;
  const take = (count: number): Uint8Array => {
    if (at + count > message.length) {
      throw new FormatError(
        path,
        'expected a SentencePiece model, found a file that is cut short or another',
      );
    }
    return message.subarray(at, (at += count));
  };
  const integer = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = take(1)[0]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = integer();
    const [number, wire] = [Math.floor(key / 8), key % 8];
    if (wire === 0) yield [number, integer()];
    else if (wire === 1 || wire === 5) yield [number, take(wire === 1 ? 8 : 4)];
    else if (wire === 2) yield [number, take(integer())];
    else throw new FormatError(path, `expected a SentencePiece model, found wire type ${wire} of protobuf`);
  }
}

interface Piece {
  readonly text: string;
  readonly score: number;
  readonly type: number;
}

function pieceOf(message: Uint8Array, path: string): Piece {
  const found = new Map(fields(message, path));
  const [text, score, type] = [found.get(1), found.get(2), found.get(3) ?? NORMAL];
  if (!(text instanceof Uint8Array) || typeof type !== 'number') {
    throw new FormatError(path, 'expected a SentencePiece model, found a piece without text');
  }
  return {
    text: new TextDecoder().decode(text),
    score: score instanceof Uint8Array ? new DataView(score.buffer, score.byteOffset).getFloat32(0, true) : 0,
    type,
  };
}

interface SentencePiece {
  readonly pieces: readonly Piece[];
  /** Rules of the normaliser, in a form of its own. */
  readonly charsmap: Uint8Array;
}

function readSentencePiece(path: string, bytes: Uint8Array): SentencePiece {
  const pieces: Piece[] = [];
  let charsmap = new Uint8Array();
  let kind = UNIGRAM;
  for (const [number, value] of fields(bytes, path)) {
    if (!(value instanceof Uint8Array)) continue;
    if (number === 1) pieces.push(pieceOf(value, path));
    const inner = number === 2 || number === 3 ? new Map(fields(value, path)) : new Map<number, Field[1]>();
    if (number === 2) kind = Number(inner.get(3) ?? UNIGRAM);
    const rules = number === 3 ? inner.get(2) : undefined;
    if (rules instanceof Uint8Array) charsmap = Uint8Array.from(rules);
  }
  if (kind !== UNIGRAM) {
    throw new FormatError(path, `expected a unigram model (model_type 1), found model_type ${kind}`);
  }
  if (pieces.length === 0) throw new FormatError(path, 'expected a SentencePiece model, found no pieces');
  return { pieces, charsmap };
}

/** What transformers subtracts of the score of a piece that ends in a digit and a comma, so that they are split. */
const DIGIT_COMMA = 100;

/** The definition of XLNet's tokenizer from its spiece.model. Throws FormatError for another file. */
export function fromSentencePiece(
  path: string,
  bytes: Uint8Array,
  config: TokenizerConfig,
): TokenizerDefinition {
  const { pieces, charsmap } = readSentencePiece(path, bytes);
  const idOf = (text: string): number => {
    const id = pieces.findIndex((piece) => piece.text === text);
    if (id === -1) throw new FormatError(path, `expected the special token ${text}, found no such piece`);
    return id;
  };
  const isSpecial = ({ type, text }: Piece): boolean =>
    type === UNKNOWN || type === CONTROL || (type === USER_DEFINED && /^<.+>$/.test(text));
  const replaced = (text: string) => ({ type: 'Replace', pattern: { String: text }, content: '"' });
  const metaspace = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true };
  const [sep, cls] = [config.sep_token ?? '<sep>', config.cls_token ?? '<cls>'];
  const token = (id: string, type: number) => ({ SpecialToken: { id, type_id: type } });
  const part = (id: 'A' | 'B', type: number) => ({ Sequence: { id, type_id: type } });
  const named = (id: string) => [id, { id, ids: [idOf(id)], tokens: [id] }] as const;
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: pieces.flatMap((piece, id) => (isSpecial(piece) ? [special(id, piece.text)] : [])),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        replaced('``'),
        replaced("''"),
        ...(config.keep_accents ? [] : [{ type: 'NFKD' }, { type: 'StripAccents' }]),
        ...(config.do_lower_case === true ? [{ type: 'Lowercase' }] : []),
        { type: 'Precompiled', precompiled_charsmap: Buffer.from(charsmap).toString('base64') },
      ],
    },
    pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'WhitespaceSplit' }, metaspace] },
    post_processor: {
      type: 'TemplateProcessing',
      single: [part('A', 0), token(sep, 0), token(cls, 2)],
      pair: [part('A', 0), token(sep, 0), part('B', 1), token(sep, 1), token(cls, 2)],
      special_tokens: Object.fromEntries([sep, cls].map(named)),
    },
    decoder: metaspace,
    model: {
      type: 'Unigram',
      unk_id: pieces.findIndex(({ type }) => type === UNKNOWN),
      byte_fallback: false,
      vocab: pieces.map(({ text, score }): [string, number] => [
        text,
        /\d,$/.test(text) ? score - DIGIT_COMMA : score,
      ]),
    },
  };
}
