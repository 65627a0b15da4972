// Every op of the list, case by case: the gradient rule against finite differences, both on the f64 twin; then the
// ONNX lowering of value and gradient, run by ONNX Runtime in f32, against the twin.
import { describe, expect, it } from 'vitest';
import { differentiate } from '../../src/graph/differentiate.js';
import { evaluate } from '../../src/graph/evaluate.js';
import type { Node } from '../../src/graph/node.js';
import * as op from '../../src/graph/ops/index.js';
import { byte, input, reachable } from '../../src/graph/program.js';
import { sizeOf } from '../../src/tensor/tensor.js';
import {
  expectOnnxMatches,
  expectTwinGradients,
  type Feeds,
  gridValues,
  runOnnx,
  uniform,
  weightedSum,
} from './harness.js';
import { OP_CASES, type OpCase } from './op-cases.js';

function prepare({ inputs, build }: OpCase): { y: Node; parameters: Node[]; feeds: Feeds } {
  const random = uniform(1);
  const feeds: Feeds = new Map();
  const nodes = inputs.map(({ shape, dtype, values }, i) => {
    const name = `x${i}`;
    feeds.set(name, 'exactly' in values ? values.exactly : gridValues(sizeOf(shape), ...values, random));
    return input(name, shape, dtype);
  });
  return { y: build(...nodes), parameters: nodes.filter(({ dtype }) => dtype === 'float32'), feeds };
}

it('names every op once, and the table names no other', () => {
  const names = op.OPS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(Object.keys(OP_CASES).filter((name) => !names.includes(name))).toEqual([]);
});

describe.each(op.OPS)('$name', (tested) => {
  const cases = OP_CASES[tested.name] ?? [];

  it('has cases, and each applies it', () => {
    expect(cases).not.toEqual([]);
    for (const opCase of cases) {
      expect(reachable([prepare(opCase).y]).some((application) => application.op === tested)).toBe(true);
    }
  });

  it.each(cases)('$title', async (opCase) => {
    const { y, parameters, feeds } = prepare(opCase);
    const loss = weightedSum(y);
    const gradients = differentiate(loss, parameters);
    const differentiable = tested.gradient !== undefined && y.dtype === 'float32';
    expect([...gradients.keys()]).toEqual(differentiable ? parameters : []);
    if (differentiable) expectTwinGradients(loss, parameters, feeds);
    await expectOnnxMatches(y.apply.outputs, gradients.values(), feeds);
  });
});

describe('shape rules refuse', () => {
  const real = (...shape: number[]): Node => input('x', shape);
  const ids = input('ids', [2], 'int64');
  it.each<[string, () => Node]>([
    ['shapes that do not broadcast', () => op.add(real(2, 3), real(2))],
    ['products of unequal inner extents', () => op.gemm(real(2, 3), real(2, 3))],
    ['a product of three axes', () => op.gemm(real(2, 3, 1), real(3, 2))],
    ['a C that does not broadcast', () => op.gemm(real(2, 3), real(3, 2), { c: real(3) })],
    ['unequal batches', () => op.batchGemm(real(2, 3, 4), real(3, 4, 2), {})],
    ['a reduction over no axis of the array', () => op.reduceSum(real(2, 3), [-1])],
    ['a reshape of another size', () => op.reshape(real(2, 3), [5])],
    ['a transposition that is no permutation', () => op.transpose(real(2, 3), [0, 0])],
    ['a transposition of fewer axes', () => op.transpose(real(2, 3), [0])],
    ['a slice past the end', () => op.slice(real(2, 3), 0, 1, 3)],
    ['an empty slice', () => op.slice(real(2, 3), 0, 1, 1)],
    ['a join along no axis of the array', () => op.concat([real(2), real(2)], -1)],
    ['a join of unequal extents', () => op.concat([real(2, 3), real(2, 2)], 0)],
    ['rows of a vector', () => op.gatherRows(real(3), ids)],
    ['rows of another width', () => op.scatterRows(real(2, 3), ids, [4, 2])],
    ['softmax of a scalar', () => op.softmax(real())],
    ['layer norm weights of another width', () => op.layerNorm(real(2, 3), real(3), real(2), 1e-5)],
    ['a vector of scales for uint8', () => op.quantizeLinear(real(2), real(2), byte(0))],
    ['scales for another axis', () => op.dequantizeLinear(real(2, 3), real(3))],
    ['an integer product of floats', () => op.matMulInteger(real(2, 3), real(3, 2), byte(0))],
    ['scales for another number of rows', () => op.fakeQuantWeight(real(3, 2), real(2))],
    ['more of the largest than there are', () => op.topK(real(3), 4, true)],
    ['a value and a source that differ', () => op.straightThrough(real(2), real(1, 2))],
  ])('%s', (_, build) => {
    expect(build).toThrow(/do not fit|cannot broadcast/);
  });
});

it('layer norm of constant rows is the bias, at the epsilon of BERT too', async () => {
  const [x, weight, bias] = [input('x', [3, 7]), input('weight', [7]), input('bias', [7])];
  const y = op.layerNorm(x, weight, bias, 1e-12);
  const feeds: Feeds = new Map([
    ['x', [0.1, 123.456, 0].flatMap((value) => new Array<number>(7).fill(Math.fround(value)))],
    ['weight', [1, 2, 3, 4, 5, 6, 7]],
    ['bias', [7, 6, 5, 4, 3, 2, 1]],
  ]);
  const [result] = await runOnnx([{ name: 'y', node: y }], feeds);
  for (const row of [0, 7, 14]) expect(result!['y']!.slice(row, row + 7)).toEqual(feeds.get('bias'));
});

// A race needs both threads at work, so a lowering that has one passes now and then: hence ten runs.
it('adds every one of many rows that meet at one id, on two threads', async () => {
  const [count, width] = [20_000, 64];
  const y = op.scatterRows(input('rows', [count, width]), input('ids', [count], 'int64'), [1, width]);
  const feeds: Feeds = new Map([
    ['rows', new Array<number>(count * width).fill(1)],
    ['ids', new Array<number>(count).fill(0)],
  ]);
  for (const result of await runOnnx([{ name: 'y', node: y }], feeds, { runs: 10 })) {
    expect(new Set(result['y'])).toEqual(new Set([count]));
  }
});

it('rounds half to even', () => {
  const x = [-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5];
  const [y] = evaluate([op.round(input('x', [8]))], new Map([['x', x]]));
  expect(Array.from(y!.data, (value) => value + 0)).toEqual([-4, -2, -2, 0, 0, 2, 2, 4]);
});

it('a row that is masked whole has equal probabilities', async () => {
  const [result] = await runOnnx(
    [{ name: 'y', node: op.softmax(input('x', [1, 4])) }],
    new Map([['x', [-1e9, -1e9, -1e9, -1e9]]]),
  );
  expect(result!['y']).toEqual([0.25, 0.25, 0.25, 0.25]);
});
