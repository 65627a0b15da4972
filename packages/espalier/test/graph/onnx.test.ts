// The ONNX writer: what ONNX Runtime loads and what it finds there. `scripts/check_onnx.py` runs onnx.checker.
import { InferenceSession } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { differentiate } from '../../src/graph/differentiate.js';
import { evaluate } from '../../src/graph/evaluate.js';
import type { Node } from '../../src/graph/node.js';
import { encodeOnnx, type NamedNode } from '../../src/graph/onnx.js';
import { protobufWriter } from '../../src/graph/protobuf.js';
import {
  add,
  batchGemm,
  concat,
  expand,
  gelu,
  linear,
  reduceSum,
  relativeShift,
  relu,
  reshape,
  scatterRows,
  slice,
  sliceEnd,
  softmax,
  tanh,
  transpose,
} from '../../src/graph/ops/index.js';
import { constant, input, integers } from '../../src/graph/program.js';
import { expectClose, gridValues, numbers, runOnnx, tensor, uniform } from './harness.js';

const x = input('x', [2, 3]);
const feeds = new Map([['x', [1, -2, 3, -4, 5, -6]]]);

describe('protobuf', () => {
  it('writes the wire forms of the specification', () => {
    const writer = protobufWriter();
    writer.integer(1, 150);
    writer.string(2, 'testing');
    writer.integer(3, -1);
    writer.float(4, 1);
    writer.message(5, (outer) => outer.message(6, (inner) => inner.integer(1, 150)));
    writer.message(7, () => undefined);
    const hex = Buffer.from(writer.finish()).toString('hex');
    expect(hex).toBe(
      '089601' + '120774657374696e67' + '18ffffffffffffffffff01' + '250000803f' + '2a053203089601' + '3a00',
    );
  });
});

describe('encodeOnnx', () => {
  it('gives two names to one node, and names to an input and to a constant', async () => {
    const y = relu(x);
    const outputs = [
      { name: 'first', node: y },
      { name: 'second', node: y },
      { name: 'same', node: x },
      { name: 'fixed', node: constant([1, 2], [2]) },
      { name: 'ids', node: integers([-1, 2 ** 40]) },
    ];
    const [result] = await runOnnx(outputs, feeds);
    expect(result).toEqual({
      first: [1, 0, 3, 0, 5, 0],
      second: [1, 0, 3, 0, 5, 0],
      same: feeds.get('x'),
      fixed: [1, 2],
      ids: [-1, 2 ** 40],
    });
  });

  it('gives a node that others read its output name', async () => {
    const y = relu(x);
    const [result] = await runOnnx(
      [
        { name: 'z', node: add(y, y) },
        { name: 'y', node: y },
      ],
      feeds,
    );
    expect(result).toEqual({ y: [1, 0, 3, 0, 5, 0], z: [2, 0, 6, 0, 10, 0] });
  });

  it("keeps its own names apart from the caller's", async () => {
    const [a, b] = [input('v0', [2]), input('v1', [2])];
    const y = tanh(relu(add(add(a, b), constant([0.5, 0.5], [2]))));
    const ends = new Map([
      ['v0', [1, 2]],
      ['v1', [3, 4]],
    ]);
    const [result] = await runOnnx(
      [
        { name: 'v2', node: relu(y) },
        { name: 'v3', node: y },
      ],
      ends,
    );
    expect(result!['v2']![0]).toBeCloseTo(Math.tanh(4.5), 6);
  });

  it('refuses one name for two values', () => {
    const twice = [
      { name: 'y', node: relu(x) },
      { name: 'y', node: tanh(x) },
    ];
    expect(() => encodeOnnx(twice)).toThrow('the name "y" is given to two');
    expect(() => encodeOnnx([{ name: 'x', node: relu(x) }])).toThrow('the name "x" is given to two');
    expect(() => encodeOnnx([{ name: 'y', node: add(x, input('x', [2, 3])) }])).toThrow(
      '"x" is given to two',
    );
  });

  it('writes the same bytes for the same construction', () => {
    const build = (): Uint8Array => {
      const start = input('x', [2, 3]);
      const h = linear(start, input('w', [4, 3]), constant([1, 2, 3, 4], [4]));
      return encodeOnnx([
        { name: 'y', node: add(slice(h, 1, 0, 2), slice(h, 1, 2, 4)) },
        { name: 'h', node: h },
      ]);
    };
    build(); // node ids differ from here on
    expect(Buffer.compare(build(), build())).toBe(0);
  });

  it('stores named weights', async () => {
    const y = linear(x, input('w', [2, 3]), input('b', [2]));
    const initializers = new Map([
      ['w', Float32Array.of(1, 0, 0, 0, 1, 0)],
      ['b', Float32Array.of(10, 20)],
    ]);
    const session = await InferenceSession.create(encodeOnnx([{ name: 'y', node: y }], { initializers }));
    expect(session.inputNames).toEqual(['x']);
    const result = await session.run({ x: tensor('float32', [2, 3], [5, 6, 7, 8, 9, 10]) });
    expect(numbers(result['y']!.data)).toEqual([15, 26, 18, 29]);
  });

  it('leaves extents open, and computes the shapes that depend on them', async () => {
    const heads = 2;
    // Self-attention over s-major tokens [length * rows, 4], of which the first position is kept: [rows, 4].
    const build = (rows: number, length: number): Node[] => {
      const tokens = reshape(transpose(input('tokens', [rows, length, 4]), [1, 0, 2]), [length * rows, 4]);
      const split = reshape(tokens, [length, rows * heads, 2]);
      const options = { batchSecondA: true, batchSecondB: true, transB: true };
      const bias = reshape(input('bias', [rows, length]), [rows, 1, 1, length]);
      const perHead = reshape(expand(bias, [rows, heads, 1, length]), [rows * heads, 1, length]);
      const weights = softmax(add(batchGemm(split, split, options), perHead));
      const context = transpose(batchGemm(weights, split, { batchSecondB: true }), [1, 0, 2]);
      return [slice(reshape(context, [length * rows, 4]), 0, 0, rows), weights];
    };
    const name = (nodes: readonly Node[]): NamedNode[] =>
      nodes.map((node, i) => ({ name: ['first', 'weights'][i]!, node }));
    const dynamic = [
      { name: 'rows', extent: 101, input: 'bias', axis: 0 },
      { name: 'length', extent: 103, input: 'bias', axis: 1 },
    ];
    for (const standard of [false, true]) {
      const session = await InferenceSession.create(encodeOnnx(name(build(101, 103)), { dynamic, standard }));
      const shapes = [...session.inputMetadata, ...session.outputMetadata].map(
        (value) => value.isTensor && value.shape,
      );
      expect(shapes.slice(0, 3)).toEqual([
        ['rows', 'length', 4],
        ['rows', 'length'],
        ['rows', 4],
      ]);
      for (const [rows, length] of [
        [1, 1],
        [2, 3],
        [5, 4],
      ] as const) {
        const values = new Map([
          ['tokens', gridValues(rows * length * 4, -1, 1, uniform(5))],
          ['bias', gridValues(rows * length, -1, 1, uniform(6))],
        ]);
        const result = await session.run({
          tokens: tensor('float32', [rows, length, 4], values.get('tokens')!),
          bias: tensor('float32', [rows, length], values.get('bias')!),
        });
        const nodes = build(rows, length);
        for (const [i, twin] of evaluate(nodes, values).entries()) {
          const output = result[name(nodes)[i]!.name]!;
          expect(output.dims).toEqual(twin.shape);
          expectClose(numbers(output.data), twin.data, 1e-5, `output ${i} of ${rows} rows, length ${length}`);
        }
      }
    }
  });

  it('leaves extents open in relative attention, and in what is counted from the end', async () => {
    const longest = 120;
    const table = constant(gridValues(2 * longest * 3, -1, 1, uniform(4)), [2 * longest, 3]);
    // Scores [rows, length, length] by distance, and the last tokens' [rows, length].
    const build = (rows: number, length: number): Node[] => {
      const tokens = reshape(transpose(input('tokens', [rows, length, 3]), [1, 0, 2]), [length * rows, 3]);
      const before = sliceEnd(slice(table, 0, 0, longest), 0, length);
      const after = slice(slice(table, 0, longest, 2 * longest), 0, 0, length);
      const distances = expand(reshape(concat([before, after], 0), [2 * length, 1, 3]), [
        2 * length,
        rows,
        3,
      ]);
      const options = { batchSecondA: true, batchSecondB: true, transB: true };
      const scores = batchGemm(reshape(tokens, [length, rows, 3]), distances, options);
      return [relativeShift(scores), sliceEnd(tokens, 0, rows)];
    };
    const name = (nodes: readonly Node[]): NamedNode[] =>
      nodes.map((node, i) => ({ name: ['scores', 'last'][i]!, node }));
    const dynamic = [
      { name: 'rows', extent: 101, input: 'tokens', axis: 0 },
      { name: 'length', extent: 103, input: 'tokens', axis: 1 },
    ];
    const bytes = encodeOnnx(name(build(101, 103)), { dynamic, standard: true });
    const session = await InferenceSession.create(bytes);
    for (const [rows, length] of [
      [1, 1],
      [3, 2],
      [2, 119],
    ] as const) {
      const values = new Map([['tokens', gridValues(rows * length * 3, -1, 1, uniform(5))]]);
      const result = await session.run({
        tokens: tensor('float32', [rows, length, 3], values.get('tokens')!),
      });
      const nodes = build(rows, length);
      for (const [i, twin] of evaluate(nodes, values).entries()) {
        const output = result[name(nodes)[i]!.name]!;
        expect(output.dims).toEqual(twin.shape);
        expectClose(numbers(output.data), twin.data, 1e-5, `output ${i} of ${rows} rows, length ${length}`);
      }
    }
  });

  it('keeps to ops of the standard where asked', () => {
    const a = input('a', [2, 3, 4]);
    const outputs = [{ name: 'y', node: gelu(batchGemm(a, a, { transB: true })) }];
    const domains = (bytes: Uint8Array): number =>
      Buffer.from(bytes).toString('latin1').split('com.microsoft').length - 1;
    expect(domains(encodeOnnx(outputs))).toBe(3); // two nodes and the opset import
    expect(domains(encodeOnnx(outputs, { standard: true }))).toBe(1);
  });

  it('stores equal small constants once and large ones as they come', () => {
    const zeros = (size: number): Float32Array => new Float32Array(size);
    const size = (length: number): number => {
      const ends = input('e', [length]);
      const y = add(add(ends, constant(zeros(length), [length])), constant(zeros(length), [length]));
      return encodeOnnx([{ name: 'y', node: y }]).length;
    };
    expect(size(16)).toBeLessThan(16 * 4 + 300);
    expect(size(2 ** 20)).toBeGreaterThan(2 * 2 ** 22);
  });

  it("keeps the zeros of a scattered table and of a slice's gradient out of the file", () => {
    const rows = scatterRows(input('rows', [2, 1024]), integers([1, 1]), [30522, 1024]);
    const table = input('table', [512, 1024]);
    const gradient = differentiate(reduceSum(slice(table, 0, 0, 16)), [table]).get(table)!.dense!;
    for (const node of [rows, gradient]) expect(encodeOnnx([{ name: 'y', node }]).length).toBeLessThan(1000);
  });
});
