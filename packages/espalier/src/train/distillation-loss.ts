// The soft cross-entropy of distillation (Hinton et al., 2015), over logits that are all there.
import type { Node } from '../graph/node.js';
import { logSoftmax, mul, reduceSum, scale, softmax, sub } from '../graph/ops/index.js';

/** [rows, classes] x 2 -> [rows, 1]: T^2 * KL(softmax(teacher / T) || softmax(student / T)) per row. */
export function distillationLoss(student: Node, teacher: Node, temperature: number): Node {
  const soft = softmax(scale(teacher, 1 / temperature));
  const difference = sub(
    logSoftmax(scale(teacher, 1 / temperature)),
    logSoftmax(scale(student, 1 / temperature)),
  );
  return scale(reduceSum(mul(soft, difference), [1], true), temperature ** 2);
}
