// Int8 files: the integer form of a quantised model computes what fake quantisation computes in float32, ONNX Runtime
// finds its integer kernels in it, and post-training int8 agrees with ONNX Runtime's own quantiser.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { InferenceSession } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import type { Task } from '../../src/data/example.js';
import { compareDecisions } from '../../src/export/check-argmax.js';
import { dynamicFloatBytes, dynamicInt8Bytes } from '../../src/export/dynamic-int8.js';
import { int8Bytes } from '../../src/export/int8.js';
import { onnxBytes } from '../../src/export/onnx.js';
import { openOnnx } from '../../src/export/onnx-predictor.js';
import { randomExamples } from '../../src/export/random-examples.js';
import { parseConfig } from '../../src/models/config.js';
import { randomBert } from '../../src/models/initialise.js';
import { affineRange, largestMagnitudes, symmetricScale } from '../../src/models/int8.js';
import type { Model } from '../../src/models/model.js';
import type { Quantisation } from '../../src/models/quantisation.js';
import { withHead } from '../../src/models/task-model.js';
import { random } from '../../src/random.js';
import { toF32 } from '../../src/tensor/half.js';
import { readSafetensors } from '../../src/tensor/safetensors.js';
import { createPredictor, type Predictor } from '../../src/train/predictor.js';
import { tinyBert } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

const path = temporaryFolder();
const task: Task = { name: 'three', kind: 'classification', labels: ['a', 'b', 'c'], metrics: ['accuracy'] };
const config = { ...tinyBert, vocab_size: 50, hidden_size: 24, initializer_range: 0.3 };
const model: Model = withHead(randomBert(config, 1), task, 1);
const generator = random(1, 'biases');
for (const [name, { data }] of model.tensors) {
  if (name.endsWith('.bias')) for (const i of data.keys()) data[i] = 0.1 * generator.normal();
}
const examples = randomExamples(model, 64);

/** A record over every layer and table, with ranges that cut off some values and per-row scales where asked for. */
function record(perRow: boolean, { tensors }: Model = model): Quantisation {
  const scales = (name: string): number[] => {
    const { data, shape } = tensors.get(name)!;
    return largestMagnitudes(data, perRow ? shape[0]! : 1).map(symmetricScale);
  };
  const matrices = [...tensors.keys()].filter((name) => tensors.get(name)!.shape.length === 2);
  const isTable = (name: string): boolean => name.includes('_embeddings.');
  const layers = matrices.filter((name) => !isTable(name)).map((name) => name.replace(/\.weight$/, ''));
  return {
    tables: Object.fromEntries(matrices.filter(isTable).map((name) => [name, { scales: scales(name) }])),
    layers: Object.fromEntries(
      layers.map((name) => [
        name,
        {
          weightScales: scales(`${name}.weight`),
          input: affineRange(-2.5, 2.2),
          ...(/query|key|intermediate/.test(name) && { output: affineRange(-6, 5) }),
        },
      ]),
    ),
  };
}

async function logitsOf(source: Uint8Array | Model, batch = examples): Promise<Float32Array[]> {
  const predictor: Predictor =
    source instanceof Uint8Array
      ? await openOnnx(source, 1)
      : createPredictor({ model: source, threads: 1, device: 'cpu', padId: 0 });
  const logits = await predictor.logits(batch);
  await predictor.release();
  return logits;
}

/** How often an op is named as the type of a node. */
const countOps = (bytes: Uint8Array, type: string): number =>
  Buffer.from(bytes)
    .toString('latin1')
    .split(`\x22${String.fromCharCode(type.length)}${type}`).length - 1;

async function optimised(bytes: Uint8Array): Promise<Uint8Array> {
  const optimizedModelFilePath = path('optimised.onnx');
  const session = await InferenceSession.create(bytes, { optimizedModelFilePath, logSeverityLevel: 3 });
  await session.release();
  return readFileSync(optimizedModelFilePath);
}

const spread = (logits: readonly Float32Array[]): number => {
  const values = logits.flatMap((row) => [...row]);
  return Math.max(...values) - Math.min(...values);
};

describe.each([false, true])('the integer form, scales by row: %s', (perRow) => {
  const quantisation = record(perRow);
  const bytes = int8Bytes(model, quantisation);

  it('computes what fake quantisation computes, for any batch and length', async () => {
    const expected = await logitsOf({ ...model, quantisation });
    const { agreement, largestDifference } = compareDecisions(expected, await logitsOf(bytes));
    expect(spread(expected)).toBeGreaterThan(1);
    expect(agreement).toBe(1);
    expect(largestDifference).toBeLessThan(0.02 * spread(expected));
    for (const count of [1, 2]) {
      const batch = examples.slice(0, count);
      const alone = compareDecisions(
        await logitsOf({ ...model, quantisation }, batch),
        await logitsOf(bytes, batch),
      );
      expect(alone.largestDifference).toBeLessThan(0.02 * spread(expected));
    }
  });

  it('rounds: its logits are not those of the float32 model', async () => {
    const { largestDifference } = compareDecisions(await logitsOf(model), await logitsOf(bytes));
    expect(largestDifference).toBeGreaterThan(0.01);
  });

  it('becomes one integer product a layer in ONNX Runtime', async () => {
    const layers = Object.keys(quantisation.layers).length;
    const found = await optimised(bytes);
    expect(layers).toBe(14);
    expect(countOps(found, 'QGemm')).toBe(layers);
    expect(countOps(found, 'Gemm') + countOps(found, 'FusedGemm')).toBe(0);
  });

  it('rounds what query, key and value share once', () => {
    // Per block: input, attention output, both FFN inputs, three outputs; the last block's query reads first tokens
    // alone; then pooler and classifier.
    expect(countOps(bytes, 'QuantizeLinear')).toBe(7 + 8 + 2);
  });

  it('is within one output quantum where the output is rounded', async () => {
    const output = affineRange(-1.2, 1.7);
    const classifier = { ...quantisation.layers['classifier']!, output };
    const alone = { tables: {}, layers: { classifier } };
    const expected = await logitsOf({ ...model, quantisation: alone });
    const found = await logitsOf(int8Bytes(model, alone));
    const { largestDifference } = compareDecisions(expected, found);
    expect(largestDifference).toBeLessThanOrEqual(output.scale * 1.0001);
    const values = new Set(found.flatMap((row) => [...row]));
    for (const value of values) expect(value / output.scale).toBeCloseTo(Math.round(value / output.scale), 3);
    expect(values.size).toBeGreaterThan(20);
    expect(Math.min(...values)).toBeCloseTo(-output.scale * output.zeroPoint, 5); // the range cut some off
  });
});

it('a bias far beyond 32 bits of its row’s steps is kept: rows of zeros', async () => {
  const tensors = new Map(model.tensors);
  const { data, shape } = tensors.get('classifier.weight')!;
  const zeroRow = data.slice().fill(0, 0, shape[1]);
  tensors.set('classifier.weight', { dtype: 'F32', shape, data: zeroRow });
  tensors.set('classifier.bias', { dtype: 'F32', shape: [3], data: Float32Array.of(7.25, -0.5, 1) });
  const changed = { ...model, tensors };
  for (const perRow of [true, false]) {
    const { weightScales } = record(perRow, changed).layers['classifier']!;
    const classifier = { weightScales, input: affineRange(-0.001, 0.001) };
    const quantisation: Quantisation = { tables: {}, layers: { classifier } };
    const expected = await logitsOf({ ...changed, quantisation });
    const found = await logitsOf(int8Bytes(changed, quantisation));
    expect(new Set(found.map((row) => row[0]!.toFixed(4)))).toEqual(new Set(['7.2500']));
    expect(compareDecisions(expected, found).largestDifference).toBeLessThan(1e-5);
  }
});

it.each([
  { perRow: true, tables: true },
  { perRow: false, tables: false },
])('dynamic int8 equals its float32 arithmetic: %o', async (options) => {
  const bytes = dynamicInt8Bytes(model, options);
  const expected = await logitsOf(dynamicFloatBytes(model, options));
  const { agreement, largestDifference } = compareDecisions(expected, await logitsOf(bytes));
  expect(agreement).toBe(1);
  expect(largestDifference).toBeLessThan(0.02 * spread(expected));
  expect(compareDecisions(await logitsOf(model), expected).largestDifference).toBeGreaterThan(0.005);
  const found = await optimised(bytes);
  expect(countOps(found, 'MatMulIntegerToFloat') + countOps(found, 'DynamicQuantizeMatMul')).toBe(14);
  expect(countOps(found, 'MatMulInteger')).toBe(0);
});

it('takes a quarter of the bytes', () => {
  const wide: Model = withHead(
    randomBert({ ...config, vocab_size: 400, hidden_size: 96, intermediate_size: 384 }, 1),
    task,
    1,
  );
  const matrices = [...wide.tensors.values()].filter(({ shape }) => shape.length === 2);
  const values = matrices.reduce((sum, { data }) => sum + data.length, 0);
  const dense = onnxBytes(wide).length;
  for (const bytes of [int8Bytes(wide, record(true, wide)), dynamicInt8Bytes(wide)]) {
    expect(bytes.length).toBeLessThan(dense - 3 * values + 40_000);
    expect(dense / bytes.length).toBeGreaterThan(3.2);
  }
});

it('is without tables in int8 where none are asked for', () => {
  const all = dynamicInt8Bytes(model, { perRow: false, tables: true });
  const some = dynamicInt8Bytes(model, { perRow: false, tables: false });
  expect(some.length - all.length).toBeGreaterThan(2 * (50 + 24 + 2) * 24);
});

describe('beside onnxruntime.quantization.quantize_dynamic (scripts/dynamic_int8_goldens.py)', () => {
  const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
  const golden = JSON.parse(readFileSync(fixture('dynamic-int8.json'), 'utf8')) as Record<
    'float32' | 'perTensor' | 'perRow',
    { logits: number[][]; bytes: number }
  >;

  it.each([
    ['perTensor', false],
    ['perRow', true],
  ] as const)('gives its logits: %s', async (kind, byRow) => {
    const { tensors, metadata } = await readSafetensors(fixture('bert-step.safetensors'));
    const { config: raw } = JSON.parse(metadata['golden']!) as { config: object };
    const weights = [...tensors].filter(([name]) => /^(bert|classifier)\./.test(name));
    const step: Model = {
      source: 'bert-step',
      family: 'bert',
      config: parseConfig({ ...raw }, 'bert-step'),
      tensors: new Map(weights.map(([name, tensor]) => [name, toF32(tensor)])),
      tokenizerFiles: new Map(),
    };
    const row = (name: string, index: number, length: number): number[] =>
      Array.from(tensors.get(name)!.data.slice(12 * index, 12 * index + length), Number);
    const batch = [12, 7, 9, 2].map((length, index) => ({
      index,
      ids: Int32Array.from(row('input_ids', index, length)),
      typeIds: Uint8Array.from(row('token_type_ids', index, length)),
      label: 0,
    }));
    const bytes = dynamicInt8Bytes(step, { perRow: byRow, tables: false });
    const expected = golden[kind].logits.map((values) => Float32Array.from(values));
    const float32 = golden.float32.logits.map((values) => Float32Array.from(values));
    const rounding = compareDecisions(float32, expected).largestDifference;
    const { largestDifference } = compareDecisions(expected, await logitsOf(bytes, batch));
    expect(largestDifference).toBeLessThan(rounding / 20);
    expect(bytes.length).toBeLessThan(1.1 * golden[kind].bytes);
  });
});
