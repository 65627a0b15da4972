// Vocabularies of older layouts as a tokenizer.json, with the settings that transformers gives the same files: BERT's
// vocab.txt, and the vocab.json and merges.txt of byte-level BPE (RoBERTa).

/** Looks a special token up, or throws. */
export type IdOf = (vocab: Readonly<Record<string, number>>, token: string) => number;

export interface WordPieceSettings {
  /** Default: true. */
  readonly do_lower_case?: boolean | undefined;
  /** Default: true. */
  readonly tokenize_chinese_chars?: boolean | undefined;
  /** Default: as `do_lower_case`. */
  readonly strip_accents?: boolean | null | undefined;
  readonly cls_token?: string | null | undefined;
  readonly sep_token?: string | null | undefined;
  readonly pad_token?: string | null | undefined;
  readonly mask_token?: string | null | undefined;
  readonly unk_token?: string | null | undefined;
}

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

export function fromVocabTxt(text: string, config: WordPieceSettings, idOf: IdOf) {
  const pieces = text.split(/\r?\n/);
  if (pieces.at(-1) === '') pieces.pop();
  const vocab: Record<string, number> = Object.fromEntries(pieces.map((piece, id) => [piece, id]));
  const unk = config.unk_token ?? '[UNK]';
  const cls = config.cls_token ?? '[CLS]';
  const sep = config.sep_token ?? '[SEP]';
  const specials = [config.pad_token ?? '[PAD]', unk, cls, sep, config.mask_token ?? '[MASK]'];
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specials.map((token) => special(idOf(vocab, token), token)),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: config.tokenize_chinese_chars ?? true,
      strip_accents: config.strip_accents ?? null,
      lowercase: config.do_lower_case ?? true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: { type: 'BertProcessing', sep: [sep, idOf(vocab, sep)], cls: [cls, idOf(vocab, cls)] },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: unk,
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab,
    },
  };
}

export function fromBytePairs(vocab: Record<string, number>, merges: string, idOf: IdOf) {
  const id = (token: string): number => idOf(vocab, token);
  const specials = ['<s>', '<pad>', '</s>', '<unk>'].map((token) => special(id(token), token));
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [...specials, special(id('<mask>'), '<mask>', true)],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: {
      type: 'RobertaProcessing',
      sep: ['</s>', id('</s>')],
      cls: ['<s>', id('<s>')],
      trim_offsets: true,
      add_prefix_space: false,
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: '',
      end_of_word_suffix: '',
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges: merges.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#version')),
    },
  };
}
