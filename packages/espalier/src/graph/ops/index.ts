// Every op, in one list (a test walks it), and the functions that apply them.
import type { Op } from '../node.js';
import * as argMax from './arg-max.js';
import * as broadcast from './broadcast.js';
import * as control from './control.js';
import * as dynamicQuantizeLinear from './dynamic-quantize-linear.js';
import * as elementwise from './elementwise.js';
import * as fakeQuantise from './fake-quantise.js';
import * as gelu from './gelu.js';
import * as gemm from './gemm.js';
import * as layerNorm from './layer-norm.js';
import * as logSumExp from './log-sum-exp.js';
import * as matMulInteger from './mat-mul-integer.js';
import * as quantizeLinear from './quantize-linear.js';
import * as reduce from './reduce.js';
import * as relativeShift from './relative-shift.js';
import * as rows from './rows.js';
import * as shape from './shape.js';
import * as softLinearLoss from './soft-linear-loss.js';
import * as softmax from './softmax.js';
import * as topK from './top-k.js';

export const OPS: readonly Op<unknown>[] = [
  elementwise.addOp,
  elementwise.subOp,
  elementwise.mulOp,
  elementwise.divOp,
  elementwise.minimumOp,
  elementwise.maximumOp,
  elementwise.greaterOp,
  elementwise.negOp,
  elementwise.expOp,
  elementwise.logOp,
  elementwise.sqrtOp,
  elementwise.tanhOp,
  elementwise.sigmoidOp,
  elementwise.erfOp,
  elementwise.absOp,
  elementwise.signOp,
  elementwise.reluOp,
  elementwise.roundOp,
  elementwise.halfUnitOp,
  elementwise.whereOp,
  elementwise.toFloatOp,
  broadcast.expandOp,
  gemm.gemmOp,
  gemm.batchGemmOp,
  reduce.reduceSumOp,
  reduce.reduceMaxOp,
  reduce.reduceMinOp,
  shape.reshapeOp,
  shape.transposeOp,
  shape.sliceOp,
  shape.concatOp,
  relativeShift.relativeShiftOp,
  rows.gatherRowsOp,
  rows.scatterRowsOp,
  softmax.softmaxOp,
  softmax.logSoftmaxOp,
  logSumExp.logSumExpOp,
  argMax.argMaxOp,
  softLinearLoss.softLinearLossOp,
  layerNorm.layerNormOp,
  gelu.geluOp,
  quantizeLinear.quantizeLinearOp,
  quantizeLinear.dequantizeLinearOp,
  dynamicQuantizeLinear.dynamicQuantizeLinearOp,
  matMulInteger.matMulIntegerOp,
  control.stopOp,
  control.straightThroughOp,
  fakeQuantise.quantiseOp,
  topK.topKOp,
];

export * from './arg-max.js';
export { expand } from './broadcast.js';
export * from './control.js';
export * from './dynamic-quantize-linear.js';
export * from './elementwise.js';
export * from './fake-quantise.js';
export * from './gelu.js';
export * from './gemm.js';
export * from './layer-norm.js';
export * from './log-sum-exp.js';
export * from './mat-mul-integer.js';
export { dequantizeLinear, dequantizeLinearOp, quantizeLinear, quantizeLinearOp } from './quantize-linear.js';
export * from './reduce.js';
export * from './relative-shift.js';
export * from './rows.js';
export * from './shape.js';
export * from './soft-linear-loss.js';
export * from './softmax.js';
export * from './top-k.js';
