// The part of @huggingface/tokenizers 0.2 that this package uses, with types: the package's own declarations fall to `any`
// under NodeNext. It is the only import of another package, and the bundle has it inside.
import { Tokenizer } from '@huggingface/tokenizers';
import type { JsonObject } from '../json.js';

/** Finds pieces, and knows no truncation; special tokens are added elsewhere. */
export interface HfTokenizer {
  encode(
    text: string,
    options: { add_special_tokens: false },
  ): { readonly ids: readonly number[]; readonly tokens: readonly string[] };
  token_to_id(token: string): number | undefined;
}

/** Builds a tokenizer from a parsed tokenizer.json. Throws a plain Error where it cannot. */
export const createHfTokenizer = (definition: JsonObject): HfTokenizer =>
  // eslint-disable-next-line @typescript-eslint/no-unsafe-return, @typescript-eslint/no-unsafe-call -- see above
  new Tokenizer(definition, {});
