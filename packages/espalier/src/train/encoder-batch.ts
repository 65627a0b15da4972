// What every objective feeds an encoder: ids, token types and the bias that hides padding.
import type { Batch } from '../data/example.js';
import type { FeedArray } from '../engine/session.js';
import { input } from '../graph/program.js';
import type { BucketShape } from '../models/builder.js';
import type { EncoderInputs } from '../models/encoder.js';

/** Added to scores of padding: its probability is exactly 0 in f32. */
export const PADDING_BIAS = -1e9;

export const encoderInputs = ({ rows, length }: BucketShape): EncoderInputs => ({
  ids: input('ids', [length * rows], 'int32'),
  typeIds: input('type_ids', [length * rows], 'int32'),
  bias: input('attention_bias', [rows, length]),
});

/** Arrays for `encoderInputs`. */
export const encoderFeeds = (batch: Batch): Map<string, FeedArray> =>
  new Map<string, FeedArray>([
    ['ids', batch.ids],
    ['type_ids', batch.typeIds],
    ['attention_bias', Float32Array.from(batch.mask, (real) => (real ? 0 : PADDING_BIAS))],
  ]);
