// Text to ids. Pieces come from @huggingface/tokenizers; special tokens, token types and truncation are here,
// as in the fast tokenizers of transformers: singles lose their end, pairs lose tokens longest first.
import { fillTemplate, longestFirst, mendFor, readUntil, specialsOf } from '@espalier/runtime/tokenizer';
import { FormatError, UsageError } from '../errors.js';
import { createHfTokenizer, type HfTokenizer } from './hf-tokenizers.js';
import { inputTemplates } from './input-template.js';
import { readDefinition, type TokenizerConfig, type TokenizerDefinition } from './tokenizer-definition.js';

/** One encoded input: ids with special tokens and without padding, and as many token types. */
export interface Encoding {
  readonly ids: Int32Array;
  readonly typeIds: Uint8Array;
}

export interface Tokenizer {
  /** The largest id plus one: the least number of embedding rows. */
  readonly vocabSize: number;
  readonly padId: number;
  readonly clsId: number;
  readonly sepId: number;
  readonly maskId?: number;
  readonly unkId?: number;
  /** As tokenizer.json would hold it, without truncation and padding. */
  readonly definition: TokenizerDefinition;
  /** At most `maxLength` ids with special tokens. Throws UsageError where not even those fit. */
  encode(text: string, pair: string | undefined, maxLength: number): Encoding;
  /** All ids of `text`, no special tokens added. */
  encodeToIds(text: string): number[];
  /** The ids of a pair with special tokens, whole; `at` is where those of `b` begin. */
  joinPair(a: ArrayLike<number>, b: ArrayLike<number>): Encoding & { readonly at: number };
  /** Text of `ids`, special tokens left out. */
  decode(ids: Iterable<number>): string;
}

/** Names tried where tokenizer_config.json gives none. XLNet has <s> and <cls>, and means the latter. */
const usualTokens = {
  pad_token: ['[PAD]', '<pad>'],
  cls_token: ['[CLS]', '<cls>', '<s>'],
  sep_token: ['[SEP]', '<sep>', '</s>'],
  mask_token: ['[MASK]', '<mask>'],
  unk_token: ['[UNK]', '<unk>'],
} as const;

function build(path: string, definition: TokenizerDefinition): HfTokenizer {
  try {
    return createHfTokenizer(definition);
  } catch (cause) {
    throw new FormatError(path, `cannot be used: ${(cause as Error).message}`, { cause });
  }
}

function sizeOfVocab({ model, added_tokens }: TokenizerDefinition): number {
  const ids = Array.isArray(model.vocab) ? [model.vocab.length - 1] : Object.values(model.vocab);
  return [...ids, ...added_tokens.map((token) => token.id)].reduce((a, b) => Math.max(a, b), -1) + 1;
}

/** Ids of pieces that continue a word, where the model marks them (WordPiece: ##) or all others (SentencePiece: ▁). */
export function continuingPieces({ model }: TokenizerDefinition): ReadonlySet<number> {
  if (Array.isArray(model.vocab)) {
    const others = model.vocab.flatMap(([piece], id) => (piece.startsWith('▁') ? [] : [id]));
    return new Set(others.length < model.vocab.length ? others : []);
  }
  const prefix = model['continuing_subword_prefix'];
  if (typeof prefix !== 'string' || prefix === '') return new Set();
  const pieces = Object.entries(model.vocab).filter(([piece]) => piece.startsWith(prefix));
  return new Set(pieces.map(([, id]) => id));
}

function specialId(hf: HfTokenizer, config: TokenizerConfig, role: keyof typeof usualTokens) {
  const named = config[role];
  const names = typeof named === 'string' ? [named] : usualTokens[role];
  return names.map((name) => hf.token_to_id(name)).find((id) => id !== undefined);
}

/**
 * The tokenizer in `files`, file name to bytes: tokenizer.json, else vocab.txt, else vocab.json and
 * merges.txt, else spiece.model; tokenizer_config.json names special tokens and, for vocab.txt, the normaliser's settings.
 * `directory` is where they lie, for messages. Throws FormatError for a broken file and EspalierError where
 * none defines a tokenizer.
 */
export function loadTokenizer(files: ReadonlyMap<string, Uint8Array>, directory = '.'): Tokenizer {
  const { path, definition, config } = readDefinition(files, directory);
  const hf = build(path, definition);
  const templates = inputTemplates(path, definition);
  const mend = mendFor(definition.normalizer);
  const continuing = continuingPieces(definition);

  const required = (role: 'pad_token' | 'cls_token' | 'sep_token'): number => {
    const id = specialId(hf, config, role);
    if (id !== undefined) return id;
    const names = config[role] ?? usualTokens[role].join(' or ');
    throw new FormatError(
      path,
      `expected a ${role} (${names}), found none; name it in tokenizer_config.json`,
    );
  };
  const maskId = specialId(hf, config, 'mask_token');
  const unkId = specialId(hf, config, 'unk_token');

  const encodeToIds = (text: string): number[] => hf.encode(mend(text), { add_special_tokens: false }).ids;

  const encode = (text: string, pair: string | undefined, maxLength: number): Encoding => {
    const template = pair === undefined ? templates.single : templates.pair;
    const budget = maxLength - specialsOf(template);
    if (budget < 0) {
      throw new UsageError(
        `max length: expected room for the special tokens, ${maxLength - budget}, found ${maxLength}`,
      );
    }
    const a = readUntil(encodeToIds(text), maxLength, continuing);
    const b = pair === undefined ? [] : readUntil(encodeToIds(pair), maxLength, continuing);
    const [keptA, keptB] = longestFirst(a.length, b.length, budget);
    const { ids, typeIds } = fillTemplate(template, { A: a.slice(0, keptA), B: b.slice(0, keptB) });
    return { ids, typeIds };
  };

  return {
    vocabSize: sizeOfVocab(definition),
    padId: required('pad_token'),
    clsId: required('cls_token'),
    sepId: required('sep_token'),
    ...(maskId !== undefined && { maskId }),
    ...(unkId !== undefined && { unkId }),
    definition,
    encode,
    encodeToIds,
    joinPair: (a, b) => {
      const { ids, typeIds, begin } = fillTemplate(templates.pair, { A: a, B: b });
      return { ids, typeIds, at: begin.B };
    },
    decode: (ids) => {
      const list = [...ids];
      return list.length === 0 ? '' : hf.decode(list, { skip_special_tokens: true });
    },
  };
}
