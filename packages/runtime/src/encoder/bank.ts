// The kernels of one tile width, bound to the encoder's memory.
import { attention } from '../kernels/attention.js';
import { bindable } from '../kernels/bind.js';
import { denseF32 } from '../kernels/dense-f32.js';
import { gelu } from '../kernels/gelu.js';
import { int8Form } from '../kernels/int8.js';
import type { Shape } from '../kernels/kernel.js';
import { addNorm } from '../kernels/norm.js';
import { quantiseQ15 } from '../kernels/quantise-q15.js';
import type { Levels } from '../kernels/self-test.js';
import { spmmF32 } from '../kernels/spmm-f32.js';
import { spmmQ15 } from '../kernels/spmm-q15.js';

export function bank(shape: Shape, levels: Levels, memory: WebAssembly.Memory) {
  const int8 = int8Form(levels.int8);
  return {
    tile: shape.tile,
    spmmF32: bindable(spmmF32, shape, levels.f32)(memory),
    denseF32: bindable(denseF32, shape, levels.f32)(memory),
    quantiseQ15: bindable(quantiseQ15, shape, levels.q15)(memory),
    spmmQ15: bindable(spmmQ15, shape, levels.q15)(memory),
    quantiseInt8: bindable(int8.quantise, shape, levels.int8)(memory),
    spmmInt8: bindable(int8.spmm, shape, levels.int8)(memory),
    gelu: bindable(gelu, shape, levels.block)(memory),
    addNorm: bindable(addNorm, shape, levels.block)(memory),
    attention: bindable(attention, shape, levels.block)(memory),
  };
}

export type Bank = ReturnType<typeof bank>;
