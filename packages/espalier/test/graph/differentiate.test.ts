// Reverse mode over whole expressions: shared nodes, chained products, stopped and exchanged gradients, tables.
import { describe, expect, it } from 'vitest';
import { differentiate } from '../../src/graph/differentiate.js';
import { evaluate } from '../../src/graph/evaluate.js';
import type { Node } from '../../src/graph/node.js';
import {
  add,
  gatherRows,
  gelu,
  gemm,
  gemmOp,
  layerNorm,
  linear,
  mul,
  reduceSum,
  round,
  scale,
  softmax,
  stop,
  straightThrough,
  sub,
  tanh,
  withAddend,
} from '../../src/graph/ops/index.js';
import { input, reachable, scalar } from '../../src/graph/program.js';
import {
  denseGradient,
  expectClose,
  expectOnnxMatches,
  expectTwinGradients,
  type Feeds,
  gridValues,
  runOnnx,
  uniform,
  weightedSum,
} from './harness.js';

const [TOKENS, WIDTH] = [4, 3];
const random = uniform(3);
const feeds: Feeds = new Map([
  ['x', gridValues(TOKENS * WIDTH, -1, 1, random)],
  ['w', gridValues(WIDTH * WIDTH, -1, 1, random)],
  ['v', gridValues(WIDTH * WIDTH, -1, 1, random)],
  ['table', gridValues(5 * WIDTH, -1, 1, random)],
  ['ids', [3, 0, 3, 4]],
]);
const x = input('x', [TOKENS, WIDTH]);
const w = input('w', [WIDTH, WIDTH]);
const v = input('v', [WIDTH, WIDTH]);
const table = input('table', [5, WIDTH]);
const ids = input('ids', [TOKENS], 'int64');

async function expectGradients(loss: Node, parameters: readonly Node[]): Promise<void> {
  expectTwinGradients(loss, parameters, feeds);
  await expectOnnxMatches([loss], differentiate(loss, parameters).values(), feeds);
}

describe('differentiate', () => {
  it('adds what every use of a shared node contributes', async () => {
    const h = tanh(linear(x, w));
    await expectGradients(weightedSum(add(mul(h, linear(h, v)), softmax(h))), [x, w, v]);
  });

  it('chains sums of products through the C input of Gemm, with the value of a plain sum', async () => {
    const loss = weightedSum(add(add(linear(x, w), gemm(x, v, { alpha: 0.5 })), linear(x, v)));
    await expectGradients(loss, [x, w, v]);
    const dx = differentiate(loss, [x]).get(x)!.dense!;
    const gradientOps = reachable([dx]).filter(({ outputs }) => outputs[0]!.id > loss.id);
    expect(gradientOps.filter(({ op }) => op.name === 'Add')).toEqual([]);
    expect(gradientOps.filter(({ op, inputs }) => op === gemmOp && inputs.length === 3)).toHaveLength(2);
  });

  it('withAddend equals a plain sum, and takes only a product that has no C', async () => {
    const product = gemm(x, w, { transB: true, alpha: 0.25 });
    const fused = withAddend(product, x)!;
    const [a, b] = evaluate([fused, add(product, x)], feeds);
    expect(a).toEqual(b);
    await expectOnnxMatches([fused], [], feeds);
    expect(withAddend(fused, x)).toBeUndefined();
    expect(withAddend(tanh(x), x)).toBeUndefined();
  });

  it('of a residual block with layer norm and GELU', async () => {
    const bias = input('bias', [WIDTH]);
    feeds.set('bias', gridValues(WIDTH, -1, 1, random));
    const h = layerNorm(add(x, linear(gelu(linear(x, w, bias)), v)), bias, bias, 1e-12);
    await expectGradients(weightedSum(h), [x, w, v, bias]);
  });

  it('leaves out a parameter the loss does not depend on', () => {
    const gradients = differentiate(weightedSum(linear(x, w)), [w, v]);
    expect([...gradients.keys()]).toEqual([w]);
  });

  it('stops where it is told', () => {
    const loss = weightedSum(mul(stop(linear(x, w)), linear(x, v)));
    expect([...differentiate(loss, [w, v]).keys()]).toEqual([v]);
    const [held] = evaluate([linear(x, w)], feeds);
    // With the stopped factor held at its value the expression is linear in v, so differences apply.
    const factor = input('factor', [TOKENS, WIDTH]);
    const heldFeeds: Feeds = new Map(feeds).set('factor', [...held!.data]);
    expectTwinGradients(weightedSum(mul(factor, linear(x, v))), [v], heldFeeds);
    const gradient = (of: Node): number[] =>
      denseGradient(differentiate(of, [v]).get(v)!, v.shape, heldFeeds);
    expect(gradient(loss)).toEqual(gradient(weightedSum(mul(factor, linear(x, v)))));
  });

  it('with respect to a node inside', async () => {
    const h = linear(x, w);
    const rest = (node: Node): Node => weightedSum(mul(tanh(node), node));
    const dh = differentiate(rest(h), [h, w]);
    expect([...dh.keys()]).toEqual([h, w]);
    const cut = input('cut', h.shape);
    const cutFeeds: Feeds = new Map(feeds).set('cut', [...evaluate([h], feeds)[0]!.data]);
    expectClose(
      denseGradient(dh.get(h)!, h.shape, feeds),
      denseGradient(differentiate(rest(cut), [cut]).get(cut)!, h.shape, cutFeeds),
      1e-12,
      'gradient of the inner node',
    );
    expectTwinGradients(rest(h), [w], feeds);
    await expectOnnxMatches([], dh.values(), feeds);
  });

  it('of the loss itself is 1, and a loss is a scalar', () => {
    const loss = reduceSum(x);
    expect(evaluate([differentiate(loss, [loss]).get(loss)!.dense!], feeds)[0]!.data).toEqual(
      Float64Array.of(1),
    );
    expect(() => differentiate(x, [x])).toThrow('must be a scalar, found [4,3]');
  });
});

it('refuses the second derivative of layer norm', () => {
  const once = differentiate(weightedSum(layerNorm(x, input('g', [3]), input('b', [3]), 1e-5)), [x]);
  expect(() => differentiate(weightedSum(once.get(x)!.dense!), [x])).toThrow('no second derivative');
});

it('differentiates twice elsewhere', () => {
  const once = differentiate(weightedSum(softmax(gelu(linear(x, w)))), [x]);
  expectTwinGradients(weightedSum(once.get(x)!.dense!), [x, w], feeds);
});

describe('straightThrough', () => {
  const source = linear(x, w);
  // 1 / 3 makes `x + stop(q - x)` one rounding off.
  const quantised = scale(round(scale(source, 3)), 1 / 3);

  it('has the bits of the value and the gradient of the source', async () => {
    const node = straightThrough(quantised, source);
    const [result] = await runOnnx(
      [
        { name: 'node', node },
        { name: 'quantised', node: quantised },
        { name: 'sum', node: add(source, stop(sub(quantised, source))) },
      ],
      feeds,
    );
    expect(result!['node']).toEqual(result!['quantised']);
    expect(result!['sum']).not.toEqual(result!['quantised']);
    const through = differentiate(weightedSum(node), [w]).get(w)!;
    const direct = differentiate(weightedSum(source), [w]).get(w)!;
    expect(denseGradient(through, w.shape, feeds)).toEqual(denseGradient(direct, w.shape, feeds));
  });
});

describe('gathered tables', () => {
  it('leave their gradient as rows', async () => {
    const loss = weightedSum(tanh(linear(gatherRows(table, ids), w)));
    const { dense, rows } = differentiate(loss, [table]).get(table)!;
    expect(dense).toBeUndefined();
    expect(rows.map((part) => part.ids)).toEqual([ids]);
    await expectGradients(loss, [table, w]);
  });

  it('that are used densely too have both parts', async () => {
    const loss = weightedSum(gemm(gatherRows(table, ids), table, { transB: true }));
    const { dense, rows } = differentiate(loss, [table]).get(table)!;
    expect(dense).toBeDefined();
    expect(rows).toHaveLength(1);
    await expectGradients(loss, [table]);
  });

  it('that are gathered twice have two parts', async () => {
    const other = input('other', [2], 'int32');
    feeds.set('other', [4, 4]);
    const loss = add(weightedSum(gatherRows(table, ids)), weightedSum(tanh(gatherRows(table, other))));
    expect(differentiate(loss, [table]).get(table)!.rows).toHaveLength(2);
    await expectGradients(loss, [table]);
  });

  it('that are computed scatter their rows on the way to the parameter', async () => {
    const masked = mul(table, table);
    const loss = weightedSum(tanh(gatherRows(masked, ids)));
    expect(differentiate(loss, [table]).get(table)!.rows).toEqual([]);
    await expectGradients(loss, [table]);
  });

  it('that are computed and wanted themselves pass the gradient on', async () => {
    const masked = mul(table, scalar(0.5));
    const loss = weightedSum(tanh(gatherRows(masked, ids)));
    const gradients = differentiate(loss, [masked, table]);
    const ofMasked = denseGradient(gradients.get(masked)!, table.shape, feeds);
    const ofTable = denseGradient(gradients.get(table)!, table.shape, feeds);
    expect(ofTable).toEqual(ofMasked.map((value) => value / 2));
    await expectGradients(loss, [table]);
  });
});

describe('ONNX Runtime on two threads', () => {
  it('gives the same bits at every run, rows that meet at one id included', async () => {
    const [count, width, hidden] = [3000, 32, 48];
    const embedding = input('embedding', [16, width]);
    const projection = input('projection', [hidden, width]);
    const norm = input('norm', [hidden]);
    const bias = input('bias', [hidden]);
    const many: Feeds = new Map([
      ['embedding', gridValues(16 * width, -1, 1, random)],
      ['projection', gridValues(hidden * width, -1, 1, random)],
      ['norm', gridValues(hidden, -1, 1, random)],
      ['bias', gridValues(hidden, -1, 1, random)],
      ['positions', gridValues(count, 0, 16, random).map(Math.floor)],
    ]);
    const read = gatherRows(mul(embedding, embedding), input('positions', [count], 'int64'));
    const loss = weightedSum(softmax(gelu(layerNorm(linear(read, projection), norm, bias, 1e-5))));
    const gradients = [...differentiate(loss, [embedding, projection, norm, bias]).values()];
    const outputs = gradients.map(({ dense }, i) => ({ name: `gradient ${i}`, node: dense! }));
    expect(outputs).toHaveLength(4);
    const [first, ...others] = await runOnnx(outputs, many, { runs: 3 });
    for (const other of others) expect(other).toEqual(first);
    const twins = evaluate(
      outputs.map(({ node }) => node),
      many,
    );
    for (const [i, { name }] of outputs.entries()) expectClose(first![name]!, twins[i]!.data, 1e-5, name);
  });
});
