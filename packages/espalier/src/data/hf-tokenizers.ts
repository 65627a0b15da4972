// The part of @huggingface/tokenizers 0.2 that Espalier uses, with types. The package's own declarations use
// imports without extensions, which TypeScript cannot resolve under NodeNext, so all of it falls to `any`.
import { Tokenizer } from '@huggingface/tokenizers';

/** A tokenizer of the package. It knows no truncation and no padding; we add the special tokens ourselves. */
export interface HfTokenizer {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[]; tokens: string[] };
  /** Throws on an empty list. */
  decode(ids: number[], options: { skip_special_tokens: boolean }): string;
  token_to_id(token: string): number | undefined;
}

/** Builds a tokenizer from a parsed tokenizer.json. Throws a plain Error where it cannot. */
export const createHfTokenizer = (definition: object): HfTokenizer =>
  // eslint-disable-next-line @typescript-eslint/no-unsafe-return, @typescript-eslint/no-unsafe-call -- see above
  new Tokenizer(definition, {});
