// Every model family, in one list.
import { UsageError } from '../errors.js';
import { bert } from './bert.js';
import type { ModelConfig } from './config.js';
import type { Family } from './encoder.js';

export const FAMILIES: readonly Family[] = [bert];

/** The family of a config. Throws UsageError for one that is not supported. */
export function familyOf(config: ModelConfig): Family {
  const family = FAMILIES.find(({ name }) => name === config.model_type);
  if (!family) {
    const known = FAMILIES.map(({ name }) => name).join(', ');
    throw new UsageError(`model family "${config.model_type}" is not supported; expected one of: ${known}`);
  }
  return family;
}
