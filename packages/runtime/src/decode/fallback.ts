// The reader in TypeScript and the encoder's arrays: for sections that WebAssembly has no way for or refuses, to tell what is
// wrong with them, and for engines without SIMD. The bundle has it in a file of its own.
import type { Arena } from '../encoder/arena.js';
import { placeLinear } from '../encoder/linear.js';
import { placeTable } from '../encoder/tables.js';
import type { Table } from '../encoder/weights.js';
import { decodeTensor } from '../format/decode-tensor.js';
import { checkSection, decodeFile } from '../format/read-pack.js';
import { denseOf, extentOf, type PackTensor } from '../format/tensors.js';
import type { Levels } from '../kernels/program.js';
import { linearOf } from '../load/linear-form.js';
import type { Decoder } from './decoder.js';

function tableOf(rows: number, tensor: PackTensor): Table {
  if (tensor.kind === 'int8') return { form: 'int8', rows, values: tensor.data, scales: tensor.scales };
  if (tensor.kind === 'int4')
    return { form: 'int4', rows, values: tensor.data, scales: tensor.scales, group: tensor.group };
  return { form: 'f32', rows, values: denseOf(tensor) };
}

export const twinDecoder = (arena: Arena, levels: Levels): Decoder => ({
  check: checkSection,
  linear(section, bytes, as) {
    const tensor = decodeTensor(section, bytes);
    const bias = new Float32Array(extentOf(section.shape).rows);
    return placeLinear(arena, section.name, linearOf(tensor, bias, as), levels);
  },
  table(section, bytes) {
    const { rows, columns } = extentOf(section.shape);
    return placeTable(arena, section.name, tableOf(rows, decodeTensor(section, bytes)), columns);
  },
  vector: (section, bytes) => denseOf(decodeTensor(section, bytes)).slice(),
  file: decodeFile,
});
