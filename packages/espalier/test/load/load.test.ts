// What load() makes of a packed file decides as the toolkit does on the same file, whatever was pruned and however it was
// packed; over HTTP too.
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Form, load, type Progress } from '@espalier/runtime';
import { describe, expect, it } from 'vitest';
import {
  gardenConfig,
  gardenQuestions,
  gardenTask,
  gardenTokenizerFiles,
} from '../../src/data/garden/garden.js';
import { loadTokenizer } from '../../src/data/tokenizer.js';
import type { Task } from '../../src/data/example.js';
import { packModel } from '../../src/export/pack.js';
import { PACK_EMBEDDINGS, PACK_VALUES } from '../../src/export/pack-choices.js';
import { predict } from '../../src/jobs/predict.js';
import { randomBert } from '../../src/models/initialise.js';
import { dropLayers } from '../../src/models/layers.js';
import type { Model } from '../../src/models/model.js';
import { unpackModel } from '../../src/models/pack-file.js';
import { withHead } from '../../src/models/task-model.js';
import { pruned, ragged, relativeDistance, threeBlocks, toolkitLogits } from '../support/small-models.js';
import { temporaryFolder } from '../support/temporary.js';
import { madeUpExamples, twoClasses } from '../support/training.js';

const path = temporaryFolder();
const examples = madeUpExamples(8, { longest: 28 });
const exact = { values: 'f16', embeddings: 'f32' } as const;
const spanTask: Task = { name: 'squad', kind: 'span', labels: [], metrics: ['f1'] };

/** Distances of the logits in each form from the toolkit's. */
async function distances(bytes: Uint8Array, forms: readonly Form[]): Promise<number[]> {
  const expected = await toolkitLogits(unpackModel(bytes, 'tiny.espalier'), examples);
  const found = forms.map(async (form) => {
    const model = await load(bytes, { form, largest: { rows: 4 } });
    if (model.task?.kind === 'span')
      return (await model.spanIds(examples)).map(({ start, end }) => [...start, ...end]);
    return (await model.classifyIds(examples)).map(({ logits }) => [...logits]);
  });
  return (await Promise.all(found)).map((logits) => relativeDistance(logits, expected));
}

/** Bounds of the distance, by what layers are computed in. */
const [FLOATS, Q15, INT8] = [1e-5, 2e-3, 0.2]; // of 16 features, and heads of four

describe.each(['bert', 'roberta', 'distilbert', 'electra'])('%s', (family) => {
  // Embeddings as wide as the blocks: narrower ones are projected, which is refused.
  const whole = (): Model => threeBlocks(family, family === 'electra' ? { embedding_size: 16 } : {});

  it.each<readonly [string, (model: Model) => Model]>([
    ['whole', (model) => model],
    ['pruned', pruned],
    ['ragged and pruned', (model) => pruned(ragged(model))],
    ['without a block', (model) => pruned(dropLayers(model, [2]))],
  ])('%s', async (_, change) => {
    const { bytes } = packModel(change(whole()), exact, twoClasses);
    const [f32, auto, q15, int8] = await distances(bytes, ['f32', 'auto', 'q15', 'int8']);
    expect(f32).toBeLessThan(FLOATS);
    expect(auto).toBeLessThan(FLOATS);
    expect(q15).toBeLessThan(Q15);
    expect(int8).toBeLessThan(INT8);
  });

  it('answers spans', async () => {
    const { bytes } = packModel(withHead(pruned(whole()), spanTask, 1), exact, spanTask);
    expect((await distances(bytes, ['auto']))[0]).toBeLessThan(FLOATS);
  });
});

const forms = [
  ...PACK_VALUES.map((values) => ({ values, embeddings: 'int8' }) as const),
  ...PACK_EMBEDDINGS.map((embeddings) => ({ values: 'int8', embeddings }) as const),
];

it.each(forms)('$values values and $embeddings embeddings', async (form) => {
  /** Single weights in place of whole blocks. */
  const scattered = (model: Model): Model => {
    for (const [name, { data }] of model.tensors)
      if (/layer.*(query|key|value|dense)\.weight$/.test(name))
        data.forEach((_, i) => (data[i]! *= (7 * i) % 5 === 1 ? 1 : 0));
    return model;
  };
  for (const change of [pruned, scattered, (model: Model) => model]) {
    const { bytes } = packModel(change(threeBlocks('bert')), form, twoClasses);
    const [f32, auto] = await distances(bytes, ['f32', 'auto']);
    expect(f32).toBeLessThan(FLOATS);
    expect(auto).toBeLessThan(form.values === 'f16' ? FLOATS : INT8);
  }
});

it('refuses narrow embeddings, which are projected', async () => {
  const { bytes } = packModel(threeBlocks('electra', { embedding_size: 8 }), exact, twoClasses);
  await expect(load(bytes)).rejects.toMatchObject({ code: 'unsupported-model' });
});

/** A model of the garden language that has learnt nothing, and decides far from where decisions turn. */
const gardenModel = (task: Task): Model =>
  withHead(randomBert({ ...gardenConfig(), initializer_range: 0.3 }, 1, gardenTokenizerFiles()), task, 1);

describe('texts', () => {
  it('are decided as the toolkit decides them: pairs, cut at the positions', async () => {
    const { task, dev } = gardenTask('inference', 1, { train: 1, dev: 40 });
    const { bytes } = packModel(gardenModel(task), { values: 'int8', embeddings: 'int8' }, task);
    const model = await load(bytes, { form: 'f32' });
    const unpacked = unpackModel(bytes, 'garden.espalier');
    const tokenizer = loadTokenizer(unpacked.tokenizerFiles);
    const long = 'the gardener prunes the old pear tree . '.repeat(60);
    const inputs = [...dev.map(({ text, pair }) => ({ text, pair })), { text: long, pair: long }];
    const encoded = inputs.map(({ text, pair }, index) => {
      return { index, label: 0, ...tokenizer.encode(text, pair, model.config.longest) };
    });
    const expected = await toolkitLogits(unpacked, encoded);
    const found = await model.classify(inputs);
    const logits = found.map((of) => [...of.logits]);
    expect(relativeDistance(logits, expected)).toBeLessThan(1e-5);
    expect(found.map(({ label }) => label)).toEqual(
      expected.map((row) => task.labels[row.indexOf(Math.max(...row))]),
    );
    expect(found.map(({ truncated }) => truncated)).toEqual(inputs.map(({ text }) => text === long));
  });

  it('have the answers that the toolkit gives', async () => {
    const { bytes } = packModel(gardenModel(spanTask), { values: 'int8', embeddings: '4bit' }, spanTask);
    await writeFile(path('spans.espalier'), bytes);
    const model = await load(bytes, { form: 'f32' });
    const { dev } = gardenQuestions(1, { train: 1, dev: 6 });
    const questions = dev.data.flatMap(({ paragraphs }) =>
      paragraphs.flatMap(({ context, qas }) => qas.map(({ question }) => ({ question, context }))),
    );
    for (const { question, context } of questions.slice(0, 6)) {
      const expected = await predict({
        model: path('spans.espalier'),
        text: question,
        pair: context,
        threads: 1,
        form: 'f32',
      });
      const found = await model.answer({ question, context });
      expect(found.truncated).toBe(false);
      expect(found.text).toBe(expected.label);
      expect([found.start, found.end]).toEqual([expected.span?.start, expected.span?.end]);
    }
  });
});

it('reads over HTTP, in pieces, with progress; a missing file is said to be', async () => {
  const { bytes } = packModel(gardenModel(twoClasses), { values: 'int8', embeddings: 'int8' }, twoClasses);
  const server = createServer((request, response) => {
    if (request.url !== '/model.espalier') response.writeHead(404).end();
    else response.end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const seen: Progress[] = [];
    const url = new URL(`http://127.0.0.1:${port}/model.espalier`);
    const model = await load(url, { onProgress: (progress) => seen.push(progress) });
    expect(seen.at(-1)).toEqual({ loaded: bytes.length, total: bytes.length });
    expect(seen.length).toBeGreaterThan(1);
    const text = 'the pear tree grows .';
    expect(await model.classify(text)).toEqual(await (await load(bytes)).classify(text));
    await expect(load(`${url.href}x`)).rejects.toMatchObject({
      code: 'fetch',
      message: expect.stringMatching(/espalierx: expected a file, found status 404/) as string,
    });
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
