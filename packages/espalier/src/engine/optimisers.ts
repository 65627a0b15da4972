// The optimisers on one stored tensor: which variant of a kernel its slots and the options ask for, and the addresses
// it gets. With slot 'dense' that is what is trained, whole, and the weight follows as dense * mask.
import { offsetOf, type StoredTensor, viewOf } from './arenas.js';
import { shrinkBlocks } from './blocks.js';
import { type AdamwOptions, adamwScalars } from './kernels/adamw.js';
import { type SgdOptions, sgdScalars } from './kernels/sgd.js';
import { clearPadding } from './kernels/vectors.js';
import { copyUnderMask } from './masks.js';

/** Which gradient an update reads, and what becomes of it. */
export interface UpdateOptions {
  /** Default 'grad'; 'accum' after gradient accumulation. */
  readonly gradient?: 'grad' | 'accum';
  /** Sets the gradient to zero for the next step; otherwise it is kept (under the mask, if any). */
  readonly clearGradient?: boolean;
}

export interface AdamwUpdate extends AdamwOptions, UpdateOptions {
  /** Divides the threshold by Adam's denominator, element by element. */
  readonly metric?: boolean;
}

export interface SgdUpdate extends SgdOptions, UpdateOptions {}

/** What every update needs: element count, addresses, and which variant the tensor's slots ask for. */
function update(tensor: StoredTensor, { gradient = 'grad', clearGradient = false }: UpdateOptions) {
  const { offsets, length } = tensor;
  const dense = tensor.views.get('dense');
  const trained = dense ?? viewOf(tensor, 'weight');
  return {
    /** The end of every update. */
    finish: () => {
      clearPadding(trained); // a shift reaches it
      if (dense) copyUnderMask(tensor);
    },
    masking: offsets.has('mask') && !dense ? ('masked' as const) : ('dense' as const),
    clearing: clearGradient ? ('clear' as const) : ('keep' as const),
    hasFactor: offsets.has('factor'),
    addresses: {
      w: trained.byteOffset,
      g: offsetOf(tensor, gradient),
      mask: offsets.get('mask') ?? 0, // not read by the dense variants
      factor: offsets.get('factor') ?? 0,
      n: length,
    },
  };
}

/** One step of AdamW. */
export function adamw(tensor: StoredTensor, options: AdamwUpdate): void {
  const { finish, masking, clearing, hasFactor, addresses } = update(tensor, options);
  const kind = options.metric ? 'metric' : 'prox';
  const prox = options.threshold === undefined ? 'plain' : hasFactor ? (`${kind}-factor` as const) : kind;
  const moments = { m: offsetOf(tensor, 'm'), v: offsetOf(tensor, 'v') };
  const kernel = tensor.kernels[`adamw ${masking} ${prox} ${clearing}`];
  kernel({ ...addresses, ...moments, ...adamwScalars(options) });
  finish();
}

/** One step of gradient descent. */
export function sgd(tensor: StoredTensor, options: SgdUpdate): void {
  const { finish, masking, clearing, hasFactor, addresses } = update(tensor, options);
  const prox = options.threshold === undefined ? 'plain' : hasFactor ? 'prox-factor' : 'prox';
  const m = options.momentum ? offsetOf(tensor, 'm') : tensor.offsets.get('m');
  const buffer = m === undefined ? 'bare' : 'momentum';
  const kernel = tensor.kernels[`sgd ${buffer} ${masking} ${prox} ${clearing}`];
  kernel({ ...addresses, m: m ?? 0, ...sgdScalars(options) });
  finish();
}

/** The proximal operator of 1x4 blocks on what an update has proposed. */
export function proximalBlocks(tensor: StoredTensor, threshold: number): void {
  const dense = tensor.views.get('dense');
  const trained = dense ?? viewOf(tensor, 'weight');
  shrinkBlocks(trained, viewOf(tensor, 'factor'), tensor.shape.at(-1)!, threshold);
  if (dense) copyUnderMask(tensor);
}
