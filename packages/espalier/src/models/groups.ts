// What belongs to one attention head or one feed-forward neuron: rows of the matrices it reads with, their biases, and
// columns of the matrix it is read by, whose bias belongs to the block. Taking groups out, and putting zeros in their
// place again.
import { f32, type HostTensor } from '../tensor/tensor.js';
import type { Blocks } from './blocks.js';
import type { ModelConfig } from './config.js';
import { headSize, type Structure, structureOf } from './structure.js';

export type GroupKind = keyof Structure;
export const GROUP_KINDS: readonly GroupKind[] = ['heads', 'neurons'];

/** A tensor seen as [outer, groups, inner]. */
export interface Member {
  readonly name: string;
  /** The axis along which the groups lie. */
  readonly axis: 0 | 1;
  readonly outer: number;
  readonly inner: number;
}

/** The heads or the neurons of one block. */
export interface Groups {
  readonly count: number;
  readonly members: readonly Member[];
  /** Of each group. */
  readonly parameters: number;
}

/** The groups of every block, by kind. */
export function groupsOf(blocks: Blocks, config: ModelConfig): Readonly<Record<GroupKind, Groups[]>> {
  const { hidden_size: hidden } = config;
  const { heads, neurons } = structureOf(config);
  const groups = (count: number, size: number, readers: readonly string[], read: string): Groups => {
    if (count === 0) return { count, members: [], parameters: 0 }; // there are no tensors
    const members = [
      ...readers.flatMap((name): Member[] => [
        { name: `${name}.weight`, axis: 0, outer: 1, inner: size * hidden },
        { name: `${name}.bias`, axis: 0, outer: 1, inner: size },
      ]),
      { name: `${read}.weight`, axis: 1, outer: hidden, inner: size } as const,
    ];
    return { count, members, parameters: members.reduce((sum, { outer, inner }) => sum + outer * inner, 0) };
  };
  const named = (block: number) => (layer: string) => `${blocks.prefix}${block}.${layer}`;
  return {
    heads: heads.map((count, block) => {
      const readers = [blocks.query, blocks.key, blocks.value].map(named(block));
      return groups(count, headSize(config), readers, named(block)(blocks.attended));
    }),
    neurons: neurons.map((count, block) =>
      groups(count, 1, [named(block)(blocks.wide)], named(block)(blocks.narrow)),
    ),
  };
}

/** Calls `visit` with every stretch of a member's entries that belongs to one group. */
export function eachStretch(
  { count }: Pick<Groups, 'count'>,
  { outer, inner }: Member,
  visit: (group: number, from: number, to: number) => void,
): void {
  for (let row = 0; row < outer; row++) {
    for (let group = 0; group < count; group++) {
      const from = (row * count + group) * inner;
      visit(group, from, from + inner);
    }
  }
}

type F32 = HostTensor<'F32'>;

/** The tensor with the groups `chosen`, in that order; what is not among its `count` groups is zero. */
function rearranged(tensor: F32, member: Member, count: number, chosen: readonly number[]): F32 {
  const { axis, outer, inner } = member;
  const data = new Float32Array(outer * chosen.length * inner);
  for (let row = 0; row < outer; row++) {
    for (const [place, group] of chosen.entries()) {
      if (group >= count) continue;
      const from = (row * count + group) * inner;
      data.set(tensor.data.subarray(from, from + inner), (row * chosen.length + place) * inner);
    }
  }
  const extent = (tensor.shape[axis]! / count) * chosen.length;
  return f32(
    tensor.shape.map((size, i) => (i === axis ? extent : size)),
    data,
  );
}

/** Replaces the tensors of the groups by those of the groups `kept`; without any the tensors go. */
export function keepGroups(
  tensors: Map<string, F32>,
  { count, members }: Groups,
  kept: readonly number[],
): void {
  for (const member of members) {
    const { name } = member;
    if (kept.length === 0) tensors.delete(name);
    else tensors.set(name, rearranged(tensors.get(name)!, member, count, kept));
  }
}

/** Adds groups of zeros until there are `total`, in the tensors that are there. */
export function padGroups(tensors: Map<string, F32>, { count, members }: Groups, total: number): void {
  const all = Array.from({ length: total }, (_, group) => group);
  for (const member of members) {
    const found = tensors.get(member.name);
    if (found) tensors.set(member.name, rearranged(found, member, count, all));
  }
}
