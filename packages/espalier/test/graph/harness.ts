// What the graph tests share: reproducible feeds, a run through ONNX Runtime, central finite differences on the
// f64 twin, and the two comparisons. Feeds are multiples of 2^-10 and steps are 2^-9, so both are exact in f32.
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect } from 'vitest';
import { differentiate, type Gradient } from '../../src/graph/differentiate.js';
import { evaluate } from '../../src/graph/evaluate.js';
import type { Node, NodeDtype } from '../../src/graph/node.js';
import { encodeOnnx, type NamedNode } from '../../src/graph/onnx.js';
import { mul, reduceSum, toFloat } from '../../src/graph/ops/index.js';
import { constant, isInput, reachable } from '../../src/graph/program.js';
import { type Shape, sizeOf } from '../../src/tensor/tensor.js';

export type Feeds = Map<string, readonly number[]>;

/** Numbers in [0, 1), the same for the same seed (a 32-bit linear congruential generator, Numerical Recipes). */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Odd multiples of 2^-10: never 0, never half way between integers. */
export const gridValues = (size: number, low: number, high: number, random: () => number): number[] =>
  Array.from({ length: size }, () => (Math.floor((low + (high - low) * random()) * 512) * 2 + 1) / 1024);

/** Sum of the node with fixed random weights: a scalar whose gradient exercises every element. */
export function weightedSum(node: Node, seed = 7): Node {
  const weights = constant(gridValues(sizeOf(node.shape), -1, 1, uniform(seed)), node.shape);
  return reduceSum(mul(node.dtype === 'float32' ? node : toFloat(node), weights));
}

const ARRAYS: Record<NodeDtype, (values: readonly number[]) => Tensor['data']> = {
  float32: (values) => Float32Array.from(values),
  int64: (values) => BigInt64Array.from(values, (value) => BigInt(value)),
  int32: (values) => Int32Array.from(values),
  int8: (values) => Int8Array.from(values),
  uint8: (values) => Uint8Array.from(values),
  bool: (values) => Uint8Array.from(values),
};

export const tensor = (dtype: NodeDtype, shape: Shape, values: readonly number[]): Tensor =>
  new Tensor(dtype, ARRAYS[dtype](values), shape);

export const numbers = (data: Tensor['data']): number[] => Array.from(data as ArrayLike<number>, Number);

/** Runs an encoded graph `runs` times on the CPU with two threads; one record of outputs a run. */
export async function runOnnx(
  outputs: readonly NamedNode[],
  feeds: Feeds,
  { runs = 1, ...form }: { runs?: number; standard?: boolean; webgpu?: boolean } = {},
): Promise<Record<string, number[]>[]> {
  const session = await InferenceSession.create(encodeOnnx(outputs, form), {
    intraOpNumThreads: 2,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const tensors: Record<string, Tensor> = {};
  for (const { outputs: produced } of reachable(outputs.map(({ node }) => node))) {
    const node = produced[0]!;
    if (!isInput(node)) continue;
    const { name } = node.apply.attributes;
    tensors[name] = tensor(node.dtype, node.shape, feeds.get(name)!);
  }
  const results: Record<string, number[]>[] = [];
  for (let run = 0; run < runs; run++) {
    const result = await session.run(tensors);
    for (const { name, node } of outputs) expect(result[name]!.dims, name).toEqual(node.shape);
    results.push(
      Object.fromEntries(Object.entries(result).map(([name, value]) => [name, numbers(value.data)])),
    );
  }
  await session.release();
  return results;
}

/** d loss / d input by the five-point stencil, error O(step^4). */
export function finiteDifferences(loss: Node, name: string, feeds: Feeds): number[] {
  const step = 2 ** -9;
  const values = feeds.get(name)!;
  const at = (index: number, offset: number): number => {
    const moved = values.map((value, i) => (i === index ? value + offset * step : value));
    return evaluate([loss], new Map(feeds).set(name, moved))[0]!.data[0]!;
  };
  return values.map((_, i) => (at(i, -2) - 8 * at(i, -1) + 8 * at(i, 1) - at(i, 2)) / (12 * step));
}

/** The whole gradient as one flat array, rows added at their ids, by the f64 twin. */
export function denseGradient({ dense, rows }: Gradient, shape: Shape, feeds: Feeds): number[] {
  const total = new Array<number>(sizeOf(shape)).fill(0);
  if (dense) for (const [i, value] of evaluate([dense], feeds)[0]!.data.entries()) total[i]! += value;
  for (const part of rows) {
    const [ids, values] = evaluate([part.ids, part.rows], feeds);
    const width = shape[1]!;
    for (const [i, value] of values!.data.entries()) {
      total[ids!.data[Math.floor(i / width)]! * width + (i % width)]! += value;
    }
  }
  return total;
}

/** Fails unless the largest difference is below `tolerance` times the largest magnitude (at least 0.1). */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what: string,
): void {
  expect(actual.length, what).toBe(expected.length);
  let magnitude = 0.1;
  let difference = 0;
  for (let i = 0; i < expected.length; i++) {
    expect(Number.isFinite(actual[i]) && Number.isFinite(expected[i]), `${what}[${i}] is finite`).toBe(true);
    magnitude = Math.max(magnitude, Math.abs(expected[i]!));
    difference = Math.max(difference, Math.abs(actual[i]! - expected[i]!));
  }
  expect(difference / magnitude, what).toBeLessThan(tolerance);
}

const named = (node: Node): string => {
  if (!isInput(node)) throw new Error('a parameter of these tests is an input');
  return node.apply.attributes.name;
};

/** Gradients of the twin against finite differences, for parameters that are inputs. Error below 1e-6. */
export function expectTwinGradients(loss: Node, parameters: readonly Node[], feeds: Feeds): void {
  const gradients = differentiate(loss, parameters);
  for (const node of parameters) {
    const gradient = denseGradient(gradients.get(node) ?? { dense: undefined, rows: [] }, node.shape, feeds);
    const name = named(node);
    expectClose(gradient, finiteDifferences(loss, name, feeds), 1e-6, `gradient of ${name}`);
  }
}

/**
 * ONNX Runtime's f32 against the twin, for the nodes and for every node of the gradients. Error below 1e-5. Graphs
 * that are written otherwise with standard ops only, or for WebGPU, run in each form (on the CPU).
 */
export async function expectOnnxMatches(
  nodes: readonly Node[],
  gradients: Iterable<Gradient>,
  feeds: Feeds,
): Promise<void> {
  const all = [...nodes];
  for (const { dense, rows } of gradients) {
    if (dense) all.push(dense);
    for (const part of rows) all.push(part.rows, part.ids);
  }
  const outputs = all.map((node, i) => ({ name: `output ${i}`, node }));
  const twins = evaluate(all, feeds);
  const written = new Set<string>();
  for (const form of [{}, { standard: true }, { webgpu: true }]) {
    const bytes = Buffer.from(encodeOnnx(outputs, form)).toString('base64');
    if (written.has(bytes)) continue;
    written.add(bytes);
    const [result] = await runOnnx(outputs, feeds, form);
    for (const [i, { name, node }] of outputs.entries()) {
      const what = `${name} (${node.apply.op.name}, ${JSON.stringify(form)})`;
      expectClose(result![name]!, twins[i]!.data, 1e-5, what);
    }
  }
}
