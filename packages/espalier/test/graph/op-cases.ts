// One table of cases per op: how to apply it and what to feed it. `ops.test.ts` walks the list of ops against it.
import { apply, type Node, type NodeDtype } from '../../src/graph/node.js';
import * as op from '../../src/graph/ops/index.js';
import { byte, constant, int8Zeros, scalar } from '../../src/graph/program.js';
import { type Shape, sizeOf } from '../../src/tensor/tensor.js';
import { gridValues, uniform } from './harness.js';

export interface InputSpec {
  readonly shape: Shape;
  readonly dtype: NodeDtype;
  /** Values drawn from an interval that avoids the op's kinks and poles, or the values themselves. */
  readonly values: readonly [low: number, high: number] | { readonly exactly: readonly number[] };
}

export interface OpCase {
  readonly title: string;
  readonly inputs: readonly InputSpec[];
  readonly build: (...inputs: Node[]) => Node;
}

const real = (shape: Shape, low = -2, high = 2): InputSpec => ({
  shape,
  dtype: 'float32',
  values: [low, high],
});
const exactly = (values: readonly number[], shape: Shape = [values.length]): InputSpec => ({
  shape,
  dtype: 'float32',
  values: { exactly: values },
});
const integers = (values: readonly number[], dtype: NodeDtype = 'int64'): InputSpec => ({
  shape: [values.length],
  dtype,
  values: { exactly: values },
});
const array = (dtype: NodeDtype, shape: Shape, values: readonly number[]): InputSpec => ({
  shape,
  dtype,
  values: { exactly: values },
});
const flags = (values: readonly number[], shape: Shape): InputSpec => ({
  shape,
  dtype: 'bool',
  values: { exactly: values },
});

/** Pairs of shapes: equal, ranks 0 to 4, broadcast to the left, to the right and both ways, extents of 1. */
const PAIRS: readonly (readonly [Shape, Shape])[] = [
  [[], []],
  [[3], []],
  [[], [2, 3]],
  [[2, 3], [3]],
  [[3], [2, 3]],
  [
    [2, 1],
    [1, 3],
  ],
  [
    [2, 3],
    [2, 3],
  ],
  [
    [1, 1],
    [2, 3],
  ],
  [
    [2, 1, 3],
    [4, 1],
  ],
  [
    [2, 1, 2, 1],
    [3, 1, 2],
  ],
  [[1], [1, 1, 1]],
];

const binary = (build: (x: Node, y: Node) => Node, low?: number, high?: number): OpCase[] =>
  PAIRS.map(([x, y]) => ({
    title: `[${x.join()}] with [${y.join()}]`,
    inputs: [real(x), real(y, low, high)],
    build,
  }));

const softLossCase = (title: string, rows: number, entries: number, chunk: number): OpCase => {
  const fixed = (shape: Shape, seed: number): Node =>
    constant(gridValues(sizeOf(shape), -1, 1, uniform(seed)), shape);
  return {
    title,
    inputs: [real([rows, 3]), real([entries, 3]), real([entries])],
    build: (x, weight, bias) => {
      const teacher = { x: fixed([rows, 2], 1), weight: fixed([entries, 2], 2), bias: fixed([entries], 3) };
      return op.softLinearLoss({ x, weight, bias }, teacher, fixed([rows, 1], 4), 2, chunk);
    },
  };
};

const SHAPES: readonly Shape[] = [[], [1], [5], [2, 3], [2, 1, 3], [2, 1, 2, 2]];

const unary = (build: (x: Node) => Node, low?: number, high?: number): OpCase[] =>
  SHAPES.map((shape) => ({ title: `[${shape.join()}]`, inputs: [real(shape, low, high)], build }));

const at = (build: (x: Node) => Node, values: readonly number[]): OpCase => ({
  title: `at ${values.join(', ')}`,
  inputs: [exactly(values)],
  build,
});

const BOOLEANS = [false, true] as const;

const gemmCases = BOOLEANS.flatMap((transA) =>
  BOOLEANS.flatMap((transB) =>
    [undefined, [], [4], [1, 4], [2, 1], [2, 4]].map((c, i): OpCase => {
      const [a, b] = [transA ? [3, 2] : [2, 3], transB ? [4, 3] : [3, 4]];
      const alpha = i % 2 === 0 ? 1 : 0.375;
      return {
        title: `transA ${transA}, transB ${transB}, alpha ${alpha}, c ${c ? `[${c.join()}]` : 'absent'}`,
        inputs: [real(a), real(b), ...(c ? [real(c)] : [])],
        build: (x, y, z?: Node) => op.gemm(x, y, { transA, transB, alpha, ...(z && { c: z }) }),
      };
    }),
  ),
);

const batchGemmCases = BOOLEANS.flatMap((transA) =>
  BOOLEANS.flatMap((transB) =>
    BOOLEANS.flatMap((batchSecondA) =>
      BOOLEANS.flatMap((batchSecondB) =>
        [
          { batch: 5, m: 2, k: 3, n: 4, alpha: 0.375 },
          { batch: 1, m: 1, k: 2, n: 1, alpha: 1 },
        ].map(({ batch, m, k, n, alpha }): OpCase => {
          const stored = ([rows, columns]: readonly [number, number], batchSecond: boolean): Shape =>
            batchSecond ? [rows, batch, columns] : [batch, rows, columns];
          const options = { transA, transB, batchSecondA, batchSecondB, alpha };
          return {
            title: Object.entries({ ...options, batch })
              .map((entry) => entry.join(' '))
              .join(', '),
            inputs: [
              real(stored(transA ? [k, m] : [m, k], batchSecondA)),
              real(stored(transB ? [n, k] : [k, n], batchSecondB)),
            ],
            build: (a, b) => op.batchGemm(a, b, options),
          };
        }),
      ),
    ),
  ),
);

const reduceCases = (build: typeof op.reduceSum): OpCase[] =>
  BOOLEANS.flatMap((keep) =>
    (
      [
        [[], undefined],
        [[2, 3], undefined],
        [[2, 3], [0]],
        [[2, 3], [1]],
        [[2, 3], []],
        [
          [2, 3, 2],
          [0, 2],
        ],
        [
          [1, 3, 1],
          [2, 0],
        ],
        [
          [2, 2, 2, 3],
          [1, 2],
        ],
      ] as const satisfies (readonly [Shape, readonly number[] | undefined])[]
    ).map(([shape, axes]): OpCase => ({
      title: `[${shape.join()}] over ${axes ? `[${axes.join()}]` : 'all'}${keep ? ', kept' : ''}`,
      inputs: [real(shape)],
      build: (x) => build(x, axes, keep),
    })),
  );

const MASKED = -1e9;
const softmaxCases = (build: (x: Node) => Node): OpCase[] => [
  ...SHAPES.filter((shape) => shape.length > 0).map((shape) => ({
    title: `[${shape.join()}]`,
    inputs: [real(shape)],
    build,
  })),
  {
    // A masked log-probability is about -1e9, where f64 has no room for a finite difference: left out of the sum.
    title: 'with a mask of -1e9 over part of each row',
    inputs: [real([3, 4])],
    build: (x) => {
      const kept = [1, 1, 1, 0, 1, 0, 0, 0, 0, 1, 1, 1];
      const mask = kept.map((keep) => (keep ? 0 : MASKED));
      return op.mul(build(op.add(x, constant(mask, [3, 4]))), constant(kept, [3, 4]));
    },
  },
  {
    // f32 rounds score + mask to the mask, so both agree only where the scores are equal.
    title: 'with a row that is masked whole',
    inputs: [exactly([0.25, 0.25, 0.25, 1.5, -0.5, 0.75], [2, 3])],
    build: (x) => build(op.add(x, constant([MASKED, MASKED, MASKED, 0, 0, 0], [2, 3]))),
  },
  {
    title: 'of large scores',
    inputs: [exactly([300, 302, 301, -400, -401, -399.5], [2, 3])],
    build,
  },
];

const layerNormCase = (title: string, x: InputSpec, epsilon: number): OpCase => ({
  title,
  inputs: [x, real([x.shape[1]!]), real([x.shape[1]!])],
  build: (rows, weight, bias) => op.layerNorm(rows, weight, bias, epsilon),
});

/** Cases by name of op; every op of the list must be here. */
export const OP_CASES: Readonly<Record<string, readonly OpCase[]>> = {
  Add: binary(op.add),
  Sub: binary(op.sub),
  Mul: binary(op.mul),
  Div: [...binary(op.div, 0.5, 2), ...binary(op.div, -2, -0.5)],
  Min: binary(op.minimum),
  Max: binary(op.maximum),
  Greater: [
    ...binary(op.greater),
    { title: 'of equals', inputs: [exactly([0, 1, 2]), exactly([0, 2, 1])], build: op.greater },
  ],
  Neg: unary(op.neg),
  Exp: unary(op.exp),
  Log: unary(op.log, 0.25, 4),
  Sqrt: unary(op.sqrt, 0.25, 4),
  Tanh: [...unary(op.tanh), at(op.tanh, [-20, -5, 0, 5, 20])],
  Sigmoid: [...unary(op.sigmoid), at(op.sigmoid, [-30, -8, 0, 8, 30])],
  Erf: [...unary(op.erfNode), at(op.erfNode, [-6, -3, 0, 1e-3, 3, 6])],
  Abs: [...unary(op.abs, 0.25, 2), at(op.abs, [-2, -0.5, 0.25, 3])],
  Sign: [...unary(op.sign, 0.25, 2), at(op.sign, [-2, 0, 3])],
  Relu: [...unary(op.relu, 0.25, 2), at(op.relu, [-2, -0.25, 0.25, 3])],
  HardSigmoid: [...unary(op.halfUnit), at(op.halfUnit, [-4, -1.5, -0.5, 0, 0.25, 1.5, 9])],
  Round: [...unary(op.round), at(op.round, [-3.5, -2.5, -1.5, -0.5, 0, 0.5, 1.5, 2.5, 3.5, 0.49999997, 2.6])],
  Where: [
    {
      title: 'equal shapes',
      inputs: [flags([1, 0, 0, 1], [2, 2]), real([2, 2]), real([2, 2])],
      build: op.where,
    },
    {
      title: 'everything broadcast',
      inputs: [flags([1, 0], [2, 1]), real([3]), real([])],
      build: op.where,
    },
    {
      title: 'condition broadcast',
      inputs: [flags([0], []), real([2, 1, 2]), real([3, 1])],
      build: op.where,
    },
  ],
  Cast: (['int64', 'int32', 'uint8', 'bool'] as const).map((dtype) => ({
    title: dtype,
    inputs: [integers([0, 1, 1, 0], dtype)],
    build: op.toFloat,
  })),
  Expand: [
    { title: '[] to [2,3]', inputs: [real([])], build: (x) => op.expand(x, [2, 3]) },
    { title: '[3] to [2,3]', inputs: [real([3])], build: (x) => op.expand(x, [2, 3]) },
    { title: '[2,1,3] to [2,4,3]', inputs: [real([2, 1, 3])], build: (x) => op.expand(x, [2, 4, 3]) },
    { title: '[1,1] to [5,1,1,2]', inputs: [real([1, 1])], build: (x) => op.expand(x, [5, 1, 1, 2]) },
  ],
  Gemm: [
    ...gemmCases,
    { title: 'extents of 1', inputs: [real([1, 1]), real([1, 3])], build: (a, b) => op.gemm(a, b) },
    { title: 'a square', inputs: [real([3, 3])], build: (a) => op.gemm(a, a, { transA: true, c: a }) },
    { title: 'linear', inputs: [real([2, 3]), real([4, 3]), real([4])], build: op.linear },
  ],
  FusedMatMul: batchGemmCases,
  ReduceSum: reduceCases(op.reduceSum),
  ReduceMax: reduceCases(op.reduceMax),
  ReduceMin: reduceCases(op.reduceMin),
  Reshape: [
    { title: '[2,3] to [3,2]', inputs: [real([2, 3])], build: (x) => op.reshape(x, [3, 2]) },
    { title: '[] to [1,1]', inputs: [real([])], build: (x) => op.reshape(x, [1, 1]) },
    { title: '[1] to []', inputs: [real([1])], build: (x) => op.reshape(x, []) },
    { title: '[2,1,3,2] to [12]', inputs: [real([2, 1, 3, 2])], build: (x) => op.reshape(x, [12]) },
    { title: 'int64', inputs: [integers([3, -1, 2, 0])], build: (x) => op.reshape(x, [2, 2]) },
  ],
  Transpose: (
    [
      [[], []],
      [[3], [0]],
      [
        [2, 3],
        [1, 0],
      ],
      [
        [2, 3, 4],
        [1, 2, 0],
      ],
      [
        [2, 3, 4],
        [2, 0, 1],
      ],
      [
        [2, 1, 3, 2],
        [0, 2, 1, 3],
      ],
      [
        [2, 1, 3, 2],
        [3, 2, 0, 1],
      ],
    ] as const satisfies (readonly [Shape, readonly number[]])[]
  ).map(([shape, permutation]) => ({
    title: `[${shape.join()}] by [${permutation.join()}]`,
    inputs: [real(shape)],
    build: (x) => op.transpose(x, permutation),
  })),
  Slice: [
    { title: 'from the start', inputs: [real([4])], build: (x) => op.slice(x, 0, 0, 1) },
    { title: 'to the end', inputs: [real([4, 2])], build: (x) => op.slice(x, 0, 3, 4) },
    { title: 'from the middle', inputs: [real([2, 4, 2])], build: (x) => op.slice(x, 1, 1, 3) },
    { title: 'of the last axis', inputs: [real([2, 1, 2, 3])], build: (x) => op.slice(x, 3, 0, 2) },
    { title: 'of int64', inputs: [integers([3, -1, 2])], build: (x) => op.slice(x, 0, 1, 3) },
    { title: 'of the last two', inputs: [real([2, 4, 2])], build: (x) => op.sliceEnd(x, 1, 2) },
  ],
  Concat: [
    { title: 'along axis 0', inputs: [real([2]), real([1]), real([3])], build: (...x) => op.concat(x, 0) },
    { title: 'along axis 1', inputs: [real([2, 1]), real([2, 3])], build: (...x) => op.concat(x, 1) },
    {
      title: 'along a middle axis',
      inputs: [real([2, 1, 2]), real([2, 2, 2])],
      build: (...x) => op.concat(x, 1),
    },
    { title: 'of one array twice', inputs: [real([2, 2])], build: (x) => op.concat([x, x], 1) },
  ],
  RelativeShift: [
    { title: 'of one token', inputs: [real([2, 1, 2])], build: op.relativeShift },
    { title: 'of three', inputs: [real([2, 3, 6])], build: op.relativeShift },
  ],
  Gather: [
    { title: 'ids that repeat', inputs: [real([4, 3]), integers([2, 0, 2, 2, 3])], build: op.gatherRows },
    { title: 'one row of one', inputs: [real([1, 1]), integers([0])], build: op.gatherRows },
    { title: 'int32 ids', inputs: [real([3, 2]), integers([2, 2, 0], 'int32')], build: op.gatherRows },
    {
      title: 'of a table that is computed',
      inputs: [real([4, 3]), integers([2, 0, 2, 2, 3])],
      build: (table, ids) => op.gatherRows(op.mul(table, table), ids),
    },
  ],
  ScatterRows: [
    {
      title: 'ids that repeat',
      inputs: [real([5, 3]), integers([2, 0, 2, 2, 3])],
      build: (rows, ids) => op.scatterRows(rows, ids, [4, 3]),
    },
    {
      title: 'one row of one',
      inputs: [real([1, 1]), integers([0])],
      build: (rows, ids) => op.scatterRows(rows, ids, [1, 1]),
    },
    {
      title: 'int32 ids',
      inputs: [real([2, 3]), integers([1, 1], 'int32')],
      build: (rows, ids) => op.scatterRows(rows, ids, [2, 3]),
    },
  ],
  Softmax: softmaxCases(op.softmax),
  LogSoftmax: softmaxCases(op.logSoftmax),
  LogSumExp: [
    { title: 'rows', inputs: [real([3, 5])], build: op.logSumExp },
    { title: 'one entry', inputs: [real([2, 1])], build: op.logSumExp },
    { title: 'far from zero', inputs: [real([2, 4], 80, 90)], build: op.logSumExp },
  ],
  ArgMax: [
    { title: 'rows', inputs: [real([3, 5])], build: op.argMax },
    { title: 'the first of equal ones', inputs: [exactly([1, 2, 2, 0, 0, 0], [2, 3])], build: op.argMax },
  ],
  SoftLinearLoss: [
    softLossCase('one chunk', 4, 9, 8),
    softLossCase('chunks of one', 3, 5, 1),
    softLossCase('a short last chunk', 5, 7, 2),
    softLossCase('one row, two entries', 1, 2, 1),
  ],
  LayerNormalization: [
    layerNormCase('rows', real([3, 5]), 1e-12),
    layerNormCase('one row', real([1, 4]), 1e-5),
    layerNormCase('constant rows', exactly([1.5, 1.5, 1.5, -2, -2, -2, 0, 0, 0], [3, 3]), 0.25),
    layerNormCase('one feature', real([3, 1]), 0.25),
  ],
  Gelu: [...unary(op.gelu), at(op.gelu, [-100, -10, -5, -1, 0, 1, 5, 10, 100])],
  QuantizeToUint8: [
    ...unary((x) => op.quantizeLinear(x, scalar(0.0625), byte(128))),
    // Halves go to the even step, and what is out of range to its end.
    at(
      (x) => op.quantizeLinear(x, scalar(0.5), byte(3)),
      [-100, -2, -1.75, -1.25, -0.25, 0, 0.25, 0.75, 125.75, 126, 126.5, 1e9],
    ),
    at((x) => op.quantizeLinear(x, scalar(2), byte(0)), [-1e30, -1, 0, 1, 3, 509, 511, 1e30]),
    at((x) => op.quantizeLinear(x, scalar(2), byte(255)), [-512, -511, -510, 0, 1, 1e30]),
  ],
  DequantizeLinear: [
    {
      title: 'uint8 with a zero point',
      inputs: [array('uint8', [2, 3], [0, 1, 127, 128, 254, 255])],
      build: (q) => op.dequantizeLinear(q, scalar(0.1), { zeroPoint: byte(127) }),
    },
    {
      title: 'int8, one scale for each column',
      inputs: [array('int8', [2, 3], [-127, -1, 0, 1, 64, 127])],
      build: (q) => {
        const scales = constant([0.5, 0.1, 3], [3]);
        return op.dequantizeLinear(q, scales, { axis: 1, zeroPoint: int8Zeros([3]) });
      },
    },
    {
      title: 'int8, one scale for each row',
      inputs: [array('int8', [2, 3], [-127, -1, 0, 1, 64, 127])],
      build: (q) => op.dequantizeLinear(q, constant([0.5, 0.1], [2])),
    },
    {
      title: 'int32, a vector',
      inputs: [array('int32', [3], [-1_000_000, 0, 77])],
      build: (q) => op.dequantizeLinear(q, constant([0.5, 0.1, 1e-3], [3])),
    },
  ],
  DynamicQuantizeLinear: [
    ...unary((x) => op.dynamicQuantizeLinear(x).q, -0.7, 2),
    at((x) => op.dynamicQuantizeLinear(x).q, [1, 2, 5.1]),
    at((x) => op.dynamicQuantizeLinear(x).q, [-1, -2, -5.1]),
  ],
  MatMulInteger: [
    {
      title: 'matrices',
      inputs: [
        array('uint8', [2, 3], [0, 1, 255, 200, 7, 9]),
        array('int8', [3, 2], [64, -64, 0, 1, -9, 64]),
      ],
      build: (a, b) => op.matMulInteger(a, b, byte(100)),
    },
    {
      title: 'one entry, zero points at both ends',
      inputs: [array('uint8', [1, 1], [255]), array('int8', [1, 1], [-127])],
      build: (a, b) => op.add(op.matMulInteger(a, b, byte(0)), op.matMulInteger(a, b, byte(255))),
    },
  ],
  StopGradient: unary(op.stop),
  // The value and the source are equal as functions here, so that finite differences hold.
  StraightThrough: [
    ...unary((x) => op.straightThrough(op.neg(op.neg(x)), x)),
    ...unary((x) => {
      const inside = op.greater(scalar(1), op.abs(x));
      return op.straightThrough(op.where(inside, x, scalar(0)), x, () => inside);
    }),
  ],
  QuantizeLinear: [true, false].flatMap((signed) =>
    [
      { shape: [3, 4], scales: [2 ** -6], zeroPoints: [0] },
      { shape: [3, 4], scales: [2 ** -5, 2 ** -7, 2 ** -4], zeroPoints: [0, 0, 0] },
      { shape: [1, 5], scales: [2 ** -6], zeroPoints: [0] },
      ...(signed ? [] : [{ shape: [2, 3, 2], scales: [2 ** -6], zeroPoints: [77] }]),
    ].map(({ shape, scales, zeroPoints }) => ({
      title: `[${shape.join()}] by ${scales.length}, ${signed ? 'int8' : `uint8 around ${zeroPoints[0]!}`}`,
      inputs: [real(shape), exactly(scales), exactly(zeroPoints)],
      build: (...[x, scale, zeroPoint]: Node[]) => apply(op.quantiseOp, [x!, scale!, zeroPoint!], { signed }),
    })),
  ),
  TopK: [true, false].flatMap((largest) =>
    [1, 3, 7].map((count) => ({
      title: `${count} ${largest ? 'largest' : 'smallest'} of 7`,
      inputs: [real([7])],
      build: (x: Node) => op.topK(x, count, largest),
    })),
  ),
};
