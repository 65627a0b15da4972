// finetune and compress, end to end: exit status, stdout, the files of the contract and the keys of report.json.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadCheckpoint } from '../../src/models/checkpoint.js';
import type { Report } from '../../src/report/report.js';
import { classify, espalier, espalierJson, sha256, writeProject } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

const path = temporaryFolder();
const root = path('project');
const steps = ['--steps', '20'];

beforeAll(() => writeProject(root));

const FILES = [
  ...['config.json', 'metrics.jsonl', 'model.safetensors', 'recipe.yaml', 'report.json', 'report.md'],
  ...['tokenizer.json', 'tokenizer_config.json', 'vocab.txt'],
];
const KEYS = [
  ...[
    'bytes',
    'data',
    'finalAdjustment',
    'fingerprint',
    'maskHash',
    'metrics',
    'model',
    'parameters',
    'recipe',
  ],
  ...['schema', 'seed', 'seconds', 'settings', 'size', 'sparsity', 'steps', 'task', 'versions'],
];

const reportOf = (out: string): Report =>
  JSON.parse(readFileSync(path('project', out, 'report.json'), 'utf8')) as Report;

describe('finetune', () => {
  it('trains, writes the contract’s files and prints a table; --quiet says nothing else', async () => {
    const args = ['finetune', ...classify, ...steps, '--onnx', '--quiet', '--out', 'dense'];
    const { status, stdout, stderr } = await espalier(root, ...args);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('accuracy');
    expect(readdirSync(path('project', 'dense')).sort()).toEqual([...FILES, 'onnx'].sort());
    expect(readdirSync(path('project', 'dense', 'onnx'))).toEqual(['model.onnx', 'model_quantized.onnx']);
    const report = reportOf('dense');
    expect(Object.keys(report).sort()).toEqual(KEYS.sort());
    expect(report.metrics.compressed).toBeUndefined();
    expect(report.metrics.dense?.accuracy).toBeGreaterThan(0.8); // the class is one word
    expect(report.data).toMatchObject({ rows: [40, 20], files: ['classify/train.tsv', 'classify/dev.tsv'] });
    expect(report.data.sha256[0]).toBe(sha256(path('project', 'classify', 'train.tsv')));
    const log = readFileSync(path('project', 'dense', 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n');
    expect(log.map((line) => (JSON.parse(line) as { step: number }).step)).toEqual(
      Array.from({ length: 20 }, (_, i) => i + 1),
    );
  });
});

describe('compress', () => {
  it('says of RPP that ended in a threshold, even with --quiet and in report.md', async () => {
    const args = ['compress', ...classify, '--recipe', 'rpp', '--steps', '5', '--quiet', '--out', 'hasty'];
    const { status, stderr } = await espalier(root, ...args);
    expect(status).toBe(0);
    expect(stderr).toMatch(/^rpp: the penalty reached .*\n$/);
    expect(reportOf('hasty').finalAdjustment).toBeGreaterThan(0.01);
    expect(readFileSync(path('project', 'hasty', 'report.md'), 'utf8')).toMatch(
      /^Warning: the final adjustment/m,
    );
  });

  it.each(['magnitude', 'nip', 'rpp', 'distil'])(
    '%s writes a model of the reported sparsity',
    async (recipe) => {
      const sparsity = recipe === 'distil' ? [] : ['--sparsity', '0.6'];
      const args = ['compress', ...classify, ...steps, '--recipe', recipe, ...sparsity, '--out', recipe];
      const report = (await espalierJson(root, ...args)) as unknown as Report;
      expect(report).toEqual(reportOf(recipe));
      expect(Object.keys(report).sort()).toEqual([...KEYS, 'packed'].sort());
      expect(readdirSync(path('project', recipe)).sort()).toEqual([...FILES, 'model.espalier'].sort());
      expect(report.metrics.dense?.majority).toBe(0.5);
      expect(report.metrics.compressed?.majority).toBe(0.5);
      if (recipe !== 'distil') {
        expect(report.sparsity.target).toBe(0.6);
        expect(report.sparsity.encoder).toBeCloseTo(0.6, 2);
      }
      // Counted again from the file that was written.
      const { tensors } = await loadCheckpoint(path('project', recipe));
      let total = 0;
      let zeros = 0;
      let encoder = 0;
      for (const [name, { data }] of tensors) {
        const here = data.filter((value) => value === 0).length;
        total += data.length;
        zeros += here;
        if (name.startsWith('bert.encoder.layer.')) encoder += data.length;
        const reported = report.sparsity.matrices[name];
        if (reported !== undefined) expect(reported).toBe(here / data.length);
      }
      expect(report.parameters).toEqual({
        ...{ total, nonzero: total - zeros, encoder },
        before: { total, encoder }, // nothing is cut out
      });
      const bytes = readFileSync(path('project', recipe, 'model.safetensors'));
      expect(report.bytes).toEqual({
        denseF32: bytes.length,
        gzip: gzipSync(bytes).length,
        denseInt8: expect.any(Number) as number,
        packed: readFileSync(path('project', recipe, 'model.espalier')).length,
      });
    },
  );

  it('prints its table where the gate is not met, and says what helps', async () => {
    const args = ['compress', ...classify.with(1, 'dense'), '--recipe', 'magnitude', '--sparsity', '0.99'];
    const { status, stdout, stderr } = await espalier(
      root,
      ...[...args, '--steps', '1', '--max-drop', '5', '--out', 'missed'],
    );
    expect(status).toBe(1);
    expect(stdout).toMatch(/^accuracy .*\d\.\d{4}/m);
    expect(stdout).toMatch(/^model\.espalier: not kept$/m);
    expect(stdout).toContain('written to missed');
    expect(stderr).toContain('keep more of the values with --values or --embeddings');
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('its recipe.yaml does the same again', async () => {
    const again = ['compress', ...classify, ...steps, '--recipe', 'rpp/recipe.yaml', '--out', 'again'];
    const report = await espalierJson(root, ...again);
    expect(report['maskHash']).toBe(reportOf('rpp').maskHash);
    expect(sha256(path('project', 'again', 'model.safetensors'))).toBe(
      sha256(path('project', 'rpp', 'model.safetensors')),
    );
  });

  it('lock keeps the pattern of a pruned model, with the dense one as its reference', async () => {
    const flags = classify.with(1, 'magnitude');
    const args = ['compress', ...flags, ...steps, '--recipe', 'lock', '--dense', 'dense', '--out', 'locked'];
    const report = await espalierJson(root, ...args);
    expect(report['maskHash']).toBe(reportOf('magnitude').maskHash);
    expect((report['metrics'] as Report['metrics']).dense).toEqual(reportOf('dense').metrics.dense);
  });

  it('refuses a directory that holds a run; --resume on a finished one says so and changes nothing', async () => {
    const run = ['compress', ...classify, ...steps, '--recipe', 'nip', '--sparsity', '0.6', '--out', 'nip'];
    const args = [...run, '--gate', '0']; // so small a model decides by little
    const before = sha256(path('project', 'nip', 'model.safetensors'));
    const refused = await espalier(root, ...args);
    expect(refused).toMatchObject({ status: 2, stdout: '' });
    expect(refused.stderr).toMatch(/nip already holds .*--resume.*--overwrite\n$/);
    const resumed = await espalier(root, ...args, '--resume', '--json');
    expect(resumed.status).toBe(0);
    expect(resumed.stderr).toBe('nip is finished; nothing is left to resume\n');
    expect(JSON.parse(resumed.stdout)).toEqual(reportOf('nip'));
    const other = await espalier(root, ...args, '--resume', '--seed', '1');
    expect(other.status).toBe(2);
    expect(other.stderr).toMatch(
      /^espalier: nip\/report.json belongs to a run with other options, .*: --seed: expected 0, found 1;/,
    );
    expect(sha256(path('project', 'nip', 'model.safetensors'))).toBe(before);
    const own = args.with(args.indexOf('--recipe') + 1, 'nip/recipe.yaml');
    const removes = await espalier(root, ...own, '--overwrite');
    expect(removes.status).toBe(2);
    expect(removes.stderr).toMatch(/nip: --overwrite would remove .*, which --recipe nip.recipe.yaml reads/);
    const replaced = await espalier(root, ...args, '--overwrite', '--seed', '1', '--quiet');
    expect(replaced.status).toBe(0);
    expect(sha256(path('project', 'nip', 'model.safetensors'))).not.toBe(before);
    expect(existsSync(path('project', 'nip', 'checkpoints'))).toBe(false);
  });
});
