// A tokenizer's definition in the files of a pack: tokenizer.json, else vocab.txt, else vocab.json and merges.txt; and the
// templates of its inputs.
import { RuntimeError } from '../encoder/index.js';
import { isObject, type JsonObject } from '../json.js';
import { type InputTemplates, type Slot, usualTemplates } from './template.js';
import { fromBytePairs, fromVocabTxt, type IdOf, type WordPieceSettings } from './vocabularies.js';

export type Files = ReadonlyMap<string, Uint8Array>;

export const unusable = (what: string, cause?: unknown): RuntimeError =>
  new RuntimeError('tokenizer', `${what}; the tokenizer is damaged: pack the model again`, { cause });

function parse(files: Files, name: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text(files, name));
  } catch (cause) {
    throw unusable(`${name}: expected JSON`, cause);
  }
  if (isObject(value)) return value;
  throw unusable(`${name}: expected a JSON object`);
}

const text = (files: Files, name: string): string => new TextDecoder().decode(files.get(name));

/** The settings for a vocab.txt: switches, and names of tokens, which may stand as objects. */
function settingsOf(files: Files): WordPieceSettings {
  const config = files.has('tokenizer_config.json') ? parse(files, 'tokenizer_config.json') : {};
  const plain = Object.entries(config).map(([key, value]) => [
    key,
    isObject(value) && typeof value['content'] === 'string' ? value['content'] : value,
  ]);
  return Object.fromEntries(plain) as WordPieceSettings;
}

const isVocabulary = (value: unknown): value is Record<string, number> =>
  isObject(value) && Object.values(value).every((id) => typeof id === 'number');

const idIn =
  (name: string): IdOf =>
  (vocab, token) => {
    if (Object.hasOwn(vocab, token)) return vocab[token]!;
    throw unusable(`${name}: expected the special token ${token}, found no such piece`);
  };

/** As tokenizer.json has it, without truncation and padding; undefined where no file defines a tokenizer. */
export function readDefinition(files: Files): JsonObject | undefined {
  if (files.has('tokenizer.json'))
    return { ...parse(files, 'tokenizer.json'), truncation: null, padding: null };
  if (files.has('vocab.txt'))
    return fromVocabTxt(text(files, 'vocab.txt'), settingsOf(files), idIn('vocab.txt'));
  if (!files.has('vocab.json') || !files.has('merges.txt')) return undefined;
  const vocab = parse(files, 'vocab.json');
  if (!isVocabulary(vocab)) throw unusable('vocab.json: expected ids by piece');
  return fromBytePairs(vocab, text(files, 'merges.txt'), idIn('vocab.json'));
}

const numberAt = (value: unknown, where: string): number => {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
  throw unusable(`post_processor: ${where}: expected a whole number, found ${JSON.stringify(value)}`);
};

function slotsOf(list: unknown, tokens: unknown): Slot[] {
  if (!Array.isArray(list)) throw unusable('post_processor: expected a list of pieces');
  return list.flatMap((piece: unknown): Slot[] => {
    const { Sequence: part, SpecialToken: special } = isObject(piece) ? piece : {};
    if (isObject(part) && (part['id'] === 'A' || part['id'] === 'B'))
      return [{ kind: 'part', part: part['id'], typeId: numberAt(part['type_id'], 'type_id') }];
    const name = isObject(special) ? String(special['id']) : '';
    const token = isObject(tokens) ? tokens[name] : undefined;
    if (!isObject(special) || !isObject(token) || !Array.isArray(token['ids']))
      throw unusable(`post_processor: expected parts and special tokens, found ${JSON.stringify(piece)}`);
    const typeId = numberAt(special['type_id'], 'type_id');
    return token['ids'].map((id) => ({ kind: 'special', id: numberAt(id, name), typeId }));
  });
}

/** How special tokens surround one text or two. */
export function templatesOf({ post_processor: found }: JsonObject): InputTemplates {
  const listed = isObject(found) && Array.isArray(found['processors']) ? found['processors'] : [found];
  for (const candidate of listed as readonly unknown[]) {
    if (!isObject(candidate)) continue;
    const { type, cls, sep, single, pair, special_tokens: tokens } = candidate;
    if (type === 'TemplateProcessing')
      return { single: slotsOf(single, tokens), pair: slotsOf(pair, tokens) };
    if (
      (type === 'BertProcessing' || type === 'RobertaProcessing') &&
      Array.isArray(cls) &&
      Array.isArray(sep)
    )
      return usualTemplates(type, numberAt(cls[1], 'cls'), numberAt(sep[1], 'sep'));
  }
  throw unusable('post_processor: expected BertProcessing, RobertaProcessing or TemplateProcessing');
}
