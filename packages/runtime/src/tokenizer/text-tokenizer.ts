// Text to ids, those of transformers' fast tokenizers: singles lose their end, pairs lose tokens longest first.
import type { Tokens } from '../encoder/index.js';
import { isObject, type JsonObject } from '../json.js';
import { type Files, readDefinition, templatesOf, unusable } from './definition.js';
import { createHfTokenizer, type HfTokenizer } from './hf-tokenizers.js';
import { mendFor, type Normaliser } from './mend.js';
import { type BeginningOf, type OffsetEncoder, offsetEncoder } from './offsets.js';
import { fillTemplate, specialsOf } from './template.js';
import { longestFirst, readUntil } from './truncation.js';

/** An input, and whether ids had to be left out. */
export interface EncodedText extends Tokens {
  readonly truncated: boolean;
}

export interface TextTokenizer {
  /** At most `maxLength` ids, special tokens among them; at least those. */
  encode(text: string, pair: string | undefined, maxLength: number): EncodedText;
  /** The ids of a pair, whole; `at` is where those of `b` begin. */
  join(a: ArrayLike<number>, b: ArrayLike<number>): Tokens & { readonly at: number };
  /** Ids and pieces, no special tokens added: a long text is not read to its end. */
  readonly beginningOf: BeginningOf;
  /** The same with the stretch of text that each stands for. */
  readonly withOffsets: OffsetEncoder;
  /** Special tokens around a pair. */
  readonly pairSpecials: number;
}

/** Of a text that are read first, for each token that it may have: words have some five for each of their pieces. */
const CHARACTERS = 16;

/** Ids of pieces that continue a word, where the model marks them (WordPiece: ##). */
function continuingPieces({ continuing_subword_prefix: prefix, vocab }: JsonObject): ReadonlySet<number> {
  if (typeof prefix !== 'string' || prefix === '' || !isObject(vocab)) return new Set();
  const pieces = Object.entries(vocab).filter(([piece]) => piece.startsWith(prefix));
  return new Set(pieces.map(([, id]) => Number(id)));
}

/** What follows the pieces is done here, not by the library: the bundle leaves that part of it out. */
function build(definition: JsonObject): HfTokenizer {
  try {
    return createHfTokenizer({ ...definition, post_processor: null, decoder: null });
  } catch (cause) {
    throw unusable(`tokenizer.json: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
}

/** The tokenizer in the files of a pack, or undefined where they define none. */
export function textTokenizer(files: Files): TextTokenizer | undefined {
  const definition = readDefinition(files);
  if (!definition) return undefined;
  const { model, normalizer } = definition;
  if (!isObject(model) || !isObject(model['vocab']))
    throw unusable('tokenizer.json: "model": expected ids by piece (WordPiece, BPE)');
  const hf = build(definition);
  const templates = templatesOf(definition);
  const continuing = continuingPieces(model);
  const mend = mendFor(isObject(normalizer) ? (normalizer as Normaliser) : undefined);
  const beginningOf: BeginningOf = (whole, most) => {
    for (let length = CHARACTERS * (most + 1); ; length *= 2) {
      const end = whole.slice(length).search(/\s/);
      const text = end < 0 ? whole : whole.slice(0, length + end);
      const read = hf.encode(mend(text), { add_special_tokens: false });
      if (end < 0 || read.ids.length > most) return { ...read, text };
    }
  };
  const encode = (text: string, pair: string | undefined, maxLength: number): EncodedText => {
    const template = pair === undefined ? templates.single : templates.pair;
    const all = [text, pair ?? ''].map((part) => beginningOf(part, maxLength).ids) as [
      readonly number[],
      readonly number[],
    ];
    const [a, b] = all.map((ids) => readUntil(ids, maxLength, continuing)) as typeof all;
    const [keptA, keptB] = longestFirst(a.length, b.length, maxLength - specialsOf(template));
    const { ids, typeIds } = fillTemplate(template, { A: a.slice(0, keptA), B: b.slice(0, keptB) });
    return { ids, typeIds, truncated: keptA < all[0].length || keptB < all[1].length };
  };
  return {
    encode,
    join: (a, b) => {
      const { ids, typeIds, begin } = fillTemplate(templates.pair, { A: a, B: b });
      return { ids, typeIds, at: begin.B };
    },
    beginningOf,
    withOffsets: offsetEncoder(definition, beginningOf),
    pairSpecials: specialsOf(templates.pair),
  };
}
