// The decoder in TypeScript, loaded when it is first asked: few files need it.
import type { Arena } from '../encoder/arena.js';
import { RuntimeError, type RuntimeProblem } from '../encoder/errors.js';
import { PackError, type PackProblem } from '../format/pack-error.js';
import { checkSection } from '../format/read-pack.js';
import type { Levels } from '../kernels/program.js';
import type { Decoder, Soon } from './decoder.js';

/** An error of the bundle's other file, which has classes of its own, as one of this file. */
function asOurs(error: unknown): unknown {
  if (!(error instanceof Error && 'code' in error)) return error;
  const { name, code, message } = error;
  if (name === 'PackError') return new PackError(code as PackProblem, message);
  return name === 'RuntimeError' ? new RuntimeError(code as RuntimeProblem, message) : error;
}

const load = () =>
  import('./fallback.js').catch((cause: unknown) => {
    throw new RuntimeError(
      'fetch',
      'espalier-fallback.js: could not be loaded, and this file or engine needs it; put it beside espalier-runtime.js',
      { cause },
    );
  });

/** twinDecoder of fallback.ts. */
export function lateTwin(arena: Arena, levels: Levels): Decoder {
  const ask = async <A>(call: (twin: Decoder) => Soon<A>): Promise<A> => {
    const { twinDecoder } = await load();
    try {
      return await call(twinDecoder(arena, levels));
    } catch (error) {
      throw asOurs(error);
    }
  };
  return {
    check: checkSection,
    linear: (...of) => ask((twin) => twin.linear(...of)),
    table: (...of) => ask((twin) => twin.table(...of)),
    vector: (...of) => ask((twin) => twin.vector(...of)),
    file: (...of) => ask((twin) => twin.file(...of)),
  };
}
