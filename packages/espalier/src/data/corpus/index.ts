// The data of pre-training: plain text as documents, sentences, tokens, sequences and masks.
export { cachedCorpus, type CachedCorpusOptions, corpusKey, type CorpusSource } from './cache.js';
export { type Corpus, tokeniseCorpus } from './corpus.js';
export { loadCorpus, saveCorpus } from './corpus-file.js';
export { corpusFiles } from './corpus-files.js';
export { type DocumentOptions, type DocumentUnit, readDocuments } from './documents.js';
export { type Instance, type InstanceOptions, type Instances, pairInstances } from './instances.js';
export {
  batchCapacity,
  maskedExample,
  type MaskedExample,
  type MaskingOptions,
  maxPredictionsFor,
} from './masking.js';
export { splitSentences } from './sentences.js';
export { splitCorpus } from './split.js';
export { type UsedPieces, usedPieces } from './used-pieces.js';
