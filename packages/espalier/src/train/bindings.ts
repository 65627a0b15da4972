// How a compiled bucket is bound to the store: which array stands behind each name of its inputs and outputs, and the
// scratch areas some of them lie in.
import type { ScratchSpec } from '../engine/plan.js';
import type { FeedArray, Session } from '../engine/session.js';
import type { Store } from '../engine/store.js';
import { sizeOf } from '../tensor/tensor.js';
import type { Declarations } from './declarations.js';
import type { TeacherSource } from './teacher.js';
import type { BuiltGraph } from './graph.js';
import { randomArea } from './randoms.js';

/** The arrays a session reads and writes that stay the same over its life. */
export interface Bound {
  readonly feeds: Map<string, FeedArray>;
  readonly fetches: Map<string, Float32Array>;
  /** Arrays of the graph's random inputs, in order. */
  readonly randoms: readonly Float32Array[];
  /** Arrays that the teacher fills for every batch, by the name of its output. */
  readonly teacherOutputs: ReadonlyMap<string, Float32Array>;
}

/** A compiled bucket and its arrays. */
export interface Compiled extends Bound {
  readonly graph: BuiltGraph;
  readonly session: Session;
}

/** Area of the ids by which rows are scattered into a table. */
export const idsArea = (table: string): string => `ids:${table}`;

/** Room for row gradients and their ids, beside the table they are scattered into. */
export function rowScratch(graphs: readonly BuiltGraph[]): ScratchSpec[] {
  const areas = new Map<string, ScratchSpec>();
  const grow = (name: string, bytes: number, near: string): void => {
    const known = areas.get(name);
    areas.set(name, { name, bytes: Math.max(bytes, known?.bytes ?? 0), near: known?.near ?? near });
  };
  for (const { rowScatters, rowOutputs } of graphs) {
    for (const { rowsOutput, tensor } of rowScatters) {
      const { rows, width } = rowOutputs.get(rowsOutput)!;
      grow(rowsOutput, rows * width * 4, tensor);
      grow(idsArea(tensor), rows * 4, tensor);
    }
  }
  return [...areas.values()];
}

export function boundArrays(
  graph: BuiltGraph,
  session: Session,
  store: Store,
  declarations: Declarations,
  teacher: TeacherSource | undefined,
): Bound {
  const feeds = new Map<string, FeedArray>();
  const teacherOutputs = new Map<string, Float32Array>();
  for (const [name, { shape }] of session.inputs) {
    if (name.startsWith('weight:')) feeds.set(name, store.view(name.slice('weight:'.length), 'weight'));
    else if (name.startsWith('feed:')) feeds.set(name, new Float32Array(sizeOf(shape)));
    else if (name.startsWith('teacher:')) {
      const output = name.slice('teacher:'.length);
      const weight = teacher!.weights.get(output);
      if (!weight) teacherOutputs.set(output, new Float32Array(sizeOf(shape)));
      feeds.set(name, weight ?? teacherOutputs.get(output)!);
    }
  }
  const randoms = graph.randoms.map(({ shape }, index) => store.floats(randomArea(index), sizeOf(shape)));
  for (const [index, { name }] of graph.randoms.entries()) feeds.set(name, randoms[index]!);
  const fetches = new Map<string, Float32Array>();
  for (const [name, { shape }] of session.outputs) {
    if (name.startsWith('grad:')) fetches.set(name, store.view(name.slice('grad:'.length), 'grad'));
    else if (name.startsWith('rows:')) fetches.set(name, store.floats(name, sizeOf(shape)));
    else if (name.startsWith('next:'))
      fetches.set(name, declarations.carries.get(name.slice('next:'.length))!.next);
    else fetches.set(name, new Float32Array(sizeOf(shape)));
  }
  return { feeds, fetches, randoms, teacherOutputs };
}

/** What an input outside the batch holds at a step: a weight, a carried tensor, a value fed per step. */
export function presentFeed(
  input: string,
  store: Store,
  declarations: Declarations,
  step: number,
): Float32Array {
  const [kind, name] = [input.slice(0, input.indexOf(':')), input.slice(input.indexOf(':') + 1)];
  if (kind === 'weight') return store.view(name, 'weight');
  if (kind === 'carry') return declarations.carries.get(name)!.value;
  return Float32Array.from(declarations.feeds.get(name)!.value(step));
}
