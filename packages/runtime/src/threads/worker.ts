// Entry of a worker, of the web or of Node: the first message is its assignment, and its last.
import { nodeThreads } from './node-threads.js';
import { type Assignment, type Report, work } from './work.js';

const isWeb = typeof globalThis.postMessage === 'function';
const port = isWeb ? undefined : nodeThreads()?.parentPort;

if (isWeb) {
  const report = (what: Report): void => globalThis.postMessage(what);
  globalThis.addEventListener('message', ({ data }) => work(data as Assignment, report), { once: true });
} else {
  port?.once('message', (data) => work(data as Assignment, (what) => port.postMessage(what)));
}
