// What this part of the runtime throws: a message that names what was expected, what was found and what to do.

export class RuntimeError extends Error {
  override name = 'RuntimeError';
}
