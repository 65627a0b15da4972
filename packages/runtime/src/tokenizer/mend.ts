// What the BERT normaliser of @huggingface/tokenizers 0.2 gets otherwise than the reference, mended in the text it is given.

/** The settings of a tokenizer.json's normaliser. */
export interface Normaliser {
  readonly type: string;
  readonly [setting: string]: unknown;
}

const BEYOND_16_BITS = /[\u{20000}-\u{2A6DF}\u{2A700}-\u{2B81F}\u{2B920}-\u{2CEAF}\u{2F800}-\u{2FA1F}]/gu;

/**
 * A function that mends two points: a capital sigma at the end of a word (JavaScript lower-cases it to the final form, the
 * reference knows no context) and ideographs beyond 16 bits (which the library does not set apart).
 */
export function mendFor(normaliser: Normaliser | null | undefined): (text: string) => string {
  if (normaliser?.type !== 'BertNormalizer') return (text) => text;
  const lowercase = normaliser['lowercase'] === true;
  const ideographs = normaliser['handle_chinese_chars'] === true;
  return (text) => {
    const lowered = lowercase ? text.replaceAll('Σ', 'σ') : text;
    return ideographs ? lowered.replace(BEYOND_16_BITS, ' $& ') : lowered;
  };
}
