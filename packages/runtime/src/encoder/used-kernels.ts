// Which kernels an encoder calls: no others need be compiled and tested.
import type { KernelName } from '../kernels/program.js';
import { GATHER } from './tables.js';
import type { EncoderOf, LinearWeights, Table } from './weights.js';

type LayerForm = LinearWeights['form'];

/** An encoder by the forms of its layers and tables. */
export type EncoderForms = EncoderOf<LayerForm, Table['form'], unknown>;

const OF_LAYER: Readonly<Record<LayerForm, readonly KernelName[]>> = {
  dense: ['denseF32', 'denseOne'],
  f32: ['spmmF32'],
  q15: ['quantiseQ15', 'spmmQ15'],
  int8: ['quantiseInt8', 'spmmInt8'],
  quads: ['quantiseQuads', 'spmmQuads'],
};

/** The GELU before a layer: as exact as the form that the layer reads it in. */
export const GELU_BEFORE = {
  dense: 'gelu',
  f32: 'gelu',
  q15: 'geluNear',
  int8: 'geluRough',
  quads: 'geluRough',
} as const satisfies Record<LayerForm, KernelName>;

/** In what attention is computed beside projections of a form: in bytes it takes four features of a head together, in 16 bits two. */
export function attentionForm(form: LayerForm, headSize: number): 'f32' | 'q15' | 'int8' {
  if (form === 'dense' || form === 'f32' || headSize % 2 > 0) return 'f32';
  return form === 'q15' || headSize % 4 > 0 ? 'q15' : 'int8';
}

const OF_ATTENTION: Readonly<Record<ReturnType<typeof attentionForm>, readonly KernelName[]>> = {
  f32: ['attention'],
  q15: ['quantiseHeads', 'quantiseValues', 'attentionFixed'],
  int8: ['quantiseQueries', 'quantiseKeys', 'quantiseByteValues', 'attentionInt8'],
};

/** As forward.ts chooses them. */
export function usedKernels({ embeddings, blocks, head, headSize }: EncoderForms): KernelName[] {
  const { words, positions, types } = embeddings;
  const names = new Set<KernelName>(['addNorm']);
  const add = (all: readonly KernelName[]): void => {
    for (const name of all) names.add(name);
  };
  add([words, positions, ...(types ? [types] : [])].map((form) => GATHER[form]));
  for (const { attention, attended, wide, narrow } of blocks) {
    const layers = [
      attended,
      narrow,
      ...(wide ? [wide] : []),
      ...(attention ? Object.values(attention) : []),
    ];
    for (const form of layers) add(OF_LAYER[form]);
    if (attention) add(OF_ATTENTION[attentionForm(attention.query, headSize)]);
    if (wide) add([GELU_BEFORE[narrow]]);
  }
  if (head) add(OF_LAYER[head.output]);
  if (head?.kind === 'classification') add(OF_LAYER[head.dense]);
  return [...names].sort();
}
