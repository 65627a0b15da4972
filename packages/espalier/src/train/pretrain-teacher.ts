// The frozen teacher of pre-training: what its decoder of masked words reads at every position, and its logits of the
// next sentence, for every batch anew. Its decoder goes to the student's loss as weights, so that the logits over the
// vocabulary are never held as a whole.
import type { BucketShape } from '../models/builder.js';
import { createBuilder } from '../models/builder.js';
import { familyOf } from '../models/families.js';
import { nextSentenceHead, pool, wordTransform } from '../models/heads.js';
import type { Model } from '../models/model.js';
import { encoderInputs } from './encoder-batch.js';
import { createForward } from './forward.js';
import { modelFeed, plainWeights } from './predictor.js';
import { TEACHER_OUTPUTS } from './pretrain-objective.js';
import type { TeacherSource } from './teacher.js';
import type { Device } from '../engine/devices.js';

export function pretrainTeacher(
  model: Model,
  compute: { readonly threads: number; readonly device: Device },
  nextSentence: boolean,
): TeacherSource {
  const { config } = model;
  const { encode, head, words } = familyOf(config);
  const forward = createForward(
    {
      outputs(bucket) {
        const b = createBuilder(bucket, plainWeights(model));
        const sequence = encode(b, config, encoderInputs(bucket), false);
        return [
          { name: TEACHER_OUTPUTS.transformed, node: wordTransform(b, config, words, sequence) },
          ...(nextSentence
            ? [{ name: TEACHER_OUTPUTS.nextSentence, node: nextSentenceHead(b, pool(b, head, sequence)) }]
            : []),
        ];
      },
      feed: modelFeed(model),
    },
    compute,
  );
  const weight = (name: string): { readonly shape: readonly number[]; readonly data: Float32Array } =>
    model.tensors.get(name)!;
  const [table, bias] = [weight(words.decoder), weight(words.bias)];
  const shapes: Record<string, ((bucket: BucketShape) => readonly number[]) | undefined> = {
    [TEACHER_OUTPUTS.transformed]: ({ rows, length }) => [rows * length, table.shape[1]!],
    [TEACHER_OUTPUTS.nextSentence]: ({ rows }) => [rows, 2],
    [TEACHER_OUTPUTS.decoderWeight]: () => table.shape,
    [TEACHER_OUTPUTS.decoderBias]: () => bias.shape,
  };
  return {
    weights: new Map([
      [TEACHER_OUTPUTS.decoderWeight, table.data],
      [TEACHER_OUTPUTS.decoderBias, bias.data],
    ]),
    shape(name, bucket) {
      const shape = shapes[name];
      if (!shape) throw new Error(`the teacher of pre-training has no "${name}"`);
      return shape(bucket);
    },
    async fill(batch, targets) {
      await forward.run(batch.bucket, batch.feeds, targets);
    },
    release: () => forward.release(),
  };
}
