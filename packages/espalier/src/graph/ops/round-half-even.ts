/** To the nearest whole number, halves to the even one: the rounding of IEEE 754, ONNX and PyTorch. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}
