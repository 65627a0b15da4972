// The runtime in a worker: an address and a text in, what `classify` says out.
import { load } from './espalier-runtime.js';

addEventListener('message', async ({ data: { address, text } }) => {
  const model = await load(address);
  postMessage({ result: await model.classify(text), levels: model.levels, isolated: crossOriginIsolated });
  model.dispose();
});
