// Every directory we write has a tokenizer.json, which transformers.js and the fast tokenizers of transformers read,
// also where the model came with a vocab.txt alone.
import type { Tokenizer } from '../data/tokenizer.js';
import type { Model } from '../models/model.js';

const FILE = 'tokenizer.json';

/** The model with a tokenizer.json made from its tokenizer, if it has none. */
export function withTokenizerJson(model: Model, { definition }: Pick<Tokenizer, 'definition'>): Model {
  if (model.tokenizerFiles.has(FILE)) return model;
  const bytes = new TextEncoder().encode(`${JSON.stringify(definition, null, 2)}\n`);
  return { ...model, tokenizerFiles: new Map([...model.tokenizerFiles, [FILE, bytes]]) };
}
