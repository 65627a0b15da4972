// Sessions of a forward pass, one per bucket, made when first needed.
import type { Device } from '../engine/devices.js';
import { createSession, type FeedArray, type Session } from '../engine/session.js';
import type { NamedNode } from '../graph/onnx.js';
import type { BucketShape } from '../models/builder.js';
import { sizeOf } from '../tensor/tensor.js';

/** Where a forward pass comes from. */
export interface ForwardSource {
  /** The named results of a bucket, from the batch's inputs and others. */
  outputs(bucket: BucketShape): readonly NamedNode[];
  /** Present data of an input that does not belong to the batch. */
  feed(name: string): FeedArray;
}

export interface Forward {
  /** Results by name. The arrays are fresh, unless `targets` gives those to write into. */
  run(
    bucket: BucketShape,
    batch: ReadonlyMap<string, FeedArray>,
    targets?: ReadonlyMap<string, Float32Array>,
  ): Promise<ReadonlyMap<string, Float32Array>>;
  release(): Promise<void>;
}

export function createForward(
  source: ForwardSource,
  { threads, device }: { readonly threads: number; readonly device: Device },
): Forward {
  const sessions = new Map<string, Session>();
  return {
    async run(bucket, batch, targets) {
      const key = `${bucket.rows}x${bucket.length}`;
      const session =
        sessions.get(key) ?? (await createSession(source.outputs(bucket), { threads, device, arena: false }));
      sessions.set(key, session);
      const feeds = new Map<string, FeedArray>();
      for (const name of session.inputs.keys()) feeds.set(name, batch.get(name) ?? source.feed(name));
      const results =
        targets ??
        new Map([...session.outputs].map(([name, { shape }]) => [name, new Float32Array(sizeOf(shape))]));
      await session.run(feeds, results);
      return results;
    },
    async release() {
      for (const session of sessions.values()) await session.release();
      sessions.clear();
    },
  };
}
