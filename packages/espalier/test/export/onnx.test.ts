// ONNX export: the layout of transformers.js, logits equal to the model's for any batch and length, and a gate that
// keeps nothing that differs.
import { existsSync } from 'node:fs';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Example, Task } from '../../src/data/example.js';
import { checkLogits } from '../../src/export/check.js';
import { exportOnnx, onnxBytes } from '../../src/export/onnx.js';
import { openOnnx } from '../../src/export/onnx-predictor.js';
import { encodeOnnx } from '../../src/graph/onnx.js';
import { input } from '../../src/graph/program.js';
import { randomBert } from '../../src/models/initialise.js';
import type { Model } from '../../src/models/model.js';
import { withHead } from '../../src/models/task-model.js';
import { createPredictor } from '../../src/train/predictor.js';
import { random } from '../../src/random.js';
import { tinyBert } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

const path = temporaryFolder();
const task: Task = { name: 'three', kind: 'classification', labels: ['a', 'b', 'c'], metrics: ['accuracy'] };
/** Weights large enough for logits that depend on every token. */
const model: Model = withHead(randomBert({ ...tinyBert, initializer_range: 0.4 }, 1), task, 1);

function examples(rows: number, length: number): Example[] {
  const generator = random(rows, 'examples', length);
  return Array.from({ length: rows }, (_, index) => {
    const real = index === 0 ? length : 1 + generator.integer(length);
    const ids = Int32Array.from({ length: real }, () => generator.integer(tinyBert.vocab_size));
    const typeIds = Uint8Array.from({ length: real }, (__, i) => (i > real / 2 ? 1 : 0));
    return { index, ids, typeIds, label: 0 };
  });
}

const modelLogits = async (batch: readonly Example[]): Promise<Float32Array[]> => {
  const predictor = createPredictor({ model, threads: 1, device: 'cpu', padId: 0 });
  const logits = await predictor.logits(batch);
  await predictor.release();
  return logits;
};

let session: InferenceSession;
beforeAll(async () => {
  session = await InferenceSession.create(onnxBytes(model));
});

describe('the file', () => {
  it('has the inputs and outputs of transformers.js, batch and sequence open', () => {
    const shapes = (metadata: readonly InferenceSession.ValueMetadata[]) =>
      Object.fromEntries(
        metadata.map((value) => [value.name, value.isTensor ? [value.type, ...value.shape] : undefined]),
      );
    const tokens = ['int64', 'batch', 'sequence'];
    expect(shapes(session.inputMetadata)).toEqual({
      input_ids: tokens,
      attention_mask: tokens,
      token_type_ids: tokens,
    });
    expect(shapes(session.outputMetadata)).toEqual({ logits: ['float32', 'batch', 3] });
  });

  it.each([
    [1, 1],
    [1, 24],
    [2, 3],
    [5, 16],
    [33, 7],
    [64, 24],
  ])('computes the model’s logits: %i rows of up to %i tokens', async (rows, length) => {
    const batch = examples(rows, length);
    // Padded with a token that is no padding, which the mask must hide.
    const int64 = (value: (example: Example, token: number) => number): Tensor =>
      new Tensor(
        'int64',
        BigInt64Array.from(
          batch.flatMap((example) => Array.from({ length }, (_, i) => BigInt(value(example, i)))),
        ),
        [rows, length],
      );
    const { logits } = await session.run({
      input_ids: int64(({ ids }, i) => ids[i] ?? 5),
      attention_mask: int64(({ ids }, i) => (i < ids.length ? 1 : 0)),
      token_type_ids: int64(({ typeIds }, i) => typeIds[i] ?? 1),
    });
    expect(logits!.dims).toEqual([rows, 3]);
    const found = logits!.data as Float32Array;
    const expected = await modelLogits(batch);
    expect(new Set(expected.map((values) => values[0]!.toFixed(3))).size).toBeGreaterThan(
      Math.min(rows, 8) / 2,
    );
    for (const [row, values] of expected.entries()) {
      for (const [column, value] of values.entries()) expect(found[row * 3 + column]!).toBeCloseTo(value, 5);
    }
  });

  it('is read by openOnnx as by its users', async () => {
    const predictor = await openOnnx(onnxBytes(model), 1);
    const batch = examples(40, 24);
    const expected = await modelLogits(batch);
    for (const [row, values] of (await predictor.logits(batch)).entries()) {
      for (const [column, value] of values.entries()) expect(value).toBeCloseTo(expected[row]![column]!, 5);
    }
    await predictor.release();
  });

  it('is refused when it is no classifier', async () => {
    const bytes = encodeOnnx([{ name: 'y', node: input('x', [2]) }]);
    await expect(openOnnx(bytes, 1)).rejects.toThrow(
      /expected a model of a task with input_ids, attention_mask, logits, found x -> y/,
    );
  });
});

describe('the gate', () => {
  const off = (difference: number) => ({
    async logits(batch: readonly Example[]): Promise<Float32Array[]> {
      const logits = await modelLogits(batch);
      logits.at(-1)![2]! += difference;
      return logits;
    },
  });

  it.each([1e-3, Number.NaN, Number.POSITIVE_INFINITY])(
    'refuses logits that are off by %d',
    async (difference) => {
      await expect(checkLogits('m.onnx', model, off(difference), { threads: 1 })).rejects.toThrow(
        /^m\.onnx was not written: its logits differ from the model's by .*, expected at most 1e-4$/,
      );
    },
  );

  it('refuses an artefact that leaves rows or classes out', async () => {
    await expect(
      checkLogits('m', model, { logits: () => Promise.resolve([]) }, { threads: 1 }),
    ).rejects.toThrow(/not written/);
  });

  it('reports the largest difference, and looks at the dev set too', async () => {
    expect(await checkLogits('m', model, off(0), { threads: 1 })).toBe(0);
    expect(await checkLogits('m', model, off(5e-5), { threads: 1 })).toBeGreaterThan(4e-5);
    const dev = examples(9, 12);
    const wrongOnDev = {
      logits: (batch: readonly Example[]) => (batch === dev ? off(1).logits(batch) : modelLogits(batch)),
    };
    expect(await checkLogits('m', model, wrongOnDev, { threads: 1 })).toBe(0);
    await expect(checkLogits('m', model, wrongOnDev, { threads: 1, dev })).rejects.toThrow(/not written/);
  });

  it('leaves no file where the model itself is broken', async () => {
    const data = new Float32Array(48).fill(Number.NaN);
    const classifier = { ...model.tensors.get('classifier.weight')!, data };
    const broken = { ...model, tensors: new Map([...model.tensors, ['classifier.weight', classifier]]) };
    await expect(exportOnnx(broken, path('onnx', 'm.onnx'), { threads: 1 })).rejects.toThrow(/not written/);
    expect(existsSync(path('onnx'))).toBe(false);
    expect(await exportOnnx(model, path('onnx', 'm.onnx'), { threads: 1 })).toBeLessThan(1e-5);
    expect(existsSync(path('onnx', 'm.onnx'))).toBe(true);
  });
});
