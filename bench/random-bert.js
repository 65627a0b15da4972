// A BERT with random weights in memory: the same tensors at every call, and no file to download.
import { familyOf } from '../packages/espalier/dist/models/families.js';
import { parseConfig } from '../packages/espalier/dist/models/config.js';
import { random } from '../packages/espalier/dist/random.js';
import { f32, sizeOf } from '../packages/espalier/dist/tensor/tensor.js';

const DEVIATION = 0.02; // the initializer_range of BERT
const HEADS = { train: ['classifier'], pretrain: ['mlm', 'nsp'] };

/** A BERT with dropout 0.1 and a head of two labels, or those of pre-training. `size` is an entry of SIZES. */
export function randomBert({ layers, hidden, heads, intermediate }, objective = 'train') {
  const parts = ['embeddings', 'encoder', 'pooler', ...HEADS[objective]];
  const config = parseConfig(
    {
      model_type: 'bert',
      num_hidden_layers: layers,
      hidden_size: hidden,
      num_attention_heads: heads,
      intermediate_size: intermediate,
      id2label: { 0: 'no', 1: 'yes' },
    },
    'bench',
  );
  const shapes = familyOf(config).tensors(config);
  const generator = random(0, 'bench');
  const tensors = new Map();
  for (const [name, shape] of parts.flatMap((part) => shapes.get(part))) {
    const data = new Float32Array(sizeOf(shape)); // biases stay zero
    if (name.endsWith('LayerNorm.weight')) data.fill(1);
    // Uniform of the same deviation: speed does not see the difference, and 100 M values take a second.
    else if (!name.endsWith('.bias')) fillUniform(data, DEVIATION * Math.sqrt(3), generator.uint32());
    tensors.set(name, f32(shape, data));
  }
  return { source: 'random', family: 'bert', config, tensors, tokenizerFiles: new Map() };
}

/** Uniform over (-limit, limit) by a 32-bit xorshift (Marsaglia, 2003). */
function fillUniform(data, limit, seed) {
  let state = seed | 1;
  for (let i = 0; i < data.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    data[i] = (state / 2 ** 31) * limit;
  }
}
