// What a user may choose about a packed file. Apart from the code that makes one, for those who only name the choices.
import type { Form } from '@espalier/runtime';

/** What encoder matrices keep of their values. */
export const PACK_VALUES = ['int8', 'codebook', 'f16'] as const;
/** What word embeddings are; other tables are f16, or f32 where words are. */
export const PACK_EMBEDDINGS = ['int8', '4bit', 'f16', 'f32'] as const;

export interface PackForm {
  /** Default int8 (ours): decides as the model does; a codebook is a fifth smaller and 20 dB coarser. */
  readonly values: (typeof PACK_VALUES)[number];
  /** Default int8 (ours): 4bit halves what is then most of the file, and is coarser than the values it stands beside. */
  readonly embeddings: (typeof PACK_EMBEDDINGS)[number];
}

/** In what the runtime computes it: its own list, which would load all of it. The type keeps the two alike. */
export const FORMS = { auto: 'auto', f32: 'f32', q15: 'q15', int8: 'int8' } as const satisfies {
  readonly [Name in Form]: Name;
};
