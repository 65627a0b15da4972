// The shuffle and re-initialisation tests: what stays as it was, what is disturbed, and by how much.
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { analyseAdapter } from '../../src/jobs/adapter-analyses.js';
import { compress } from '../../src/jobs/compress.js';
import { readAdapter } from '../../src/models/adapter.js';
import { loadCheckpoint } from '../../src/models/checkpoint.js';
import type { Model } from '../../src/models/model.js';
import { bitAt, countBits, isWholeMask, packNonzero } from '../../src/models/packed-bits.js';
import { multiplied, redrawn, shuffledMasks } from '../../src/models/perturbed-adapter.js';
import { random } from '../../src/random.js';
import { builtinRecipe } from '../../src/recipe/builtin.js';
import { setOption } from '../../src/recipe/recipe.js';
import type { RunControl } from '../../src/recipe/run.js';
import { mean, standardDeviation } from '../../src/train/statistics.js';
import { sha256, writeProject } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';
import { modelBits } from '../support/training.js';

const path = temporaryFolder();
const root = path('project');
const adapter = path('project', 'adapter');
const data = { task: 'classify', data: join(root, 'classify'), threads: 1 };
const control: RunControl = { onEvent: () => {}, stopRequested: () => false };
const TABLE = 'bert.embeddings.word_embeddings.weight';
let base: Model;
let masks: ReadonlyMap<string, Uint8Array>;

beforeAll(async () => {
  await writeProject(root);
  const settings = { steps: 60, batchSize: 8, maxLength: 16 };
  const common = { ...data, model: join(root, 'base'), dense: null, settings };
  await compress(
    { ...common, recipe: setOption(builtinRecipe('adapt'), 'beta', 1e-2), out: adapter },
    control,
  );
  base = await loadCheckpoint(join(root, 'base'));
  ({ masks } = await readAdapter(adapter));
});

describe('packed bits', () => {
  it('hold what was put in, and nothing past the end', () => {
    for (const length of [1, 7, 8, 9, 64, 77]) {
      const generator = random(1, length);
      const values = Array.from({ length }, () => generator.integer(2) * 0.3);
      const bits = packNonzero(values);
      expect(bits).toHaveLength(Math.ceil(length / 8));
      expect(values.map((_, i) => bitAt(bits, i))).toEqual(values.map((value) => (value === 0 ? 0 : 1)));
      expect(countBits(bits)).toBe(values.filter((value) => value !== 0).length);
      expect(isWholeMask(bits, length)).toBe(true);
      expect(isWholeMask(bits, length + 8)).toBe(false);
      if (length % 8 === 0) continue;
      bits[bits.length - 1]! |= 0x80;
      expect(isWholeMask(bits, length)).toBe(false);
    }
  });
});

describe('disturbed', () => {
  it('masks keep as many weights in every tensor, at other places', () => {
    const shuffled = shuffledMasks(base, masks, 1);
    for (const [name, bits] of masks) {
      expect(countBits(shuffled.get(name)!), name).toBe(countBits(bits));
      expect(isWholeMask(shuffled.get(name)!, base.tensors.get(name)!.data.length), name).toBe(true);
    }
    expect(shuffled).not.toEqual(masks);
    expect(shuffledMasks(base, masks, 1)).toEqual(shuffled);
    expect(shuffledMasks(base, masks, 2)).not.toEqual(shuffled);
  });

  it('weights are off by 1 %, or others of the same spread; what is not named stays', () => {
    const before = base.tensors.get(TABLE)!.data;
    const after = multiplied(base, [TABLE], 0).tensors.get(TABLE)!.data;
    const ratios = [...after].map((weight, i) => weight / before[i]!);
    expect(mean(ratios)).toBeCloseTo(1, 2);
    expect(standardDeviation(ratios)).toBeGreaterThan(0.008);
    expect(standardDeviation(ratios)).toBeLessThan(0.012);
    const fresh = redrawn(base, [TABLE], 0);
    const drawn = fresh.tensors.get(TABLE)!.data;
    expect(standardDeviation(drawn)).toBeCloseTo(standardDeviation(before), 1);
    const product = drawn.reduce((sum, value, i) => sum + value * before[i]!, 0) / drawn.length;
    expect(Math.abs(product)).toBeLessThan(0.2 * standardDeviation(before) ** 2);
    const [was, is] = [modelBits(base), modelBits(fresh)];
    for (const name of Object.keys(was)) expect(is[name] === was[name], name).toBe(name !== TABLE);
  });
});

describe('the analyses of an adapter', () => {
  it('score it, and what is left of it; nothing on the disk changes', async () => {
    const files = [join(root, 'base', 'model.safetensors'), join(adapter, 'adapter.safetensors')];
    const hashes = files.map(sha256);
    const scores = await analyseAdapter({ ...data, model: adapter }, control);
    expect(Object.keys(scores)).toEqual(['adapter', 'shuffled', 'multiplied', 'redrawn']);
    expect(scores.multiplied.loss).toBeCloseTo(scores.adapter.loss, 1);
    expect(scores.multiplied.loss).not.toBe(scores.adapter.loss);
    expect(scores.redrawn.loss).toBeGreaterThan(scores.adapter.loss + 0.1);
    expect(scores.shuffled.loss).toBeGreaterThan(scores.adapter.loss + 0.1);
    const settings = { lr: 1e-2, batchSize: 8 };
    const again = await analyseAdapter({ ...data, model: adapter, steps: 15, settings }, control);
    expect(again.adapter).toEqual(scores.adapter);
    expect(again.redrawn.loss).toBeLessThan(scores.redrawn.loss);
    expect(files.map(sha256)).toEqual(hashes);
  });

  it('want an adapter', async () => {
    const model = join(root, 'base');
    await expect(analyseAdapter({ ...data, model }, control)).rejects.toThrow(/base is no adapter/);
  });
});
