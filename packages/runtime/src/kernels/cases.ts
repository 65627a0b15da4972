// Made-up input for each kernel, laid out in a memory: what the self-test and the tests run kernel and twin on.
import type { Params } from '../wasm/assembler.js';
import { attentionCase, attentionFixedCase, quantiseHeadsCase } from './attention-cases.js';
import { type Case, f32Output, floats, type Output, placeAll, type Setup } from './case.js';
import { denseF32Case, spmmF32Case, spmmInt8Case, spmmQ15Case } from './layer-cases.js';
import type { KernelName } from './program.js';

/** For the passes that quantise. */
export function quantiseCase(
  { memory, shape: { tile }, sizes: { columns: features }, random }: Setup,
  type: 'i16' | 'u8',
  room = 4 * Math.ceil(features / 4) * tile,
) {
  const places = placeAll(memory, {
    x: floats(features * tile, random, room),
    scales: new Float32Array(tile),
    q: new Int16Array(room),
  });
  const q: Output = { type, at: places.q, length: room };
  return {
    args: { ...places, features },
    outputs: [{ type: 'f32', at: places.scales, length: tile }, q] satisfies Output[],
  };
}

export function geluCase({ memory, sizes: { columns }, random }: Setup, tolerance?: number) {
  const n = 8 * columns;
  const places = placeAll(memory, { x: floats(n, random).map((value) => 7 * value) });
  return { args: { ...places, n }, outputs: [f32Output(places.x, n, tolerance)] };
}

export function addNormCase({ memory, shape: { tile }, sizes: { columns: features }, random }: Setup) {
  const places = placeAll(memory, {
    a: floats(features * tile, random),
    b: floats(features * tile, random),
    y: new Float32Array(features * tile),
    gain: floats(features, random),
    bias: floats(features, random),
  });
  // Of two features that are nearly alike their rounding is left, over the root of epsilon.
  return {
    args: { ...places, features, epsilon: 1e-6 },
    outputs: [f32Output(places.y, features * tile, 2e-4)],
  };
}

const ROWS = 6;
const GROUP = 8;

export function gatherCase({ memory, shape: { tile }, sizes, random }: Setup, form: 'f32' | 'int8' | 'int4') {
  const features = sizes.columns;
  const width = form === 'int4' ? Math.ceil(features / 2) : features;
  const tokens = Math.min(tile, sizes.tokens);
  const whole = (limit: number) => () => Math.floor(limit * random());
  const places = placeAll(memory, {
    table:
      form === 'f32' ? floats(ROWS * width, random) : Uint8Array.from({ length: ROWS * width }, whole(256)),
    scales: floats(ROWS * Math.ceil(features / GROUP), random),
    rows: Int32Array.from({ length: tokens }, whole(ROWS)),
    y: floats(features * tile, random),
  });
  return {
    args: { ...places, tokens, features, group: GROUP },
    outputs: [f32Output(places.y, features * tile)],
  };
}

/** Errors of the short forms of GELU. */
const [NEAR, ROUGH] = [7e-5, 5e-4];

/** A case of every kernel. */
export const CASES: Readonly<Record<KernelName, (setup: Setup) => Case<Params>>> = {
  spmmF32: spmmF32Case,
  denseF32: denseF32Case,
  denseOne: (setup) => {
    const { args } = denseF32Case(setup);
    return { args, outputs: [f32Output(args.y, args.rows)] };
  },
  quantiseQ15: (setup) => quantiseCase(setup, 'i16', setup.sizes.columns * setup.shape.tile),
  spmmQ15: spmmQ15Case,
  quantiseInt8: (setup) => quantiseCase(setup, setup.wide ? 'i16' : 'u8'),
  spmmInt8: (setup) => spmmInt8Case(setup, 4),
  quantiseQuads: (setup) => quantiseCase(setup, setup.wide ? 'i16' : 'u8'),
  spmmQuads: (setup) => spmmInt8Case(setup, 1),
  gelu: (setup) => geluCase(setup),
  geluNear: (setup) => geluCase(setup, NEAR),
  geluRough: (setup) => geluCase(setup, ROUGH),
  addNorm: addNormCase,
  attention: attentionCase,
  quantiseHeads: (setup) => quantiseHeadsCase(setup),
  quantiseValues: (setup) => quantiseHeadsCase(setup),
  attentionFixed: (setup) => attentionFixedCase(setup),
  quantiseQueries: (setup) => quantiseHeadsCase(setup, setup.wide ? 'i16' : 'i8'),
  quantiseKeys: (setup) => quantiseHeadsCase(setup, setup.wide ? 'i16' : 'i8'),
  quantiseByteValues: (setup) => quantiseHeadsCase(setup, setup.wide ? 'i16' : 'i8'),
  attentionInt8: (setup) => attentionFixedCase(setup, 'int8'),
  gatherF32: (setup) => gatherCase(setup, 'f32'),
  gatherInt8: (setup) => gatherCase(setup, 'int8'),
  gatherInt4: (setup) => gatherCase(setup, 'int4'),
};
