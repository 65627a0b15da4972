// Logits of a model by the head it has: answer spans, the mix of layers, or the family's own.
import type { Node } from '../graph/node.js';
import type { Builder } from './builder.js';
import type { EncoderInputs } from './encoder.js';
import { familyOf } from './families.js';
import { classifierHead, spanHead } from './heads.js';
import { hasLayerMix, layerMixLogits } from './layer-mix.js';
import type { Model } from './model.js';
import { answersSpans } from './task-model.js';

/** [rows, labels], or of answer spans [rows, 2, length]. */
export function headLogits(b: Builder, model: Model, inputs: EncoderInputs): Node {
  const { config } = model;
  if (hasLayerMix(model)) return layerMixLogits(b, config, inputs);
  const { encode, head } = familyOf(config);
  if (answersSpans(model)) return spanHead(b, config, encode(b, config, inputs, false));
  return classifierHead(b, config, head, encode(b, config, inputs, true));
}
