// Masks of stored tensors, applied: pruned elements become exactly +0. With slot 'dense', which holds what the mask
// hides, the weight is dense * mask, and dense and moments stay as they are.
import { offsetOf, type StoredTensor } from './arenas.js';
import type { FloatSlot } from './plan.js';

/** Makes the pruned elements of these slots zero, of those that the tensor has. */
export function maskSlots(tensor: StoredTensor, slots: readonly FloatSlot[]): void {
  const mask = offsetOf(tensor, 'mask');
  for (const slot of slots) {
    const x = tensor.offsets.get(slot);
    if (x !== undefined) tensor.kernels.applyMask({ x, mask, n: tensor.length });
  }
}

/** weight = dense * mask. */
export function copyUnderMask(tensor: StoredTensor): void {
  const mask = offsetOf(tensor, 'mask');
  const [y, x] = [offsetOf(tensor, 'weight'), offsetOf(tensor, 'dense')];
  tensor.kernels.maskedCopy({ y, x, mask, n: tensor.length });
}

/** What a changed mask asks for. */
export function applyMask(tensor: StoredTensor): void {
  maskSlots(tensor, ['grad', 'accum']);
  if (tensor.offsets.has('dense')) copyUnderMask(tensor);
  else maskSlots(tensor, ['weight', 'm', 'v']);
}
