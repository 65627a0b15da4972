// The dense models that espalier bench compares with, both run by ONNX Runtime.
export const OPPONENTS = ['dense-f32', 'dense-int8'] as const;
export type Opponent = (typeof OPPONENTS)[number];
