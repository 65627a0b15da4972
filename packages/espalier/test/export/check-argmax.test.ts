// The gate of int8 files: what counts as decided alike, and that nothing is kept below 99.5 %.
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Task } from '../../src/data/example.js';
import { checkArgmax, compareDecisions } from '../../src/export/check-argmax.js';
import { exportInt8, GATE_EXAMPLES } from '../../src/export/int8-file.js';
import { randomExamples } from '../../src/export/random-examples.js';
import { int8FileResults } from '../../src/jobs/int8-results.js';
import { randomBert } from '../../src/models/initialise.js';
import { withHead } from '../../src/models/task-model.js';
import { random } from '../../src/random.js';
import { tinyBert } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

const path = temporaryFolder();
const task: Task = { name: 'three', kind: 'classification', labels: ['a', 'b', 'c'], metrics: ['accuracy'] };
const model = withHead(randomBert({ ...tinyBert, initializer_range: 0.4 }, 1), task, 1);
const examples = randomExamples(model, 1000);

const generator = random(0, 'gate');
const rows = examples.map(() => Float32Array.from({ length: 3 }, () => generator.normal()));
const source = (logits: readonly Float32Array[]) => ({ logits: () => Promise.resolve([...logits]) });
/** The rows with another arg-max in the first `count`. */
const decidedOtherwise = (count: number): Float32Array[] =>
  rows.map((row, index) => (index < count ? row.map((value) => -value) : row));

describe('checkArgmax', () => {
  it('keeps 5 of 1,000 that differ and refuses 6, saying by how much', async () => {
    const kept = await checkArgmax('m.onnx', source(rows), source(decidedOtherwise(5)), examples);
    expect(kept).toEqual({
      examples: 1000,
      agreement: 0.995,
      largestDifference: expect.any(Number) as number,
    });
    const refused = checkArgmax('m.onnx', source(rows), source(decidedOtherwise(6)), examples);
    await expect(refused).rejects.toThrow(
      /^m\.onnx was not written: 6 of 1000 examples are decided otherwise .*, 99\.40 % alike, expected at least 99\.50 %; the largest difference of a logit is \d\.\de\+0$/,
    );
  });

  it('refuses what is no number, and rows that are missing', async () => {
    const broken = rows.map((row, i) => (i < 6 ? row.map(() => Number.NaN) : row));
    await expect(checkArgmax('m', source(rows), source(broken), examples)).rejects.toThrow(
      /difference .* NaN/,
    );
    await expect(checkArgmax('m', source(rows), source(rows.slice(6)), examples)).rejects.toThrow(/alike/);
  });
});

describe('compareDecisions', () => {
  it('sees decisions, not values: logits may move as long as the order of the largest stays', () => {
    const moved = rows.map((row) => row.map((value) => 1.5 * value));
    const { agreement, largestDifference } = compareDecisions(rows, moved);
    expect(agreement).toBe(1);
    expect(largestDifference).toBeCloseTo(
      0.5 * Math.max(...rows.flatMap((row) => [...row].map(Math.abs))),
      5,
    );
  });

  it('of single scores: within a hundredth of their range', () => {
    const scores = [0, 1, 2, 5].map((score) => Float32Array.of(score));
    const off = (by: number) => scores.map(([score]) => Float32Array.of(score! + by));
    expect(compareDecisions(scores, off(0.049)).agreement).toBe(1);
    expect(compareDecisions(scores, off(0.051)).agreement).toBe(0);
  });
});

describe('exportInt8', () => {
  it('writes a file that has passed, on as many random ids as the gate wants', async () => {
    const file = path('onnx', 'model_quantized.onnx');
    const result = await exportInt8(model, file, { threads: 1 });
    expect(result).toMatchObject({ kind: 'dynamic', examples: GATE_EXAMPLES });
    expect(result.agreement).toBeGreaterThanOrEqual(0.995);
    expect(existsSync(file)).toBe(true);
  });

  it('writes nothing where the model is broken', async () => {
    const data = new Float32Array(48).fill(Number.NaN);
    const classifier = { ...model.tensors.get('classifier.weight')!, data };
    const broken = { ...model, tensors: new Map([...model.tensors, ['classifier.weight', classifier]]) };
    await expect(exportInt8(broken, path('broken.onnx'), { threads: 1 })).rejects.toThrow(/not written/);
    expect(existsSync(path('broken.onnx'))).toBe(false);
    const run = { task, dev: examples.slice(0, 9) };
    const { failure, ...results } = await int8FileResults(run, broken, path('run'), 1);
    expect(failure!.message).toMatch(/model_quantized\.onnx was not written: 9 of 9 examples/);
    expect(results).toEqual({ metrics: {}, bytes: {} }); // the report of a run is written without it
  });
});
