import type { HostTensor } from '../tensor/tensor.js';
import type { ModelConfig } from './config.js';
export interface Checkpoint {
  source: string;
  family: string;
  config: ModelConfig;
  tensors: Map<string, HostTensor<'F32'>>;
  tokenizerFiles: Map<string, Uint8Array>;
}
