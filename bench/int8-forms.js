// The int8 ONNX files of a dense model: by the range of each batch, or by fixed scales with weights per tensor or per
// channel. Functions that make the bytes.
import { calibrate } from '../packages/espalier/dist/export/calibrate.js';
import { dynamicInt8Bytes } from '../packages/espalier/dist/export/dynamic-int8.js';
import { int8Bytes } from '../packages/espalier/dist/export/int8.js';

/** `examples` set the fixed ranges. Tables stay float32. */
export function int8Forms(model, examples, threads) {
  const fixed = async (weights) =>
    int8Bytes(model, await calibrate(model, examples, { weights, observer: 'minmax', threads }));
  return {
    dynamic: () => dynamicInt8Bytes(model, { perRow: false, tables: false }),
    static: () => fixed('per-tensor'),
    'static-per-channel': () => fixed('per-channel'),
  };
}
