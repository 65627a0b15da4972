// Cutting a vocabulary: a model keeps the embedding rows and decoder biases of some pieces, renumbered in their old
// order, and its tokenizer files follow, each in its own layout.
import { z } from 'zod';
import { UsageError } from '../errors.js';
import { decodeUtf8, parseJson } from '../io/json.js';
import { f32 } from '../tensor/tensor.js';
import { familyOf } from './families.js';
import { type KeptPieces, mergeText } from './kept-pieces.js';
import type { Model } from './model.js';

const count = z.int().nonnegative();
const record = z.record(z.string(), z.unknown());
const vocabulary = z.record(z.string(), count);
const named = z.looseObject({ ids: z.array(count) });
const processor = z.looseObject({
  sep: z.tuple([z.string(), count]).optional(),
  cls: z.tuple([z.string(), count]).optional(),
  special_tokens: z.record(z.string(), named).optional(),
});
const definition = z.looseObject({
  added_tokens: z.array(z.looseObject({ id: count })).default([]),
  post_processor: processor.nullish(),
  padding: z.looseObject({ pad_id: count }).nullish(),
  model: z.looseObject({
    vocab: vocabulary,
    merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])).optional(),
  }),
});

type Renumber = ReadonlyMap<number, number>;

const renumbered = (vocab: Readonly<Record<string, number>>, to: Renumber): Record<string, number> =>
  Object.fromEntries(
    Object.entries(vocab).flatMap(([piece, id]) => (to.has(id) ? [[piece, to.get(id)!] as const] : [])),
  );

function cutDefinition(value: unknown, to: Renumber, { merges }: KeptPieces): unknown {
  const { added_tokens: added, post_processor: post, padding, model, ...rest } = definition.parse(value);
  const token = ([name, id]: [string, number]): [string, number] => [name, to.get(id)!];
  return {
    ...rest,
    added_tokens: added.map((entry) => ({ ...entry, id: to.get(entry.id)! })),
    ...(post !== undefined && {
      post_processor: post && {
        ...post,
        ...(post.sep && { sep: token(post.sep) }),
        ...(post.cls && { cls: token(post.cls) }),
        ...(post.special_tokens && {
          special_tokens: Object.fromEntries(
            Object.entries(post.special_tokens).map(([name, entry]) => [
              name,
              { ...entry, ids: entry.ids.map((id) => to.get(id)!) },
            ]),
          ),
        }),
      },
    }),
    ...(padding !== undefined && { padding: padding && { ...padding, pad_id: to.get(padding.pad_id)! } }),
    model: {
      ...model,
      vocab: renumbered(model.vocab, to),
      ...(model.merges && { merges: model.merges.filter((merge) => merges.has(mergeText(merge))) }),
    },
  };
}

/** tokenizer_config.json lists added tokens under their ids. */
function cutTokenizerConfig(value: unknown, to: Renumber): unknown {
  const config = record.parse(value);
  const tokens = record.safeParse(config['added_tokens_decoder']).data;
  if (!tokens) return config;
  const entries = Object.entries(tokens).flatMap(([id, token]) => {
    const place = to.get(Number(id));
    return place === undefined ? [] : [[String(place), token] as const];
  });
  return { ...config, added_tokens_decoder: Object.fromEntries(entries) };
}

function cutFile(name: string, bytes: Uint8Array, to: Renumber, kept: KeptPieces): Uint8Array {
  const text = decodeUtf8(bytes, name, 'file');
  const lines = (): string[] => text.replace(/\r?\n$/, '').split(/\r?\n/);
  const encoded = (written: string): Uint8Array => new TextEncoder().encode(written);
  const json = (cut: (value: unknown) => unknown): Uint8Array =>
    encoded(`${JSON.stringify(cut(parseJson(text, name, 'file')), null, 2)}\n`);
  switch (name) {
    case 'vocab.txt':
      return encoded(
        `${lines()
          .filter((_, id) => to.has(id))
          .join('\n')}\n`,
      );
    case 'merges.txt':
      return encoded(
        `${lines()
          .filter((line) => line.startsWith('#version') || kept.merges.has(line))
          .join('\n')}\n`,
      );
    case 'vocab.json':
    case 'added_tokens.json':
      return json((value) => renumbered(vocabulary.parse(value), to));
    case 'tokenizer.json':
      return json((value) => cutDefinition(value, to, kept));
    case 'tokenizer_config.json':
      return json((value) => cutTokenizerConfig(value, to));
    default:
      return bytes; // special_tokens_map.json has no ids
  }
}

/** The config with the new size, and every "..._token_id" renumbered. */
function cutConfig(config: Model['config'], to: Renumber): Model['config'] {
  const ids = Object.entries(config).flatMap(([key, value]) =>
    key.endsWith('_token_id') && typeof value === 'number' && to.has(value)
      ? [[key, to.get(value)] as const]
      : [],
  );
  return { ...config, ...Object.fromEntries(ids), vocab_size: to.size };
}

/**
 * The model over the kept pieces alone. What it computes for texts of such pieces is what it computed before. Throws
 * UsageError for a quantised model, and where RoBERTa's padding, which positions count from, would move.
 */
export function cutVocabulary(model: Model, kept: KeptPieces): Model {
  const { config, tensors, tokenizerFiles, source } = model;
  if (model.quantisation) {
    throw new UsageError(`${source} is quantised: cut the vocabulary of the float32 model, then quantise`);
  }
  const to: Renumber = new Map(kept.ids.map((id, place) => [id, place]));
  const pad = config.pad_token_id;
  if (config.model_type === 'roberta' && typeof pad === 'number' && to.get(pad) !== pad) {
    throw new UsageError(
      `${source}: positions count from the padding id ${pad}, and cutting would move it; leave this vocabulary whole`,
    );
  }
  const { decoder, bias } = familyOf(config).words;
  const cut = new Map(tensors);
  for (const name of [decoder, bias]) {
    const tensor = tensors.get(name);
    if (!tensor) continue;
    const width = tensor.data.length / tensor.shape[0]!;
    const rows = new Float32Array(kept.ids.length * width);
    kept.ids.forEach((id, place) =>
      rows.set(tensor.data.subarray(id * width, (id + 1) * width), place * width),
    );
    cut.set(name, f32([kept.ids.length, ...tensor.shape.slice(1)], rows));
  }
  const files = [...tokenizerFiles].map(([name, bytes]) => [name, cutFile(name, bytes, to, kept)] as const);
  return { ...model, config: cutConfig(config, to), tensors: cut, tokenizerFiles: new Map(files) };
}
