// The integer ops on random shapes: ONNX Runtime gives every integer of the f64 twin, and the parts together make the
// linear layer they stand for.
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../src/graph/evaluate.js';
import type { Node } from '../../src/graph/node.js';
import { encodeOnnx } from '../../src/graph/onnx.js';
import {
  add,
  dequantizeLinear,
  dynamicQuantizeLinear,
  gatherRows,
  gemm,
  matMulInteger,
  mul,
  quantizeLinear,
  toFloat,
} from '../../src/graph/ops/index.js';
import { byte, constant, input, scalar } from '../../src/graph/program.js';
import { random } from '../../src/random.js';
import { expectClose, type Feeds, runOnnx } from './harness.js';

// Weights within 64, so that processors which add two products in 16 bits find nothing to saturate.
const cases = Array.from({ length: 12 }, (_, seed) => {
  const generator = random(seed, 'integer-ops');
  const [rows, inner, columns] = [1, 2, 3].map(() => 1 + generator.integer(seed < 6 ? 9 : 70));
  const zeroPoint = [0, 255, 1 + generator.integer(254)][seed % 3]!;
  return { rows: rows!, inner: inner!, columns: columns!, zeroPoint, generator };
});

describe.each(cases)(
  '[$rows, $inner] x [$inner, $columns], zero point $zeroPoint',
  ({ rows, inner, columns, zeroPoint, generator }) => {
    const x = input('x', [rows, inner]);
    const weight = input('w', [inner, columns], 'int8');
    const weightScales = constant(
      Array.from({ length: columns }, () => 0.01 + generator.uniform()),
      [columns],
    );
    const feeds: Feeds = new Map([
      ['x', Array.from({ length: rows * inner }, () => generator.normal())],
      ['w', Array.from({ length: inner * columns }, () => generator.integer(129) - 64)],
    ]);
    const scale = 0.037;
    const q = quantizeLinear(x, scalar(scale), byte(zeroPoint));
    const real = dequantizeLinear(q, scalar(scale), { zeroPoint: byte(zeroPoint) });
    const layer = gemm(real, dequantizeLinear(weight, weightScales, { axis: 1 }));

    const run = async (nodes: Readonly<Record<string, Node>>): Promise<Record<string, number[]>> => {
      const outputs = Object.entries(nodes).map(([name, node]) => ({ name, node }));
      const [result] = await runOnnx(outputs, feeds, { standard: true });
      return result!;
    };
    const twin = (node: Node): number[] => Array.from(evaluate([node], feeds)[0]!.data);

    it('computes every integer of the twin', async () => {
      const product = matMulInteger(q, weight, byte(zeroPoint));
      const found = await run({ q, product });
      expect(found['q']).toEqual(twin(q));
      expect(found['product']).toEqual(twin(product));
    });

    it('quantises by the array’s own range within one step', async () => {
      const dynamic = dynamicQuantizeLinear(x);
      const found = await run({ ...dynamic });
      const values = feeds.get('x')!;
      const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
      expect(found['scale']![0]).toBeCloseTo((high - low) / 255, 7);
      const back = found['q']!.map((value) => (value - found['zeroPoint']![0]!) * found['scale']![0]!);
      for (const [i, value] of back.entries()) {
        expect(Math.abs(value - values[i]!)).toBeLessThanOrEqual(found['scale']![0]! * 1.001);
      }
    });

    it('is one layer in both forms: integers scaled, and reals multiplied', async () => {
      const scaled = mul(
        toFloat(matMulInteger(q, weight, byte(zeroPoint))),
        mul(scalar(scale), weightScales),
      );
      const found = await run({ scaled, layer });
      expectClose(found['scaled']!, twin(layer), 1e-5, 'integers');
      expectClose(found['layer']!, twin(layer), 1e-5, 'reals');
    });
  },
);

it('stores int8 and int32 in their own bytes', () => {
  const weight = input('w', [100, 40], 'int8');
  const bias = input('b', [40], 'int32');
  const x = toFloat(input('x', [1, 100], 'uint8'));
  const y = gemm(x, dequantizeLinear(weight, scalar(0.5)), { c: dequantizeLinear(bias, scalar(0.25)) });
  const bytes = encodeOnnx([{ name: 'y', node: y }], {
    initializers: new Map<string, Int8Array | Int32Array>([
      ['w', new Int8Array(4000)],
      ['b', new Int32Array(40)],
    ]),
  });
  expect(bytes.length).toBeGreaterThan(4160);
  expect(bytes.length).toBeLessThan(4160 + 700);
});

it('reads rows of an int8 table', async () => {
  const rows = gatherRows(input('table', [3, 2], 'int8'), input('ids', [2], 'int64'));
  const feeds: Feeds = new Map([
    ['table', [1, -2, 3, -4, 127, -127]],
    ['ids', [2, 0]],
  ]);
  const [result] = await runOnnx([{ name: 'y', node: add(toFloat(rows), scalar(0)) }], feeds);
  expect(result!['y']).toEqual([127, -127, 1, -2]);
});
