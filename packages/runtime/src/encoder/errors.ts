// What the runtime throws, except for a broken file (PackError): what kind of problem, for programs, and a message that names
// what was expected, what was found and what to do.

export type RuntimeProblem =
  | 'option' // an argument that cannot be
  | 'fetch' // the file could not be had
  | 'unsupported-model' // computes something else than this runtime does
  | 'weights' // tensors that contradict each other or the config
  | 'memory' // more than there can be
  | 'no-head' // the model has no head for this question
  | 'no-tokenizer' // the file has none: the model takes ids alone
  | 'tokenizer' // there is one, and it cannot be used
  | 'tokens' // ids that the model does not know, or none
  | 'too-long' // more ids than there is room for
  | 'disposed'; // used after it was given back

export class RuntimeError extends Error {
  override name = 'RuntimeError';
  constructor(
    readonly code: RuntimeProblem,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
