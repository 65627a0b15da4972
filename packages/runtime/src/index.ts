// Opens a packed Espalier model (docs/format.md) and runs it, in Node and in the browser.
export {
  type Level,
  RuntimeError,
  type RuntimeProblem,
  type SpanLogits,
  type Tokens,
  type Threads,
} from './encoder/index.js';
export { PackError, type PackProblem, type PackTask } from './format/index.js';
export type { Answer, Question } from './load/answer.js';
export type { ModelConfig } from './load/config.js';
export { type Form, FORMS, layerForm } from './load/linear-form.js';
export { load, type LoadOptions } from './load/load.js';
export type { Classification, Embedding, EmbedOptions, Model, Scores, TextInput } from './load/model.js';
export type { Fetch, Progress, Source } from './load/read-source.js';
