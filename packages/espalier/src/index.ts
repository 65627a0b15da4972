// The library's public face.
export type { Batch, Example, MetricName, RawExample, Task, TaskData } from './data/example.js';
export { EspalierError, FormatError, Interrupted, UsageError } from './errors.js';
export { calibrate, type CalibrateOptions } from './export/calibrate.js';
export { compress, type CompressOptions } from './jobs/compress.js';
export { evaluate, type EvaluateResult } from './jobs/evaluate.js';
export { exportModel, type ExportResult } from './jobs/export.js';
export { finetune, type FinetuneOptions } from './jobs/finetune.js';
export { inspect, type Inspection } from './jobs/inspect.js';
export { predict, type Prediction } from './jobs/predict.js';
export { METHODS } from './methods/index.js';
export type { Method, MethodHooks } from './methods/method.js';
export { type Checkpoint, loadCheckpoint, saveCheckpoint } from './models/checkpoint.js';
export type { Quantisation } from './models/quantisation.js';
export { builtinRecipe, recipeNames } from './recipe/builtin.js';
export { parseRecipe, type Recipe, setOption } from './recipe/recipe.js';
export type { RunControl, RunEvent } from './recipe/run.js';
export type { Report } from './report/report.js';
export { version } from './versions.js';
