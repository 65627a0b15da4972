// Builds the graph of one bucket: family, objective and methods become forward pass, loss and gradients.
import type { Node, NodeDtype } from '../graph/node.js';
import { differentiate } from '../graph/differentiate.js';
import type { NamedNode } from '../graph/onnx.js';
import { add, gatherRows, scale } from '../graph/ops/index.js';
import { input, isConstant, isInput, reachable } from '../graph/program.js';
import { sizeOf } from '../tensor/tensor.js';
import type { GraphContext, GraphHooks, LossTerm, MethodHooks } from '../methods/method.js';
import { type BucketShape, createBuilder, type Weights } from '../models/builder.js';
import type { Model } from '../models/model.js';
import { type Declarations, declareOnce } from './declarations.js';
import type { Objective } from './objective.js';

export interface GraphRequest {
  readonly model: Model;
  readonly objective: Objective;
  readonly methods: readonly MethodHooks[];
  readonly declarations: Declarations;
  readonly bucket: BucketShape;
  readonly variant: string;
  readonly training: boolean;
  /** Shape of each of the teacher's outputs and weights in a bucket; undefined without a teacher. */
  readonly teacherShape: ((name: string, bucket: BucketShape) => readonly number[]) | undefined;
}

/** A random input and how it is filled. */
export interface RandomFeed {
  readonly name: string;
  readonly shape: readonly number[];
  readonly kind: 'dropout' | 'uniform' | 'normal';
  /** Drop probability; 0 for the other kinds. */
  readonly probability: number;
}

/** Rows that are added to a table's gradient after the run. */
export interface RowScatter {
  readonly tensor: string;
  readonly idsInput: string;
  readonly rowsOutput: string;
}

export interface BuiltGraph {
  readonly bucket: BucketShape;
  readonly outputs: readonly NamedNode[];
  /** Names of the stored tensors the graph reads, method parameters included. */
  readonly weights: readonly string[];
  /** Floats of every intermediate value of the forward pass: a rough upper bound of what a step holds. */
  readonly activationFloats: number;
  readonly termNames: readonly string[];
  /** Tensors with a dense gradient output `grad:NAME`. */
  readonly denseGradients: readonly string[];
  readonly rowScatters: readonly RowScatter[];
  /** Row outputs `rows:K` by name. */
  readonly rowOutputs: ReadonlyMap<string, { readonly rows: number; readonly width: number }>;
  readonly randoms: readonly RandomFeed[];
  readonly carries: readonly string[];
}

export const WEIGHT_INPUT = (name: string): string => `weight:${name}`;

export function buildGraph(request: GraphRequest): BuiltGraph {
  const { model, objective, methods, declarations, bucket, variant, training } = request;
  const leaves = new Map<string, Node>();
  const randoms: RandomFeed[] = [];
  const carryOutputs = new Map<string, Node>();

  const leaf = (name: string, shape: readonly number[], dtype: NodeDtype = 'float32'): Node => {
    const known = leaves.get(name);
    if (known) return known;
    const node = input(name, shape, dtype);
    leaves.set(name, node);
    return node;
  };
  const random = (
    name: string,
    shape: readonly number[],
    kind: RandomFeed['kind'],
    probability: number,
  ): Node => {
    randoms.push({ name, shape, kind, probability });
    return leaf(name, shape);
  };
  const rowScale = leaf('row_scale', [bucket.rows, 1]);

  const context: GraphContext = {
    bucket,
    variant,
    training,
    rowScale,
    parameter: (name) => {
      const declared = declarations.parameters.get(name);
      if (!declared) throw new Error(`parameter "${name}" was not declared`);
      return leaf(WEIGHT_INPUT(name), declared.shape);
    },
    carry: (name, shape, init) => {
      declareOnce(declarations.carries, name, shape, () => {
        const value = init();
        return { name, shape, value, next: value.slice() };
      });
      return {
        node: leaf(`carry:${name}`, shape),
        next: (node) => {
          carryOutputs.set(name, node);
        },
      };
    },
    feed: (name, shape, value) => {
      declareOnce(declarations.feeds, name, shape, () => ({ name, shape, value }));
      return leaf(`feed:${name}`, shape);
    },
    random: (name, shape, kind) => random(`random:${name}`, shape, kind, 0),
    teacher: (output) => {
      if (!request.teacherShape) throw new Error(`this stage has no teacher to give "${output}"`);
      return leaf(`teacher:${output}`, request.teacherShape(output, bucket));
    },
  };
  const hooks: GraphHooks[] = methods.flatMap((method) => method.build?.(context) ?? []);

  const through = (node: Node, name: string, restrict: (tensor: Node) => Node): Node =>
    hooks.reduce((seen, hook) => hook.weight?.(seen, name, restrict) ?? seen, node);
  const storedShape = (name: string): readonly number[] => {
    const tensor = model.tensors.get(name);
    if (!tensor) throw new Error(`the model has no tensor "${name}"`);
    return tensor.shape;
  };
  const whole = new Map<string, Node>();
  let dropouts = 0;
  const weights: Weights = {
    has: (name) => model.tensors.has(name),
    shape: storedShape,
    weight: (name) => {
      const known = whole.get(name);
      if (known) return known;
      const node = through(leaf(WEIGHT_INPUT(name), storedShape(name)), name, (tensor) => tensor);
      whole.set(name, node);
      return node;
    },
    rows: (name, ids) =>
      through(gatherRows(leaf(WEIGHT_INPUT(name), storedShape(name)), ids), name, (tensor) =>
        gatherRows(tensor, ids),
      ),
    activation: (node, site) => hooks.reduce((seen, hook) => hook.activation?.(seen, site) ?? seen, node),
    dropoutMask: (shape, probability) =>
      training && probability > 0
        ? random(`dropout:${dropouts++}`, shape, 'dropout', probability)
        : undefined,
  };
  const built = objective.build(createBuilder(bucket, weights), model, rowScale);
  const weightNames = (): string[] =>
    [...leaves.keys()]
      .filter((name) => name.startsWith('weight:'))
      .map((name) => name.slice('weight:'.length));
  if (!training) {
    const results = [...built.outputs].map(([name, node]): NamedNode => ({ name, node }));
    return {
      bucket,
      outputs: results,
      weights: weightNames(),
      activationFloats: forwardFloats(results.map(({ node }) => node)),
      termNames: [],
      denseGradients: [],
      rowScatters: [],
      rowOutputs: new Map(),
      randoms: [],
      carries: [],
    };
  }

  const terms = hooks.reduce<readonly LossTerm[]>(
    (seen, hook) => hook.loss?.(seen, built) ?? seen,
    built.terms,
  );
  const loss = terms.map(({ node, weight }) => scale(node, weight)).reduce(add);
  const outputs: NamedNode[] = [{ name: 'loss', node: loss }];
  for (const term of terms) outputs.push({ name: `term:${term.name}`, node: term.node });
  for (const [name, node] of carryOutputs) outputs.push({ name: `next:${name}`, node });

  const trainable = [...leaves].flatMap(([leafName, node]) => {
    const name = leafName.startsWith('weight:') ? leafName.slice('weight:'.length) : undefined;
    return name !== undefined && !declarations.frozen.has(name) ? [{ name, node }] : [];
  });
  const gradients = differentiate(
    loss,
    trainable.map(({ node }) => node),
  );
  const denseGradients: string[] = [];
  const rowScatters: RowScatter[] = [];
  const rowNames = new Map<Node, string>();
  for (const { name, node } of trainable) {
    const gradient = gradients.get(node);
    if (!gradient) continue;
    if (gradient.dense) {
      denseGradients.push(name);
      outputs.push({ name: `grad:${name}`, node: gradient.dense });
    }
    for (const { ids, rows } of gradient.rows) {
      if (!isInput(ids)) throw new Error(`"${name}" is read by ids that are not an input`);
      let rowsOutput = rowNames.get(rows);
      if (rowsOutput === undefined) {
        rowsOutput = `rows:${rowNames.size}`;
        rowNames.set(rows, rowsOutput);
        outputs.push({ name: rowsOutput, node: rows });
      }
      rowScatters.push({ tensor: name, idsInput: ids.apply.attributes.name, rowsOutput });
    }
  }
  return {
    bucket,
    outputs,
    weights: weightNames(),
    activationFloats: forwardFloats([loss]),
    termNames: terms.map(({ name }) => name),
    denseGradients,
    rowScatters,
    rowOutputs: new Map(
      [...rowNames].map(([{ shape }, name]) => [name, { rows: shape[0]!, width: shape[1]! }]),
    ),
    randoms,
    carries: [...carryOutputs.keys()],
  };
}

function forwardFloats(results: readonly Node[]): number {
  let floats = 0;
  for (const { outputs } of reachable(results)) {
    for (const node of outputs) if (!isInput(node) && !isConstant(node)) floats += sizeOf(node.shape);
  }
  return floats;
}
