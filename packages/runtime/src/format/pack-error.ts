// What a packed file is refused for: thrown before any array of it is given out.

export type PackProblem =
  | 'magic' // no packed file
  | 'version' // of a later major version
  | 'truncated' // ends too early or too late
  | 'checksum' // a byte is not what was written
  | 'header' // a key or section that contradicts the rest
  | 'stream' // coded bytes that do not decode
  | 'count' // numbers of values that disagree
  | 'column' // a column outside the matrix, or values of no matrix column
  | 'scale' // a scale that is zero, negative or no number
  | 'value' // a value that the kind does not have
  | 'missing'; // no such tensor or file

export class PackError extends Error {
  override name = 'PackError';
  constructor(
    readonly code: PackProblem,
    message: string,
  ) {
    super(message);
  }
}
