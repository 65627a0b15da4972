// Reverse-mode differentiation: builds the nodes of the gradient beside the nodes of the forward pass.
import type { Application, InputGradient, Node, RowGradient } from './node.js';
import { add } from './ops/elementwise.js';
import { withAddend } from './ops/gemm.js';
import { scatterRows } from './ops/rows.js';
import { reachable, scalar } from './program.js';

/** Gradient of one input: a dense part, parts by rows, or both (their sum is the gradient). */
export interface Gradient {
  readonly dense: Node | undefined;
  readonly rows: readonly RowGradient[];
}

const isRows = (gradient: InputGradient): gradient is RowGradient =>
  gradient !== undefined && 'rows' in gradient;

/**
 * Gradients of a scalar `loss` with respect to `parameters` (nodes, usually inputs). A parameter the loss does
 * not depend on is absent from the result.
 */
export function differentiate(loss: Node, parameters: readonly Node[]): Map<Node, Gradient> {
  const order = reachable([loss]);
  const wanted = new Set(parameters);
  const active = activeApplications(order, wanted);
  const dense = new Map<Node, Node>();
  const rows = new Map<Node, RowGradient[]>();
  dense.set(loss, seed(loss));

  for (const application of [...order].reverse()) {
    if (!active.has(application) || !application.op.gradient) continue;
    const outputGradients = application.outputs.map((node) => dense.get(node));
    if (outputGradients.every((gradient) => gradient === undefined)) continue;
    const gradients = application.op.gradient({
      inputs: application.inputs,
      outputs: application.outputs,
      attributes: application.attributes,
      outputGradients,
    });
    for (const [index, node] of application.inputs.entries()) {
      const gradient = gradients[index];
      // Rows stay rows where the way ends; on the way to a parameter further up they must be one array.
      if (gradient === undefined || !(active.has(node.apply) || wanted.has(node))) continue;
      if (!isRows(gradient)) dense.set(node, accumulate(dense.get(node), gradient));
      else if (!active.has(node.apply)) rows.set(node, [...(rows.get(node) ?? []), gradient]);
      else dense.set(node, accumulate(dense.get(node), scatterRows(gradient.rows, gradient.ids, node.shape)));
    }
  }
  const result = new Map<Node, Gradient>();
  for (const node of parameters) {
    if (dense.has(node) || rows.has(node))
      result.set(node, { dense: dense.get(node), rows: rows.get(node) ?? [] });
  }
  return result;
}

/** Applications between the parameters and the loss: only these need gradients. */
function activeApplications(order: readonly Application[], wanted: ReadonlySet<Node>): Set<Application> {
  const active = new Set<Application>();
  for (const application of order) {
    if (application.inputs.some((node) => wanted.has(node) || active.has(node.apply)))
      active.add(application);
  }
  return active;
}

function seed(loss: Node): Node {
  if (loss.shape.length > 0)
    throw new Error(`differentiate: the loss must be a scalar, found [${loss.shape.join()}]`);
  return scalar(1);
}

/** The sum of two contributions; a product takes the other contribution through Gemm's C input. */
function accumulate(sum: Node | undefined, gradient: Node): Node {
  if (sum === undefined) return gradient;
  return withAddend(gradient, sum) ?? withAddend(sum, gradient) ?? add(sum, gradient);
}
