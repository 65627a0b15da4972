// One forward and backward pass over a micro-batch: what the session is fed, its run, and the gradients and carried
// tensors it leaves.
import type { StageContext } from '../methods/method.js';
import { type Compiled, idsArea } from './bindings.js';
import type { Declarations } from './declarations.js';
import type { TrainingBatch } from './objective.js';
import { fillRandoms } from './randoms.js';
import type { StageSessions } from './stage-sessions.js';
import type { TeacherSource } from './teacher.js';

export interface PassOptions {
  readonly stage: StageContext;
  readonly declarations: Declarations;
  readonly sessions: StageSessions;
  readonly teacher: TeacherSource | undefined;
  /** Names of the tensors that are trained. */
  readonly trained: readonly string[];
}

/** Where in the stage a pass stands. */
export interface PassPlace {
  readonly step: number;
  /** Number of the pass within the step. */
  readonly pass: number;
  readonly variant: string;
  /** Sum of the row weights of the whole step. */
  readonly weightSum: number;
}

/** Milliseconds of a step, added to by those who spend them. */
export interface StepClock {
  session: number;
  /** Work over the store between sessions. */
  pass: number;
}

export interface Passes {
  /** Leaves gradients in the store's `grad` slots; returns the session's outputs by name, good until its next run. */
  run(batch: TrainingBatch, place: PassPlace, clock: StepClock): Promise<ReadonlyMap<string, Float32Array>>;
  /** To be told that the update has set the gradient of a tensor to zero. */
  cleared(name: string): void;
}

export function createPasses({ stage, declarations, sessions, teacher, trained }: PassOptions): Passes {
  const { store, seed } = stage;
  /** Tensors whose gradient slot may hold something although no session overwrites it. */
  const dirty = new Set<string>();

  function feed({ session, feeds }: Compiled, batch: TrainingBatch, { step, weightSum }: PassPlace): void {
    for (const [name, array] of batch.feeds) if (session.inputs.has(name)) feeds.set(name, array);
    if (session.inputs.has('row_scale')) {
      feeds.set(
        'row_scale',
        batch.rowWeights.map((weight) => weight / weightSum),
      );
    }
    for (const { name, value } of declarations.feeds.values()) {
      (feeds.get(`feed:${name}`) as Float32Array | undefined)?.set(value(step));
    }
    for (const { name, value } of declarations.carries.values()) {
      if (session.inputs.has(`carry:${name}`)) feeds.set(`carry:${name}`, value);
    }
  }

  /** Zeroes the gradients that the session did not write, and scatters those that came as rows. */
  function completeGradients({ graph, fetches }: Compiled, batch: TrainingBatch): void {
    const dense = new Set(graph.denseGradients);
    for (const name of trained) {
      if (dense.has(name)) dirty.add(name);
      else if (dirty.delete(name)) store.zeroGrad([name]);
    }
    for (const { tensor, idsInput, rowsOutput } of graph.rowScatters) {
      dirty.add(tensor);
      const source = batch.feeds.get(idsInput) as Int32Array;
      const ids = store.ints(idsArea(tensor), source.length);
      ids.set(source);
      store.scatterRows(tensor, ids, fetches.get(rowsOutput)!);
    }
  }

  return {
    async run(batch, place, clock) {
      const compiled = await sessions.compiled(batch.bucket, place.variant);
      const { graph, session, feeds, fetches, randoms, teacherOutputs } = compiled;
      feed(compiled, batch, place);
      fillRandoms(store, graph.randoms, randoms, { seed, step: place.step, pass: place.pass });
      let started = performance.now();
      if (teacherOutputs.size > 0) await teacher!.fill(batch, teacherOutputs);
      await session.run(feeds, fetches);
      clock.session += performance.now() - started;

      started = performance.now();
      completeGradients(compiled, batch);
      clock.pass += performance.now() - started;
      for (const name of graph.carries)
        declarations.carries.get(name)!.value.set(fetches.get(`next:${name}`)!);
      return fetches;
    },
    cleared: (name) => {
      dirty.delete(name);
    },
  };
}
