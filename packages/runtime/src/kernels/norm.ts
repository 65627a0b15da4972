// LayerNorm over the features of each token, of a sum or of one array: y = (s - mean) / sqrt(variance + epsilon) * gain +
// bias. Mean first, then variance about it, which loses no digits where the mean is large.
import { defineFunction, type Expr, f32, f32x4, i32, v128 } from '../wasm/assembler.js';
import {
  count,
  floats,
  kernel,
  multiplyAdd,
  offset,
  type Shape,
  splatAt,
  storeAll,
  tokensTogether,
  type Views,
  words,
} from './kernel.js';

const PARAMS = { ...words('a', 'b', 'y', 'gain', 'bias', 'features'), epsilon: 'f32' } as const;

/** a, b and y f32 [features, tile], of which y may be a or b; gain and bias f32 [features]. */
export const addNorm = kernel({
  wasm: ({ tile }, fused) =>
    defineFunction(PARAMS, (body, { a, b, y, gain, bias, features, epsilon }) => {
      const madd = multiplyAdd(fused);
      const row = 4 * tile;
      const bytes = body.let(i32.mul(features, row));
      const share = body.let(f32x4.splat(f32.div(f32.const(1), f32.convertU(features))));

      const together = 4 * tokensTogether({ tile });
      const vectors = count(together / 16).map((i) => 16 * i);
      const at = (array: Expr<'i32'>, place: Expr<'i32'>, vector: number): Expr<'v128'> =>
        v128.load(i32.add(array, place), vector);
      body.range(0, row, together, () => {
        const sums = vectors.map(() => body.let(floats(0)));
        body.range(0, bytes, row, (place) => {
          const values = vectors.map((vector) =>
            body.let(f32x4.add(at(a, place, vector), at(b, place, vector))),
          );
          values.forEach((value, i) => body.set(sums[i]!, f32x4.add(sums[i]!, value)));
          storeAll(body, i32.add(y, place), values);
        });
        const means = sums.map((sum) => body.let(f32x4.mul(sum, share)));
        const squares = vectors.map(() => body.let(floats(0)));
        body.range(0, bytes, row, (place) => {
          vectors.forEach((vector, i) => {
            const value = body.let(f32x4.sub(at(y, place, vector), means[i]!));
            body.set(squares[i]!, madd(value, value, squares[i]!));
          });
        });
        const factors = squares.map((sum) =>
          body.let(f32x4.div(floats(1), f32x4.sqrt(f32x4.add(f32x4.mul(sum, share), f32x4.splat(epsilon))))),
        );
        const [gains, biases] = [body.let(gain), body.let(bias)];
        body.range(0, bytes, row, (place) => {
          const [scale, start] = [body.let(splatAt(gains)), body.let(splatAt(biases))];
          const values = vectors.map((vector, i) => {
            const value = f32x4.mul(f32x4.sub(at(y, place, vector), means[i]!), factors[i]!);
            return madd(value, scale, start);
          });
          storeAll(body, i32.add(y, place), values);
          for (const pointer of [gains, biases]) body.set(pointer, offset(pointer, 4));
        });
        for (const pointer of [a, b, y]) body.set(pointer, offset(pointer, together));
      });
    }),
  twin: (shape) => (memory, args) => {
    const { f32: numbers } = memory;
    for (let i = 0; i < args.features * shape.tile; i++)
      numbers[args.y / 4 + i] = numbers[args.a / 4 + i]! + numbers[args.b / 4 + i]!;
    normTwin(shape, memory, args);
  },
});

/** Normalises y. */
function normTwin(
  { tile }: Shape,
  { f32: numbers }: Views,
  { y, gain, bias, features, epsilon }: { readonly [K in keyof typeof PARAMS]: number },
): void {
  for (let token = 0; token < tile; token++) {
    const place = (feature: number): number => y / 4 + feature * tile + token;
    let sum = 0;
    for (let feature = 0; feature < features; feature++) sum += numbers[place(feature)]!;
    const mean = sum / features;
    let squares = 0;
    for (let feature = 0; feature < features; feature++) squares += (numbers[place(feature)]! - mean) ** 2;
    const factor = 1 / Math.sqrt(squares / features + epsilon);
    for (let feature = 0; feature < features; feature++) {
      const value = (numbers[place(feature)]! - mean) * factor;
      numbers[place(feature)] = value * numbers[gain / 4 + feature]! + numbers[bias / 4 + feature]!;
    }
  }
}
