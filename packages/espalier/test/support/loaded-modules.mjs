// `node --import` this to have the URL of every module that the main thread asks for in the file $LOADED_MODULES, a line
// each. Node runs the hook in a thread of its own, which loads this file once more.
import { appendFileSync } from 'node:fs';
import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';

if (isMainThread) register(import.meta.url);

export async function resolve(specifier, context, next) {
  const resolved = await next(specifier, context);
  appendFileSync(process.env.LOADED_MODULES, `${resolved.url}\n`);
  return resolved;
}
