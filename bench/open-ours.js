// Opens a packed BERT in this process, from its bytes to an encoder that is ready. Prints one JSON line.
//
//   node bench/open-ours.js FILE
import { readFileSync } from 'node:fs';
import { peakMemory } from '../packages/espalier/dist/bench/peak-memory.js';
import { openEncoder } from '../packages/runtime/dist/decode/open.js';
import { sectionsOf } from '../packages/runtime/dist/decode/read-sections.js';
import { packedBert } from './packed-bert.js';

const file = readFileSync(process.argv[2]);
const bytes = new Uint8Array(file.buffer, file.byteOffset, file.length);
const before = peakMemory();
const parts = { kernels: 0, tables: 0, layers: 0, vectors: 0, rest: 0 };
const started = performance.now();
const { header, sections } = sectionsOf(bytes);
const packed = packedBert(header);
let last = performance.now();
const add = (part) => {
  const now = performance.now();
  parts[part] += now - last;
  last = now;
};
const opening = openEncoder(packed, { largest: { rows: 1, length: 128 } });
add('kernels');
for (const { section, bytes: of } of sections) {
  await opening.take(section, of);
  const matrix = section.shape.length > 1;
  add(section.name.includes('embeddings') && matrix ? 'tables' : matrix ? 'layers' : 'vectors');
}
const encoder = await opening.finish();
add('rest');
const total = performance.now() - started;
const peak = peakMemory() - before;
console.log(JSON.stringify({ total, ...parts, peak, memory: encoder.bytes, levels: encoder.levels }));
