// The check of a checkpoint's tensors against the table of its family, and the transformers class they belong to.
import { FormatError } from '../errors.js';
import type { HostTensor, Shape } from '../tensor/tensor.js';
import type { ModelConfig } from './config.js';
import { familyOf } from './families.js';
import { layerMixShapes } from './layer-mix.js';

/** The transformers class with exactly the parts that these tensors have, or undefined. */
export function architectureOf(config: ModelConfig, names: ReadonlySet<string>): string | undefined {
  const { tensors, architectures } = familyOf(config);
  const heads = [...tensors(config)].filter(([part]) => part !== 'embeddings' && part !== 'encoder');
  const present = heads
    .filter(([, shapes]) => shapes.some(([name]) => names.has(name)))
    .map(([part]) => part);
  return architectures.find(
    ([, parts]) => parts.length === present.length && parts.every((part) => present.includes(part)),
  )?.[0];
}

const show = (shape: Shape): string => `[${shape.join(', ')}]`;

/**
 * Checks that the tensors are those of a model of this config: embeddings (unless they may be absent) and encoder,
 * and every other part whole or not at all. Throws FormatError naming `path`, the tensor, expected and found.
 */
export function validateTensors(
  config: ModelConfig,
  tensors: ReadonlyMap<string, HostTensor>,
  path: string,
  { requireEmbeddings = true }: { requireEmbeddings?: boolean } = {},
): void {
  const expected = new Set<string>();
  const parts = [...familyOf(config).tensors(config), ['layer mix', layerMixShapes(config)] as const];
  for (const [part, shapes] of parts) {
    const required = part === 'encoder' || (part === 'embeddings' && requireEmbeddings);
    const wanted = required || shapes.some(([name]) => tensors.has(name));
    for (const [name, shape] of shapes) {
      expected.add(name);
      const found = tensors.get(name);
      if (!found && !wanted) continue;
      if (!found) {
        throw new FormatError(path, `tensor "${name}" (${part}) is missing; expected F32 ${show(shape)}`);
      }
      if (show(found.shape) !== show(shape)) {
        throw new FormatError(
          path,
          `tensor "${name}": expected ${show(shape)} from config.json, found ${show(found.shape)}`,
        );
      }
    }
  }
  const unknown = [...tensors.keys()].find((name) => !expected.has(name));
  if (unknown !== undefined) {
    throw new FormatError(
      path,
      `tensor ${JSON.stringify(unknown.slice(0, 80))} is not part of a ${config.model_type} of ` +
        `${config.num_hidden_layers} layers; expected embeddings, encoder, pooler and the heads of transformers`,
    );
  }
}
