// The packed file `.espalier`: docs/format.md.
export { bf16ToF32, f16ToF32, f32ToF16 } from './half.js';
export type { JsonObject } from '../json.js';
export type { PackHeader, PackTask, Section, TensorSection } from './header.js';
export { PackError, type PackProblem } from './pack-error.js';
export { toF16, toF32, toInt4, toInt8 } from './quantise.js';
export { openPack, openRangedPack, type Pack, type RangedPack, type ReadRange } from './read-pack.js';
export { MOST_SPARSE, toSparse1x4, toSparseCodebook, toSparseF16, toSparseInt8 } from './sparsify.js';
export {
  denseOf,
  type Extent,
  extentOf,
  type Int4,
  type Int8,
  type Kind,
  KINDS,
  type PackTensor,
  type Sparse1x4,
  type SparseCodebook,
  type SparseInt8,
  unpackNibbles,
} from './tensors.js';
export { type PackContent, type WrittenPack, type WrittenSection, writePack } from './write-pack.js';
