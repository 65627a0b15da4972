// Ids of sentences, word by word with a cache where that cannot change them: BERT's and GPT-2's tokenizers treat what
// stands between spaces independently. A corpus repeats its words, and the library is slow.
import type { Tokenizer } from '../tokenizer.js';

/** Words that are remembered; natural text has fewer. */
const CAPACITY = 1 << 19;

/** Whether ids of a text are those of its words, each with the one space before it. */
function isWordwise({ definition }: Tokenizer): boolean {
  const { added_tokens, normalizer, model } = definition;
  const split = definition['pre_tokenizer'] as
    { type?: unknown; add_prefix_space?: unknown; use_regex?: unknown } | null | undefined;
  const independent = added_tokens.every(({ content, rstrip }) => !/\s/.test(content) && rstrip !== true);
  if (!independent) return false;
  if (split?.type === 'BertPreTokenizer') {
    return normalizer?.type === 'BertNormalizer' && model['type'] === 'WordPiece';
  }
  const plain = split?.add_prefix_space === false && split.use_regex !== false;
  return split?.type === 'ByteLevel' && plain && !normalizer && model['type'] === 'BPE';
}

/** White space that is more than one space between two words. */
const irregular = /^\s|\s$|\s\s|[^\S ]/;

/** A function from a sentence to its ids, which are those of `tokenizer.encodeToIds`. */
export function wordEncoder(tokenizer: Tokenizer): (sentence: string) => readonly number[] {
  if (!isWordwise(tokenizer)) return (sentence) => tokenizer.encodeToIds(sentence);
  const known = new Map<string, readonly number[]>();
  const idsOf = (word: string): readonly number[] => {
    let ids = known.get(word);
    if (ids === undefined) {
      if (known.size >= CAPACITY) known.clear();
      ids = tokenizer.encodeToIds(word);
      known.set(word, ids);
    }
    return ids;
  };
  return (sentence) => {
    if (irregular.test(sentence)) return tokenizer.encodeToIds(sentence);
    const all: number[] = [];
    for (let start = 0; start < sentence.length;) {
      const space = sentence.indexOf(' ', start + 1);
      const end = space === -1 ? sentence.length : space;
      for (const id of idsOf(sentence.slice(start, end))) all.push(id);
      start = end;
    }
    return all;
  };
}
