// Recipes whose result is an adapter (Adapting by Pruning and its baselines): what such a recipe may hold, and the
// writing of its result beside an untouched base.
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Task } from '../data/example.js';
import { UsageError } from '../errors.js';
import { ADAPTERS } from '../methods/index.js';
import { maskedNames, scopeSchema } from '../methods/adapter-scope.js';
import { adapterOf, applyAdapter, bodyNames, readAdapter, writeAdapter } from '../models/adapter.js';
import type { Model } from '../models/model.js';
import { ADAPTER } from '../models/weight-files.js';
import type { Recipe } from '../recipe/recipe.js';
import type { RecipeResult } from '../recipe/run.js';
import type { AdapterReport } from '../report/report.js';
import { topologyOf } from './topology.js';

/** The method of a recipe that leaves an adapter, with its options. */
export interface AdapterMethod {
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly head: 'mix' | 'stock';
}

/** What a run writes an adapter for. */
export interface AdapterTarget {
  readonly method: AdapterMethod;
  readonly base: Model;
  readonly task: Task;
}

/**
 * The method of the recipe that leaves an adapter, if one does. Throws UsageError when another stage or method would
 * change what must rest.
 */
export function adapterMethod({ name: recipe, stages }: Recipe): AdapterMethod | undefined {
  const methods = stages.flatMap((stage) => stage.methods);
  const found = methods.find(({ name }) => ADAPTERS.includes(name));
  if (!found) return undefined;
  const other = methods.find((method) => method !== found && method.name !== 'distil');
  if (stages.length > 1 || other) {
    throw new UsageError(
      `recipe "${recipe}": "${found.name}" leaves the base as it is, so it stands in a single stage, alone or with ` +
        `"distil"; found ${stages.length} stages of ${methods.map((method) => method.name).join(', ')}`,
    );
  }
  const { name, ...options } = found;
  return { name, options, head: scopeSchema.parse(options).head };
}

export interface AdapterPlace {
  readonly model: string;
  readonly out: string;
  readonly merge: boolean;
}

/** Throws UsageError where an adapter cannot be written as asked, before any work is done. */
export function checkAdapter(method: AdapterMethod | undefined, { model, out, merge }: AdapterPlace): void {
  if (!method) {
    if (merge)
      throw new UsageError(`--merge is for ${ADAPTERS.join(', ')}; other recipes write a whole model anyway`);
    return;
  }
  if (merge && method.head === 'mix') {
    throw new UsageError(
      '--merge writes a model that transformers loads, and no class of it has the head "mix"; add --set head=stock',
    );
  }
  if (!merge && resolve(out) === resolve(model)) {
    throw new UsageError(
      `--out ${out} is the base model, beside which the adapter is kept; name another folder`,
    );
  }
}

/** Writes the result as an adapter and reads it back; the model is what the file makes of the base. */
export async function writeAdapted(
  out: string,
  { model: trained, reported }: RecipeResult,
  { method, base, task }: AdapterTarget,
): Promise<{ readonly model: Model; readonly report: AdapterReport }> {
  const shapes = bodyNames(base.config).map((name) => ({ name, shape: base.tensors.get(name)!.shape }));
  const masked = maskedNames(shapes, scopeSchema.parse(method.options));
  const { name, kind, labels } = task;
  const description = {
    task: name,
    kind,
    labels: [...labels],
    method: method.name,
    options: { ...method.options },
  };
  await writeAdapter(out, adapterOf(base, trained, masked, description));
  const adapter = await readAdapter(out);
  const model = applyAdapter(base, adapter, out);
  const sum = (arrays: Iterable<{ readonly byteLength: number }>): number =>
    [...arrays].reduce((total, { byteLength }) => total + byteLength, 0);
  const report = {
    bytes: statSync(join(out, ADAPTER)).size,
    bits: sum(adapter.masks.values()),
    head: sum([...adapter.head.values()].map(({ data }) => data)),
    base: sum(shapes.map((tensor) => base.tensors.get(tensor.name)!.data)),
    baseHash: adapter.baseHash,
    reported,
    ...topologyOf(model, adapter.masks.keys()),
  };
  return { model, report };
}
