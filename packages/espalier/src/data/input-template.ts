// Which special tokens and token types surround one text or two, read from the post-processor of a
// tokenizer.json: BERT's [CLS] a [SEP] b [SEP] with types 0 and 1, RoBERTa's <s> a </s> </s> b </s>, or a template.
import { type InputTemplates, type Slot, usualTemplates } from '@espalier/runtime/tokenizer';
import { z } from 'zod';
import { FormatError } from '../errors.js';
import type { TokenizerDefinition } from './tokenizer-definition.js';

const typeId = z.int().min(0).max(255);
const sequencePiece = z.object({ Sequence: z.object({ id: z.enum(['A', 'B']), type_id: typeId }) });
const specialPiece = z.object({ SpecialToken: z.object({ id: z.string(), type_id: typeId }) });
const pieces = z.array(z.union([sequencePiece, specialPiece]));
const named = z.tuple([z.string(), z.int().nonnegative()]);

const processorSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('BertProcessing'), sep: named, cls: named }),
  z.object({ type: z.literal('RobertaProcessing'), sep: named, cls: named }),
  z.object({
    type: z.literal('TemplateProcessing'),
    single: pieces,
    pair: pieces,
    special_tokens: z.record(z.string(), z.object({ ids: z.array(z.int().nonnegative()) })),
  }),
]);

type Processor = z.infer<typeof processorSchema>;

function slotsOf(
  path: string,
  list: z.infer<typeof pieces>,
  tokens: Readonly<Record<string, { ids: number[] }>>,
): Slot[] {
  return list.flatMap((piece): Slot[] => {
    if ('Sequence' in piece)
      return [{ kind: 'part', part: piece.Sequence.id, typeId: piece.Sequence.type_id }];
    const { id, type_id } = piece.SpecialToken;
    const token = tokens[id];
    if (!token) throw new FormatError(path, `post_processor: ${id} is not among its special_tokens`);
    return token.ids.map((one) => ({ kind: 'special', id: one, typeId: type_id }));
  });
}

function templatesOf(path: string, processor: Processor): InputTemplates {
  if (processor.type === 'TemplateProcessing') {
    const tokens = processor.special_tokens;
    return { single: slotsOf(path, processor.single, tokens), pair: slotsOf(path, processor.pair, tokens) };
  }
  return usualTemplates(processor.type, processor.cls[1], processor.sep[1]);
}

/** The templates of the definition in `path`. Throws FormatError where its post-processor adds no special tokens. */
export function inputTemplates(path: string, definition: TokenizerDefinition): InputTemplates {
  const found = definition.post_processor;
  const sequence = z
    .object({ type: z.literal('Sequence'), processors: z.array(z.unknown()) })
    .safeParse(found);
  for (const candidate of sequence.success ? sequence.data.processors : [found]) {
    const result = processorSchema.safeParse(candidate);
    if (result.success) return templatesOf(path, result.data);
  }
  throw new FormatError(
    path,
    `post_processor: expected BertProcessing, RobertaProcessing or TemplateProcessing, found ${found?.type ?? 'none'}`,
  );
}
