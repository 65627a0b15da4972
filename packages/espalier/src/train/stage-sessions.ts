// The sessions of a stage, one per bucket and variant: built, compiled and bound to the store when first needed.
import { createSession, type Session, type SessionOptions } from '../engine/session.js';
import type { BucketShape } from '../models/builder.js';
import type { Bound, Compiled } from './bindings.js';
import type { BuiltGraph } from './graph.js';

export interface StageSessions {
  compiled(bucket: BucketShape, variant: string): Promise<Compiled>;
  release(): Promise<void>;
}

export function createStageSessions(
  build: (bucket: BucketShape, variant: string) => BuiltGraph,
  bind: (graph: BuiltGraph, session: Session) => Bound,
  options: SessionOptions,
): StageSessions {
  const compiled = new Map<string, Compiled>();
  return {
    async compiled(bucket, variant) {
      const key = `${variant}:${bucket.rows}x${bucket.length}`;
      const known = compiled.get(key);
      if (known) return known;
      const graph = build(bucket, variant);
      const session = await createSession(graph.outputs, options);
      const made = { graph, session, ...bind(graph, session) };
      compiled.set(key, made);
      return made;
    },
    async release() {
      for (const { session } of compiled.values()) await session.release();
      compiled.clear();
    },
  };
}
