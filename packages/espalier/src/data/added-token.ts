// An entry of `added_tokens` in tokenizer.json, in the form that Hugging Face tokenizers write.

/** An added token whose text is never split nor normalised. */
export const special = (id: number, content: string, lstrip = false) => ({
  id,
  content,
  single_word: false,
  lstrip,
  rstrip: false,
  normalized: false,
  special: true,
});
