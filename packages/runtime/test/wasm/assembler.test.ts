import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  allocate,
  assemble,
  compile,
  defineFunction,
  f32,
  f32x4,
  i32,
  i64,
  v128,
} from '../../src/wasm/assembler.js';

describe('assembler', () => {
  test('constants survive LEB128 at every width', () => {
    const edges = [0, 1, 63, 64, 127, 128, 8191, 8192, 2 ** 20, 2 ** 31 - 1, -1, -64, -65, -(2 ** 31)];
    fc.assert(
      fc.property(fc.oneof(fc.constantFrom(...edges), fc.integer()), (value) => {
        const { constant } = compile({ constant: defineFunction({}, () => i32.const(value)) })(allocate(0));
        expect(constant({})).toBe(value);
      }),
    );
  });

  test('nested ranges visit what the same loops visit in TypeScript', () => {
    const triangle = defineFunction({ from: 'i32', to: 'i32' }, (body, { from, to }) => {
      const sum = body.let(i32.const(0));
      body.range(from, to, 3, (i) => {
        body.range(i32.const(0), i, 1, (j) => body.set(sum, i32.add(sum, i32.mul(i, j))));
      });
      return sum;
    });
    const kernels = compile({ triangle })(allocate(0));
    for (const [from, to] of [
      [0, 0],
      [0, 1],
      [5, 5],
      [7, 5],
      [2, 20],
    ] as const) {
      let expected = 0;
      for (let i = from; i < to; i += 3) for (let j = 0; j < i; j++) expected += i * j;
      expect(kernels.triangle({ from, to })).toBe(expected);
    }
  });

  test('arguments go by name, floats and vectors through memory', () => {
    const axpy = defineFunction({ x: 'i32', y: 'i32', a: 'f32' }, (body, { x, y, a }) => {
      body.store(y, f32x4.add(v128.load(y), f32x4.mul(f32x4.splat(a), v128.load(x))));
      body.store(y, f32.add(f32.load(y, 12), f32.load(x, 12)), 16);
    });
    const memory = allocate(1);
    expect(memory.buffer.byteLength).toBe(65536);
    const floats = new Float32Array(memory.buffer);
    floats.set([1, 2, 3, 4], 0);
    floats.set([10, 20, 30, 40], 4);
    compile({ axpy })(memory).axpy({ a: 2, y: 16, x: 0 });
    expect([...floats.subarray(4, 9)]).toEqual([12, 24, 36, 48, 52]);
  });

  test('integers of 64 bits are loaded from any address, shifted, and cut', () => {
    const bits = defineFunction({ at: 'i32', by: 'i32' }, (body, { at, by }) => {
      const wide = body.let(i64.shrU(i64.load(at, 1), i64.extendU(by)));
      return i64.wrap(wide);
    });
    const memory = allocate(1);
    const bytes = new Uint8Array(memory.buffer);
    for (let i = 0; i < 64; i++) bytes[i] = 37 * i + 201;
    const call = compile({ bits })(memory).bits;
    for (let at = 0; at < 16; at++)
      for (let by = 0; by < 64; by++) {
        const expected = new DataView(memory.buffer).getBigUint64(at + 1, true) >> BigInt(by);
        expect(call({ at, by })).toBe(Number(BigInt.asIntN(32, expected)));
      }
    expect(call({ at: 0, by: 64 + 3 })).toBe(call({ at: 0, by: 3 }));
  });

  test('one module serves several memories', () => {
    const bind = compile({ first: defineFunction({}, () => i32.load(i32.const(0))) });
    const memories = [allocate(4), allocate(4)];
    memories.forEach((memory, index) => {
      new Int32Array(memory.buffer)[0] = 100 + index;
    });
    expect(memories.map((memory) => bind(memory).first({}))).toEqual([100, 101]);
  });

  test('a module of many functions validates and keeps its names', async () => {
    const functions = Object.fromEntries(
      Array.from({ length: 200 }, (_, i) => [`f ${i}`, defineFunction({}, () => i32.const(i * 1000))]),
    );
    const { instance } = await WebAssembly.instantiate(assemble(functions), { env: { memory: allocate(0) } });
    expect(Object.keys(instance.exports)).toEqual(Object.keys(functions));
    expect((instance.exports['f 199'] as () => number)()).toBe(199_000);
  });
});
