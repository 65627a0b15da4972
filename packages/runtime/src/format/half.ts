// IEEE 754 binary16 and the upper half of a binary32 (bfloat16). Narrowing rounds to nearest, ties to even, as the
// processors do; NaN payloads keep their upper bits and become quiet.

/** Bits of the binary32 with the value of a binary16. */
function f16ToF32Bits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (mantissa << 13); // infinity, NaN
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (mantissa << 13);
  if (mantissa === 0) return sign;
  const shift = Math.clz32(mantissa) - 21; // subnormal: its leading one becomes the implicit one
  return sign | ((113 - shift) << 23) | (((mantissa << shift) & 0x3ff) << 13);
}

/** Bits of the binary16 nearest to a binary32. */
function f32ToF16Bits(single: number): number {
  const sign = (single >>> 16) & 0x8000;
  const magnitude = single & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff); // NaN
  if (magnitude >= 0x47800000) return sign | 0x7c00; // 65536 and more
  const exponent = magnitude >>> 23;
  // Half subnormals are multiples of 2^-24; below half of the smallest (2^-25) everything is zero.
  if (exponent < 102) return sign;
  const subnormal = exponent < 113;
  const drop = subnormal ? 126 - exponent : 13; // mantissa bits that do not fit
  const kept = subnormal ? (magnitude & 0x7fffff) | 0x800000 : magnitude - 0x38000000;
  const tiesToEven = (kept >>> drop) & 1;
  return sign | ((kept + (1 << (drop - 1)) - 1 + tiesToEven) >>> drop); // a carry moves up one exponent
}

const convert = (length: number, bits: (index: number) => number): Float32Array => {
  const words = new Uint32Array(length);
  for (let i = 0; i < length; i++) words[i] = bits(i);
  return new Float32Array(words.buffer);
};

/** F16 bits to float32; exact. */
export const f16ToF32 = (halves: Uint16Array): Float32Array =>
  convert(halves.length, (i) => f16ToF32Bits(halves[i]!));

/** BF16 bits to float32; exact. */
export const bf16ToF32 = (halves: Uint16Array): Float32Array =>
  convert(halves.length, (i) => halves[i]! << 16);

/** float32 to F16 bits, rounded to nearest even; 65520 and more is infinity. */
export function f32ToF16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i++) halves[i] = f32ToF16Bits(bits[i]!);
  return halves;
}
