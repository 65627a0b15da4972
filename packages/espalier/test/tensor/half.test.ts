// Half conversions against NumPy and PyTorch (scripts/half_goldens.py), exhaustively where there are 65,536 inputs.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { bf16ToF32, f16ToF32, f32ToF16 } from '@espalier/runtime/format';
import { toF32 } from '../../src/tensor/half.js';

interface Goldens {
  digests: { f16ToF32: string; bf16ToF32: string; f32ToF16: string };
  widen: [half: string, single: string][];
  narrow: [single: string, half: string][];
}

const goldens = JSON.parse(
  readFileSync(new URL('../fixtures/half.json', import.meta.url), 'utf8'),
) as Goldens;

const hex = (text: string): number => Number.parseInt(text, 16);
const bitsOf = (values: Float32Array): Uint32Array => new Uint32Array(values.buffer);
const fromBits = (...bits: number[]): Float32Array => new Float32Array(Uint32Array.from(bits).buffer);
const digest = (values: ArrayBufferView): string =>
  createHash('sha256')
    .update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    .digest('hex');

const allHalves = Uint16Array.from({ length: 65_536 }, (_, i) => i);
const quietSingles = (values: Float32Array): Uint32Array =>
  bitsOf(values).map((bits, i) => (Number.isNaN(values[i]!) ? 0x7fc00000 : bits));
const isHalfNan = (half: number): boolean => (half & 0x7fff) > 0x7c00;

describe('widening', () => {
  test('every F16 gives the float32 that NumPy gives', () => {
    expect(digest(quietSingles(f16ToF32(allHalves)))).toBe(goldens.digests.f16ToF32);
  });
  test('every BF16 gives the float32 that PyTorch gives', () => {
    expect(digest(quietSingles(bf16ToF32(allHalves)))).toBe(goldens.digests.bf16ToF32);
  });
  test.each(goldens.widen)('F16 %s is float32 %s', (half, single) => {
    expect(bitsOf(f16ToF32(Uint16Array.of(hex(half))))[0]).toBe(hex(single));
  });
  test('NaN stays NaN', () => {
    const nans = allHalves.filter(isHalfNan);
    expect(nans.length).toBe(2046);
    expect(f16ToF32(nans).every(Number.isNaN)).toBe(true);
  });
});

describe('narrowing', () => {
  test('2^20 float32 spread over all bits give the F16 that NumPy gives', () => {
    const bits = Uint32Array.from({ length: 1 << 20 }, (_, i) => Math.imul(i, 2_654_435_761));
    const halves = f32ToF16(new Float32Array(bits.buffer)).map((half) => (isHalfNan(half) ? 0x7e00 : half));
    expect(digest(halves)).toBe(goldens.digests.f32ToF16);
  });
  test.each(goldens.narrow)('float32 %s rounds to F16 %s', (single, half) => {
    expect(f32ToF16(fromBits(hex(single)))[0]).toBe(hex(half));
  });
  test('NaN stays NaN, also with a payload that does not fit', () => {
    expect([...f32ToF16(fromBits(0x7fc00000, 0x7f800001, 0xff800001))].every(isHalfNan)).toBe(true);
  });
  test('every F16 that is not NaN comes back', () => {
    const numbers = allHalves.filter((half) => !isHalfNan(half));
    expect(digest(f32ToF16(f16ToF32(numbers)))).toBe(digest(numbers));
  });
});

describe('toF32', () => {
  test('converts every dtype of floats and keeps F32 as it is', () => {
    const single = { dtype: 'F32', shape: [1], data: Float32Array.of(0.1) } as const;
    expect(toF32(single)).toBe(single);
    expect(toF32({ dtype: 'F16', shape: [2, 1], data: Uint16Array.of(0x3c00, 0xc000) })).toEqual({
      dtype: 'F32',
      shape: [2, 1],
      data: Float32Array.of(1, -2),
    });
    expect(toF32({ dtype: 'BF16', shape: [1], data: Uint16Array.of(0x3f80) }).data[0]).toBe(1);
    expect(toF32({ dtype: 'F64', shape: [1], data: Float64Array.of(0.1) }).data[0]).toBe(Math.fround(0.1));
  });
  test('refuses integers', () => {
    expect(() => toF32({ dtype: 'I64', shape: [1], data: BigInt64Array.of(1n) })).toThrow(
      'expected a tensor of floats (F32, F16, BF16 or F64), found I64',
    );
  });
});
