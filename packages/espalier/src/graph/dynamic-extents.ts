// Extents that a file leaves open, such as rows and length. The graph is built with a prime for each, so that every
// shape tells by its factors how it depends on them; here are the dimension that a file states for such an extent, and
// the nodes that compute it at run time.
import type { Dimension, OnnxAttributes } from './model-proto.js';

/**
 * An extent that the file leaves open. The graph is built with `extent`, a prime that divides no static extent; at
 * run time the value is read from axis `axis` of input `input`.
 */
export interface DynamicExtent {
  readonly name: string;
  readonly extent: number;
  readonly input: string;
  readonly axis: number;
}

/** Splits an extent into its static part and the dynamic extents that divide it. */
function factor(
  extent: number,
  dynamic: readonly DynamicExtent[],
): { rest: number; factors: DynamicExtent[] } {
  let rest = extent;
  const factors: DynamicExtent[] = [];
  for (const candidate of dynamic) {
    while (rest !== 0 && rest % candidate.extent === 0) {
      rest /= candidate.extent;
      factors.push(candidate);
    }
  }
  return { rest, factors };
}

/** An extent as a file states it: a number, a dynamic extent by name, nothing for a multiple of one. */
export function dimension(extent: number, dynamic: readonly DynamicExtent[]): Dimension {
  const { rest, factors } = factor(extent, dynamic);
  if (factors.length === 0) return extent;
  return factors.length === 1 && rest === 1 ? factors[0]!.name : undefined;
}

/** Computes int64 vectors with dynamic entries from the shapes of the inputs; undefined where all are static. */
export function shapeArithmetic(
  dynamic: readonly DynamicExtent[],
  constant: (values: readonly number[]) => string,
  node: (type: string, inputs: readonly string[], attributes?: OnnxAttributes) => string,
): (values: readonly number[]) => string | undefined {
  const made = new Map<string, string>();
  const once = (key: string, make: () => string): string => {
    const known = made.get(key) ?? make();
    made.set(key, known);
    return known;
  };
  const entry = (value: number): string => {
    const { rest, factors } = factor(value, dynamic);
    return factors.reduce(
      (product, { name, input, axis }) => {
        const extent = once(`extent:${name}`, () =>
          node('Shape', [input], { start: { int: axis }, end: { int: axis + 1 } }),
        );
        return product === undefined ? extent : node('Mul', [product, extent]);
      },
      rest === 1 && factors.length > 0 ? undefined : constant([rest]),
    ) as string;
  };
  return (values) => {
    if (values.every((value) => factor(value, dynamic).factors.length === 0)) return undefined;
    return once(values.join(), () => {
      const entries = values.map(entry);
      return entries.length === 1 ? entries[0]! : node('Concat', entries, { axis: { int: 0 } });
    });
  };
}
