// Every family: logits that PyTorch stored, the f64 twin, dropout, files of other classes, heads, and the way back to
// a folder.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { makeBatch } from '../../src/data/batches.js';
import type { Example } from '../../src/data/example.js';
import { evaluate } from '../../src/graph/evaluate.js';
import { createBuilder } from '../../src/models/builder.js';
import { loadCheckpoint, saveCheckpoint } from '../../src/models/checkpoint.js';
import { parseConfig } from '../../src/models/config.js';
import { familyOf, longestInput, padSideOf } from '../../src/models/families.js';
import { randomParts } from '../../src/models/initialise.js';
import type { Model } from '../../src/models/model.js';
import { headOutputs, withDropout, withHead } from '../../src/models/task-model.js';
import type { Part } from '../../src/models/tensor-table.js';
import { readSafetensors } from '../../src/tensor/safetensors.js';
import type { HostTensor } from '../../src/tensor/tensor.js';
import { encoderFeeds } from '../../src/train/encoder-batch.js';
import { createForward } from '../../src/train/forward.js';
import { createPredictor, modelSource, plainWeights } from '../../src/train/predictor.js';
import { taskLogits } from '../../src/train/task-objective.js';
import { dataPath, describeWithData } from '../support/data.js';
import { expectNear } from '../support/near.js';
import { temporaryFolder } from '../support/temporary.js';
import { writeTiny } from '../support/tiny-bert.js';
import { madeUpExamples, randomModel, twoClasses } from '../support/training.js';

const path = temporaryFolder();

async function logitsOf(model: Model, examples: readonly Example[], padId = 0): Promise<number[]> {
  const predictor = createPredictor({ model, threads: 1, device: 'cpu', padId, rows: 4 });
  const logits = await predictor.logits(examples);
  await predictor.release();
  return logits.flatMap((row) => [...row]);
}

describe.each([
  ['weights/tiny-random/bert', 'logits'],
  ['weights/tiny-random/distilbert', 'logits'],
  ['weights/tiny-random/roberta', 'logits'],
  ['weights/tiny-random/electra', 'logits'],
  ['weights/tiny-distilbert-sst2-hf', 'onnx_logits'],
])('%s', (folder, name) => {
  describeWithData('stored weights', [folder], () => {
    it('have the logits of PyTorch', async () => {
      const model = await loadCheckpoint(dataPath(folder));
      const { tensors } = await readSafetensors(dataPath(folder, 'reference.safetensors'));
      const [rows, length] = tensors.get('input_ids')!.shape as [number, number];
      const mask = tensors.get('attention_mask')!.data;
      const examples = Array.from({ length: rows }, (_, index): Example => {
        const at = index * length;
        const count = Array.from(mask.slice(at, at + length), Number).filter((bit) => bit === 1).length;
        const ids = Int32Array.from(tensors.get('input_ids')!.data.slice(at, at + count), Number);
        return { index, ids, typeIds: new Uint8Array(count), label: 0 };
      });
      expectNear(await logitsOf(model, examples), tensors.get(name)!.data, 1e-5);
    });
  });
});

describeWithData('weights/tiny-random/xlnet', ['weights/tiny-random/xlnet'], () => {
  it('has the logits of PyTorch, of rows that are padded after their tokens too', async () => {
    const model = await loadCheckpoint(dataPath('weights/tiny-random/xlnet'));
    const { tensors } = await readSafetensors(dataPath('weights/tiny-random/xlnet/reference.safetensors'));
    const [rows, length] = tensors.get('input_ids')!.shape as [number, number];
    const [ids, mask] = ['input_ids', 'attention_mask'].map((name) =>
      Array.from(tensors.get(name)!.data, Number),
    );
    const tokenMajor = Int32Array.from(
      ids!.keys(),
      (at) => ids![(at % rows) * length + Math.floor(at / rows)]!,
    );
    const forward = createForward(modelSource(model), { threads: 1, device: 'cpu' });
    const feeds = new Map<string, Int32Array | Float32Array>([
      ['ids', tokenMajor],
      ['type_ids', new Int32Array(rows * length)],
      ['attention_bias', Float32Array.from(mask!, (real) => (real - 1) * 1e9)],
    ]);
    const logits = (await forward.run({ rows, length }, feeds)).get('logits')!;
    await forward.release();
    expectNear([...logits], tensors.get('logits')!.data, 1e-5);
  });
});

/** Settings of a tiny model, rates of dropout all different. */
const rates = { hidden_dropout_prob: 0.1, attention_probs_dropout_prob: 0.2, classifier_dropout: 0.3 };
const sizes = {
  ...{ vocab_size: 20, hidden_size: 8, num_hidden_layers: 2, num_attention_heads: 2 },
  ...{ intermediate_size: 12, max_position_embeddings: 32 },
};
const FAMILIES = [
  ['bert', { ...sizes, ...rates }],
  [
    'distilbert',
    {
      ...{ vocab_size: 20, dim: 8, n_layers: 2, n_heads: 2, hidden_dim: 12, max_position_embeddings: 32 },
      ...{ dropout: 0.1, attention_dropout: 0.2, seq_classif_dropout: 0.3 },
    },
  ],
  ['roberta', { ...sizes, ...rates, type_vocab_size: 1, layer_norm_eps: 1e-5 }],
  ['electra', { ...sizes, ...rates, embedding_size: 4 }],
  [
    'xlnet',
    {
      ...{ vocab_size: 20, d_model: 8, n_layer: 2, n_head: 2, d_head: 4, d_inner: 12 },
      ...{ dropout: 0.1, summary_last_dropout: 0.3 },
    },
  ],
] as const;

/** Rates of the dropout before the blocks, of each, and after them, in order. */
const DROPOUT = {
  bert: { before: [0.1], block: [0.2, 0.1, 0.1], after: [0.3] },
  distilbert: { before: [0.1], block: [0.2, 0.1], after: [0.3] },
  roberta: { before: [0.1], block: [0.2, 0.1, 0.1], after: [0.3, 0.3] },
  electra: { before: [0.1], block: [0.2, 0.1, 0.1], after: [0.3, 0.3] },
  xlnet: { before: [0.1, 0.1], block: [0.1, 0.1, 0.1, 0.1], after: [0.1, 0.3] },
} as const;

/** Classes of the masked-word models that checkpoints of the families usually are, and the decoder in their files. */
const MASKED = {
  bert: ['BertForMaskedLM', 'cls.predictions.decoder.weight'],
  distilbert: ['DistilBertForMaskedLM', 'vocab_projector.weight'],
  roberta: ['RobertaForMaskedLM', 'lm_head.decoder.weight'],
  electra: ['ElectraForMaskedLM', 'generator_lm_head.weight'],
  xlnet: ['XLNetLMHeadModel', 'lm_loss.weight'],
} as const;

/** Linear matrices of transformers' encoder class outside the blocks. */
const BEYOND_BLOCKS = {
  bert: ['bert.pooler.dense.weight'],
  distilbert: [],
  roberta: ['roberta.pooler.dense.weight'],
  electra: ['electra.embeddings_project.weight'],
  xlnet: [],
} as const;

describe.each(FAMILIES)('%s', (name, settings) => {
  const raw = { model_type: name, ...settings };
  const config = parseConfig(raw, 'config.json');
  const family = familyOf(config);
  const table = family.tensors(config);
  const namesOf = (parts: readonly Part[]): string[] =>
    parts.flatMap((part) => (table.get(part) ?? []).map(([tensor]) => tensor)).sort();
  const folderOf = async (
    folder: string,
    parts: readonly Part[],
    change?: (tensors: Map<string, HostTensor>) => Map<string, HostTensor>,
  ): Promise<string> => {
    const tensors = new Map<string, HostTensor>(randomParts(config, parts, 1));
    return writeTiny(path(name, folder), { config: raw, tensors: change?.(tensors) ?? tensors });
  };

  it('gives the logits of its f64 twin, whatever stands in the padding', async () => {
    const model = randomModel({ model_type: name, ...settings });
    const examples = madeUpExamples(3);
    const graph = taskLogits(createBuilder({ rows: 3, length: 9 }, plainWeights(model)), model);
    const padding = { padId: 0, padSide: padSideOf(config) };
    const feeds = new Map<string, ArrayLike<number>>([
      ...encoderFeeds(makeBatch(examples, 3, 9, padding)),
      ...[...model.tensors].map(([tensor, { data }]) => [`weight:${tensor}`, data] as const),
    ]);
    const [twin] = evaluate([graph], feeds);
    expectNear(await logitsOf(model, examples, 5), twin!.data, 1e-5);
  });

  it('has dropout where transformers has it', () => {
    const model = randomModel({ model_type: name, ...settings });
    const found: number[] = [];
    const weights = {
      ...plainWeights(model),
      dropoutMask: (_: readonly number[], probability: number) => void found.push(probability),
    };
    taskLogits(createBuilder({ rows: 1, length: 4 }, weights), model);
    const { before, block, after } = DROPOUT[name];
    expect(found).toEqual([...before, ...block, ...block, ...after]);
    expect(withDropout(model, 0.4).config).toMatchObject({
      hidden_dropout_prob: 0.4,
      attention_probs_dropout_prob: 0.4,
      classifier_dropout: 0.4,
    });
  });

  it('reads as many tokens as it has positions, and no more', async () => {
    const model = randomModel({ model_type: name, ...settings });
    const longest = longestInput(config);
    expect(longest).toBe({ roberta: 30, xlnet: 512 }[name as string] ?? 32);
    const example = (length: number): Example => ({
      index: 0,
      ids: new Int32Array(length).fill(3),
      typeIds: new Uint8Array(length),
      label: 0,
    });
    expect((await logitsOf(model, [example(longest)])).every(Number.isFinite)).toBe(true);
    await expect(logitsOf(model, [example(longest + 1)])).rejects.toThrow(RangeError);
  });

  it('loads from a file of the bare encoder', async () => {
    const bare = await folderOf('bare', ['embeddings', 'encoder'], (tensors) => {
      return new Map([...tensors].map(([key, value]) => [key.slice(family.prefix.length), value]));
    });
    expect([...(await loadCheckpoint(bare)).tensors.keys()].sort()).toEqual(
      namesOf(['embeddings', 'encoder']),
    );
  });

  it('loads from a file with masked words, whose decoder is tied', async () => {
    const [architecture, decoder] = MASKED[name];
    const words = family.words.decoder;
    const masked = await folderOf('masked', ['embeddings', 'encoder', 'mlm'], (tensors) =>
      tensors.set(decoder, tensors.get(words)!),
    );
    const model = await loadCheckpoint(masked);
    expect(model.tensors.has(decoder)).toBe(false);
    await saveCheckpoint(path(name, 'masked-again'), model);
    const written = JSON.parse(readFileSync(path(name, 'masked-again', 'config.json'), 'utf8')) as object;
    expect(written).toMatchObject({ ...raw, architectures: [architecture] });
  });

  it('gets the head of a task and loses all others', async () => {
    const whole = await folderOf('whole', ['embeddings', 'encoder', 'pooler', 'mlm', 'answer span']);
    const model = withHead(await loadCheckpoint(whole), twoClasses, 1);
    const parts: readonly Part[] = ['embeddings', 'encoder', 'classifier'];
    const dense = [`${family.head.dense}.bias`, `${family.head.dense}.weight`];
    expect([...model.tensors.keys()].sort()).toEqual([...new Set([...namesOf(parts), ...dense])].sort());
    expect(headOutputs(model)).toBe(2);
    await saveCheckpoint(path(name, 'task'), model);
    const again = await loadCheckpoint(path(name, 'task'));
    expect(again.tensors).toEqual(model.tensors);
    expect(again.config['architectures']).toEqual([
      expect.stringMatching(/ForSequenceClassification$/) as string,
    ]);
    expect(withHead(again, twoClasses, 2).tensors).toEqual(model.tensors);
  });

  it('prunes the matrices of a block, and Prune Once for All what else is linear in the encoder', () => {
    const model = randomModel({ model_type: name, ...settings });
    const matching = (pattern: RegExp): string[] =>
      [...model.tensors].filter(([key]) => pattern.test(key)).map(([key]) => key);
    const inBlocks = namesOf(['encoder']).filter((key) => !/norm|bias|seg_embed/i.test(key));
    expect(matching(family.encoderLinear).sort()).toEqual(inBlocks);
    const more = matching(family.prunedLinear).filter((key) => !inBlocks.includes(key));
    expect(more).toEqual(BEYOND_BLOCKS[name]);
  });
});
