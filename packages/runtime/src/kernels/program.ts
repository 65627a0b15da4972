// All kernels that an encoder needs in one tile width as a WebAssembly module: compiled once, tested, and then bound to as many
// memories and in as many threads as there are. Where a kernel fails its test, its group falls to the next level.
import { assemble, type Params, type WasmFunction } from '../wasm/assembler.js';
import { attention } from './attention.js';
import { attentionFixed } from './attention-fixed.js';
import { denseF32 } from './dense-f32.js';
import { denseOne } from './dense-one.js';
import { gatherF32, gatherInt4, gatherInt8 } from './gather.js';
import { gelu, geluNear, geluRough } from './gelu.js';
import { int8Kernels } from './int8.js';
import { isRelaxed, type Kernel, type Level, type Run, type Shape, type Views, viewsOf } from './kernel.js';
import { addNorm } from './norm.js';
import { quantiseHeads, quantiseValues } from './quantise-heads.js';
import { quantiseQ15 } from './quantise-layers.js';
import { spmmF32 } from './spmm-f32.js';
import { spmmQ15 } from './spmm-q15.js';

/** The kernels, by the name that the encoder calls them by, in groups that take one level together; those of int8 at a level. */
const groupsAt = (level: Level) => {
  const int8 = int8Kernels(level);
  return {
    f32: { spmmF32, denseF32, denseOne },
    q15: { quantiseQ15, spmmQ15 },
    int8: {
      quantiseInt8: int8.quantise,
      spmmInt8: int8.spmm,
      quantiseQuads: int8.quantiseQuads,
      spmmQuads: int8.spmmQuads,
      quantiseQueries: int8.quantiseQueries,
      quantiseKeys: int8.quantiseKeys,
      quantiseByteValues: int8.quantiseValues,
      attentionInt8: int8.attention,
    },
    block: {
      ...{ gelu, geluNear, geluRough, addNorm },
      ...{ attention, quantiseHeads, quantiseValues, attentionFixed },
      ...{ gatherF32, gatherInt8, gatherInt4 },
    },
  };
};

export const GROUPS = ['f32', 'q15', 'int8', 'block'] as const;
export type Group = (typeof GROUPS)[number];
export type Levels = Readonly<Record<Group, Level>>;

export const kernelsAt = (levels: Levels) => {
  const { f32, q15, int8, block } = groupsAt(levels.int8);
  return { ...f32, ...q15, ...int8, ...block };
};

type Kernels = ReturnType<typeof kernelsAt>;
export type KernelName = keyof Kernels;

export const GROUP_OF = Object.fromEntries(
  Object.entries(groupsAt('scalar')).flatMap(([group, of]) => Object.keys(of).map((name) => [name, group])),
) as Readonly<Record<KernelName, Group>>;

/** The kernels of one tile width, bound to a memory. */
export type Bank = { readonly tile: Shape['tile'] } & {
  readonly [K in KernelName]: Kernels[K] extends Kernel<infer P> ? Run<P> : never;
};

/** What was compiled and for what: plain data, which other threads bind to the same memory. */
export interface Program {
  readonly levels: Levels;
  readonly shape: Shape;
  /** Whether for memories that threads share. */
  readonly shared: boolean;
  /** What was asked for; nobody calls others. */
  readonly kernels: readonly KernelName[];
  /** Absent where twins compute. */
  readonly module?: WebAssembly.Module | undefined;
  /** Names of the parameters of every function of the module, in order. */
  readonly parameters: Readonly<Record<string, readonly string[]>>;
}

export const KERNELS = Object.keys(GROUP_OF) as readonly KernelName[];

/** Compiles the kernels; `shared` for memories that threads share. Fails where the engine lacks a level. */
export function compileProgram(
  shape: Shape,
  levels: Levels,
  shared: boolean,
  used: readonly KernelName[] = KERNELS,
): Program {
  const kernels = kernelsAt(levels);
  const functions: Record<string, WasmFunction<Params, void>> = {};
  for (const name of used) {
    const level = levels[GROUP_OF[name]];
    if (level !== 'scalar') functions[name] = kernels[name].wasm(shape, isRelaxed(level));
  }
  const entries = Object.entries(functions).map(([name, { params }]) => [name, Object.keys(params)] as const);
  return {
    ...{ levels, shape, shared, kernels: used, parameters: Object.fromEntries(entries) },
    ...(entries.length > 0 && { module: new WebAssembly.Module(assemble(functions, shared)) }),
  };
}

/** The program on a memory: what was compiled, and twins where nothing was. */
export function bindProgram(
  { levels, shape, kernels, module, parameters }: Program,
  memory: WebAssembly.Memory,
): Bank {
  const exports = module && new WebAssembly.Instance(module, { env: { memory } }).exports;
  const all = kernelsAt(levels);
  const views = viewsOf(memory);
  const runs = kernels.map((name) => {
    const run = exports?.[name];
    return [name, run ? callOf(run, parameters[name]!) : twinOf(all[name], shape, views)];
  });
  return { tile: shape.tile, ...Object.fromEntries(runs) } as Bank;
}

/** The same kernels with nothing compiled. */
export const twinsOf = (program: Program): Program => ({ ...program, module: undefined });

/** Calls with named arguments. All are written out, since Node 20 is slow to spread them; what is too many is ignored. */
function callOf(run: WebAssembly.ExportValue, names: readonly string[]): Run<Params> {
  const call = run as (...args: (number | undefined)[]) => void;
  const [a, b, c, d, e, f, g, h, i, j, k, l] = names as string[];
  return (args: Readonly<Record<string, number>>) => {
    // prettier-ignore
    call(args[a!], args[b!], args[c!], args[d!], args[e!], args[f!], args[g!], args[h!], args[i!], args[j!], args[k!], args[l!]);
  };
}

function twinOf(kernel: Kernels[KernelName], shape: Shape, views: Views): Run<Params> {
  const run: (memory: Views, args: never) => void = kernel.twin(shape);
  return (args) => {
    run(views, args as never);
  };
}
