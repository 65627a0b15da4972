// Trains the same tiny BERT on cpu and on webgpu and prints how far apart they are, as one line of JSON. A process of
// its own over the compiled `dist`: the Vulkan driver is chosen by a variable that must be set at the start, and a
// driver that crashes takes only this process along.
import { InferenceSession } from 'onnxruntime-node';
import { resolveDevice } from '../../dist/engine/devices.js';
import { createSession } from '../../dist/engine/session.js';
import { encodeOnnx } from '../../dist/graph/onnx.js';
import { layerNorm } from '../../dist/graph/ops/index.js';
import { input } from '../../dist/graph/program.js';
import { createBuilder } from '../../dist/models/builder.js';
import { randomBert } from '../../dist/models/initialise.js';
import { withHead } from '../../dist/models/task-model.js';
import { random } from '../../dist/random.js';
import { createPredictor, plainWeights } from '../../dist/train/predictor.js';
import { settingsSchema } from '../../dist/train/settings.js';
import { taskLogits, taskObjective } from '../../dist/train/task-objective.js';
import { createTrainer } from '../../dist/train/trainer.js';

const STEPS = 3;
const task = { name: 'made-up', kind: 'classification', labels: ['no', 'yes'], metrics: ['accuracy'] };
const config = {
  model_type: 'bert',
  vocab_size: 20,
  hidden_size: 8,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 12,
  max_position_embeddings: 16,
  initializer_range: 0.3,
};
const model = withHead(randomBert(config, 1), task, 1);
const generator = random(1, 'examples');
const examples = Array.from({ length: 12 }, (_, index) => {
  const length = 3 + generator.integer(7);
  const ids = Int32Array.from({ length }, () => 1 + generator.integer(19));
  const typeIds = Uint8Array.from({ length }, (_value, token) => (token > length / 2 ? 1 : 0));
  return { index, ids, typeIds, label: ids[1] % 2 };
});

/** Losses, gradients and weights of some steps with dropout and two micro-batches, then logits. */
async function train(device) {
  const settings = settingsSchema.parse({ batchSize: 6, microBatchSize: 3, lr: 1e-2, warmup: 0 });
  const gradients = new Map();
  const spy = {
    async gradients(step, batch, pass) {
      const result = await pass(batch);
      // Key biases shift all scores of a query alike: their gradient is 0 but for rounding.
      for (const { name } of step.tensors) {
        if (name.endsWith('key.bias')) continue;
        gradients.set(`${gradients.size} ${name}`, step.store.view(name, 'grad').slice());
      }
      return result;
    },
  };
  const trainer = createTrainer({
    model,
    objective: taskObjective({ task, examples, settings, seed: 1, padId: 0 }),
    methods: [spy],
    settings,
    steps: STEPS,
    seed: 1,
    threads: 2,
    device,
  });
  const losses = [];
  for (let step = 0; step < STEPS; step++) losses.push((await trainer.step()).loss);
  const predictor = createPredictor({ model: trainer.snapshot(), threads: 2, device, padId: 0, rows: 3 });
  const logits = await predictor.logits(examples);
  await predictor.release();
  await trainer.release();
  return { losses, gradients: [...gradients.values()], logits };
}

/** Rows far from zero, on which the variance E[x^2] - E[x]^2 would lose its digits; one of equal entries. */
async function farNorm(device) {
  const [x, weight, bias] = [input('x', [3, 8]), input('weight', [8]), input('bias', [8])];
  const session = await createSession([{ name: 'y', node: layerNorm(x, weight, bias, 1e-12) }], { device });
  const values = random(2, 'rows');
  const y = new Float32Array(24);
  const feeds = new Map([
    ['x', Float32Array.from({ length: 24 }, (_, i) => (i < 8 ? 123.456 : 300 + values.uniform()))],
    ['weight', new Float32Array(8).fill(1)],
    ['bias', new Float32Array(8).fill(1)],
  ]);
  await session.run(feeds, new Map([['y', y]]));
  await session.release();
  return [y];
}

/** L2 norm of the difference over the norm of the second. */
function relativeError(found, expected) {
  let [difference, size] = [0, 0];
  for (const [i, values] of expected.entries()) {
    for (const [j, value] of values.entries()) {
      difference += (value - found[i][j]) ** 2;
      size += value ** 2;
    }
  }
  return Math.sqrt(difference / size);
}

/** Whether ONNX Runtime puts every node of the forward pass on webgpu; it fails otherwise. */
async function forwardStaysOnDevice() {
  const logits = taskLogits(createBuilder({ rows: 3, length: 16 }, plainWeights(model)), model);
  const session = await InferenceSession.create(
    encodeOnnx([{ name: 'logits', node: logits }], { webgpu: true }),
    {
      executionProviders: ['webgpu'],
      extra: { session: { disable_cpu_ep_fallback: '1' } },
    },
  );
  await session.release();
  return true;
}

await resolveDevice('webgpu').catch(({ message }) => {
  process.stdout.write(`${JSON.stringify({ unavailable: message })}\n`);
  process.exit();
});
const [cpu, webgpu] = [await train('cpu'), await train('webgpu')];
const report = {
  losses: relativeError([webgpu.losses], [cpu.losses]),
  gradients: relativeError(webgpu.gradients, cpu.gradients),
  gradientTensors: webgpu.gradients.length,
  logits: relativeError(webgpu.logits, cpu.logits),
  farNorm: relativeError(await farNorm('webgpu'), await farNorm('cpu')),
  forwardStaysOnDevice: await forwardStaysOnDevice(),
};
process.stdout.write(`${JSON.stringify(report)}\n`);
