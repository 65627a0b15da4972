// A frozen teacher in fine-tuning: its logits are computed once per example, in a fixed order and before training,
// so that they do not depend on where a run was interrupted. Dropout is off and nothing of it is trained.
import type { Example } from '../data/example.js';
import type { Predictor } from './predictor.js';
import type { TeacherSource } from './trainer.js';

export async function teacherLogits(
  predictor: Predictor,
  examples: readonly Example[],
  width: number,
): Promise<TeacherSource> {
  const rows = await predictor.logits(examples);
  const byIndex = new Map(examples.map(({ index }, position) => [index, rows[position]!]));
  return {
    outputs: new Map([['logits', ({ rows: count }) => [count, width]]]),
    fill(_output, batch, target) {
      target.fill(0);
      for (const [row, { index }] of batch.examples.entries()) target.set(byIndex.get(index)!, row * width);
    },
  };
}
