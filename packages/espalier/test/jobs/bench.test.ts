// espalier bench from end to end on a tiny model in every format: who takes part, that all of them compute what they
// should, and what is refused.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { TOLERANCES } from '../../src/bench/agreement.js';
import type { Task } from '../../src/data/example.js';
import { EspalierError, UsageError } from '../../src/errors.js';
import { calibrate } from '../../src/export/calibrate.js';
import { onnxBytes } from '../../src/export/onnx.js';
import { packModel } from '../../src/export/pack.js';
import { bench } from '../../src/jobs/bench.js';
import { saveCheckpoint } from '../../src/models/checkpoint.js';
import { familyOf } from '../../src/models/families.js';
import { randomBert } from '../../src/models/initialise.js';
import type { Model } from '../../src/models/model.js';
import { withHead } from '../../src/models/task-model.js';
import { randomExamples } from '../../src/export/random-examples.js';
import { tinyBert } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';
import { randomModel, twoClasses } from '../support/training.js';

const path = temporaryFolder();
const spanTask: Task = { ...twoClasses, kind: 'span', labels: [], metrics: ['f1'] };
const quick = { rounds: 1, runs: 1, warmup: 0, tokens: 12 };
const notes: string[] = [];
const control = {
  onEvent: (event: { type: string; message?: string }) => void notes.push(event.message ?? event.type),
  stopRequested: () => false,
};

/** One of four blocks of 1x4 of the encoder's weights stays. */
function pruned(seed: number, task: Task = twoClasses): Model {
  const model = withHead(randomBert(tinyBert, seed), task, seed);
  for (const [name, { data }] of model.tensors) {
    if (familyOf(model.config).encoderLinear.test(name))
      data.forEach((_, i) => (i >> 2) % 4 !== 1 && (data[i] = 0));
  }
  return model;
}

function pack(name: string, model: Model): string {
  const { bytes } = packModel(model, { values: 'int8', embeddings: 'int8' }, undefined);
  writeFileSync(path(name), bytes);
  return path(name);
}

const names = ({ contestants }: Awaited<ReturnType<typeof bench>>): string[] =>
  contestants.map(({ name }) => name);

beforeAll(async () => {
  mkdirSync(path('temporary'));
  vi.stubEnv('TMPDIR', path('temporary'));
  await saveCheckpoint(path('pruned'), pruned(1));
  await saveCheckpoint(path('other'), pruned(2));
});

afterAll(() => {
  // After races, and after what was refused. ONNX Runtime is asked to leave none either.
  expect(readdirSync(path('temporary'))).toEqual([]);
  vi.unstubAllEnvs();
});

describe('bench', () => {
  it('a packed file beside dense float32 and int8: all compute the same, in bytes and memory of their own', async () => {
    const file = pack('blocks.espalier', pruned(1));
    const result = await bench({ model: file, ...quick, batchSize: 2 }, control);
    expect(names(result)).toEqual(['packed', 'dense-f32', 'dense-int8']);
    const [packed, f32, int8] = result.contestants;
    expect(packed).toMatchObject({ form: 'int8' });
    expect(Object.keys(packed!.levels!)).toContain('int8');
    expect(f32!.distance).toBeLessThan(TOLERANCES.float);
    for (const { distance } of [packed!, int8!]) {
      expect(distance).toBeGreaterThan(1e-6); // it does round
      expect(distance).toBeLessThan(TOLERANCES.int8);
    }
    expect(packed!.bytes).toBeLessThan(f32!.bytes);
    for (const { milliseconds, least, most, peakBytes, opening } of result.contestants) {
      expect(milliseconds).toBeGreaterThan(0);
      expect([least, most]).toEqual([milliseconds, milliseconds]); // one round
      expect(peakBytes).toBeGreaterThan(2e7);
      expect(opening).toBeGreaterThan(0);
    }
    expect(result.ratios).toEqual({
      'dense-f32': f32!.milliseconds / packed!.milliseconds,
      'dense-int8': int8!.milliseconds / packed!.milliseconds,
    });
    expect(result).toMatchObject({ path: file, tokens: 12, batchSize: 2, threads: 1, rounds: 1, runs: 1 });
    expect(notes).toContainEqual(expect.stringContaining('ONNX Runtime multiplies by zeros'));
  });

  it('a directory is its own dense float32; the packed file in it goes first', async () => {
    const alone = await bench({ model: path('pruned'), ...quick, against: ['dense-f32'] }, control);
    expect(names(alone)).toEqual(['model']);
    expect(alone.contestants[0]!.distance).toBeLessThan(TOLERANCES.float);
    expect(notes.at(-3)).toMatch(/^dense-f32 is this model itself/);
    await saveCheckpoint(path('both'), pruned(1));
    pack('both/model.espalier', pruned(1));
    const both = await bench({ model: path('both'), ...quick, against: [] }, control);
    expect(names(both)).toEqual(['packed']);
  });

  it('answer spans, and unstructured zeros in int8', async () => {
    const model = pruned(3, spanTask);
    for (const [name, { data }] of model.tensors)
      if (familyOf(model.config).encoderLinear.test(name)) data.forEach((_, i) => i % 3 && (data[i] = 0));
    const { contestants } = await bench(
      { model: pack('spans.espalier', model), ...quick, against: [] },
      control,
    );
    expect(contestants[0]).toMatchObject({ name: 'packed', form: 'quads' });
    expect(contestants[0]!.distance).toBeLessThan(TOLERANCES.int8);
    const float = { model: path('spans.espalier'), ...quick, against: [], form: 'f32' as const };
    const [packed] = (await bench(float, control)).contestants;
    expect(packed).toMatchObject({ name: 'packed', form: 'f32' });
    expect(packed!.distance).toBeLessThan(TOLERANCES.float);
  });

  it('a quantised directory runs in int8, an ONNX file as it is, against the dense model that is named', async () => {
    const model = pruned(1);
    const examples = randomExamples(model, 8);
    const scales = { observer: 'minmax', weights: 'per-channel', threads: 1 } as const;
    const quantisation = await calibrate(model, examples, scales);
    await saveCheckpoint(path('quantised'), { ...model, quantisation });
    const options = { ...quick, dense: path('other') };
    const int8 = await bench({ model: path('quantised'), ...options, against: ['dense-f32'] }, control);
    expect(names(int8)).toEqual(['model', 'dense-f32']);
    expect(int8.contestants[0]!.bytes).toBeLessThan(int8.contestants[1]!.bytes);
    mkdirSync(path('pruned/onnx'));
    writeFileSync(path('pruned/onnx/model.onnx'), onnxBytes(model));
    const onnx = await bench({ model: path('pruned/onnx/model.onnx'), ...quick, against: [] }, control);
    expect(onnx.contestants[0]).toMatchObject({ name: 'onnx', bytes: onnxBytes(model).length });
  });
});

describe('bench refuses', () => {
  it('a file that does not compute what the model beside it does', async () => {
    writeFileSync(path('other/swapped.onnx'), onnxBytes(pruned(1)));
    const swapped = bench({ model: path('other/swapped.onnx'), ...quick }, control);
    await expect(swapped).rejects.toThrow(/^onnx was not timed: its logits are/);
  });

  it.each([
    ['a file of unknown architecture', 'lone/model.onnx', {}, /no config.json beside it.*architecture/],
    ['more tokens than positions', 'pruned', { tokens: 25 }, /--tokens 25 is beyond the model's 24/],
    ['a model without a head', 'base', {}, /base has no task head; fine-tune it first/],
    ['an opponent it does not know', 'pruned', { against: ['torch'] as never[] }, /option "against\.0"/],
    ['no rounds', 'pruned', { rounds: 0 }, /option "rounds"/],
    ['a form of what is not packed', 'pruned', { form: 'q15' as const }, /--form q15 is for packed files/],
  ])('%s', async (_, model, options, message) => {
    mkdirSync(path('lone'), { recursive: true });
    await saveCheckpoint(path('base'), randomBert(tinyBert, 1));
    const refused = bench({ model: path(model), ...quick, ...options }, control);
    await expect(refused).rejects.toThrow(UsageError);
    await expect(refused).rejects.toThrow(message);
  });

  it('a packed family that the runtime does not compute, and a broken file', async () => {
    const electra = randomModel({ model_type: 'electra', embedding_size: 4 });
    const refused = bench({ model: pack('electra.espalier', electra), ...quick }, control);
    await expect(refused).rejects.toThrow(EspalierError);
    await expect(refused).rejects.toThrow(/packed cannot run: config: embedding_size: expected 8, found 4/);
    writeFileSync(path('broken.espalier'), 'no pack');
    await expect(bench({ model: path('broken.espalier'), ...quick }, control)).rejects.toThrow(
      /broken\.espalier/,
    );
  });
});
