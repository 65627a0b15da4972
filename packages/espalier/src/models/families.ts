// Every model family, in one list.
import type { PadSide } from '../data/example.js';
import { UsageError } from '../errors.js';
import { bert } from './bert.js';
import type { ModelConfig } from './config.js';
import { distilbert } from './distilbert.js';
import { electra } from './electra.js';
import type { Family } from './encoder.js';
import { roberta } from './roberta.js';
import { xlnet } from './xlnet.js';

export const FAMILIES: readonly Family[] = [bert, distilbert, roberta, electra, xlnet];

/** The family of a config. Throws UsageError for one that is not supported. */
export function familyOf(config: ModelConfig): Family {
  const family = FAMILIES.find(({ name }) => name === config.model_type);
  if (!family) {
    const known = FAMILIES.map(({ name }) => name).join(', ');
    throw new UsageError(`model family "${config.model_type}" is not supported; expected one of: ${known}`);
  }
  return family;
}

/** Where padding stands in a batch of the model: away from the token that its head reads. */
export const padSideOf = (config: ModelConfig): PadSide =>
  familyOf(config).head.summary === 'last' ? 'left' : 'right';

/** Tokens that an input of the model may have. */
export const longestInput = (config: ModelConfig): number => familyOf(config).longestInput(config);
