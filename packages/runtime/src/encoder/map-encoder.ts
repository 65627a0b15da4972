// An encoder with every part made into something else: arrays or sections of a file into places in a memory.
import type { BlockOf, EncoderOf, HeadOf } from './weights.js';

/** What becomes of each part; `name` is what messages call it. */
export interface Parts<L, T, N, L2, T2, N2> {
  linear(of: L, name: string): L2;
  table(of: T, name: string): T2;
  norm(of: N, name: string): N2;
}

type LayersOf<L, N, L2, N2> = Pick<Parts<L, unknown, N, L2, unknown, N2>, 'linear' | 'norm'>;

function mapBlock<L, N, L2, N2>(
  { attention, attended, attendedNorm, wide, narrow, norm }: BlockOf<L, N>,
  name: string,
  to: LayersOf<L, N, L2, N2>,
): BlockOf<L2, N2> {
  return {
    ...(attention && {
      attention: {
        query: to.linear(attention.query, `${name}.query`),
        key: to.linear(attention.key, `${name}.key`),
        value: to.linear(attention.value, `${name}.value`),
      },
    }),
    ...(wide && { wide: to.linear(wide, `${name}.wide`) }),
    attended: to.linear(attended, `${name}.attended`),
    attendedNorm: to.norm(attendedNorm, `${name}.attendedNorm`),
    narrow: to.linear(narrow, `${name}.narrow`),
    norm: to.norm(norm, `${name}.norm`),
  };
}

function mapHead<L, L2>(head: HeadOf<L>, linear: (of: L, name: string) => L2): HeadOf<L2> {
  const output = linear(head.output, 'head.output');
  if (head.kind === 'span') return { kind: 'span', output };
  return { ...head, dense: linear(head.dense, 'head.dense'), output };
}

export function mapEncoder<L, T, N, L2, T2, N2>(
  { embeddings, blocks, head, hidden, headSize, epsilon }: EncoderOf<L, T, N>,
  to: Parts<L, T, N, L2, T2, N2>,
): EncoderOf<L2, T2, N2> {
  const { words, positions, types, norm, firstPosition } = embeddings;
  return {
    ...{ hidden, headSize, epsilon },
    embeddings: {
      words: to.table(words, 'word embeddings'),
      positions: to.table(positions, 'position embeddings'),
      ...(types && { types: to.table(types, 'token type embeddings') }),
      ...{ firstPosition, norm: to.norm(norm, 'embeddings.norm') },
    },
    blocks: blocks.map((block, i) => mapBlock(block, `block ${i}`, to)),
    ...(head && { head: mapHead(head, (of, name) => to.linear(of, name)) }),
  };
}
