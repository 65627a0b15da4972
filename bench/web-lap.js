// One lap of the benchmark in the browser: the same code in a page and in Node.

/** Opens a packed model with `load` and times one sequence of ids. Times in milliseconds. */
export async function lap(load, source, { tokens, warmup, runs }) {
  const started = performance.now();
  const model = await load(source, { largest: { rows: 1, length: tokens } });
  const opening = performance.now() - started;
  const { config, levels, bytes, labels } = model;
  const ids = Array.from({ length: tokens }, (_, i) => (i * 7919 + 11) % config.vocabulary);
  const call = labels.length > 0 ? model.classifyIds : model.embedIds;
  const milliseconds = [];
  for (let i = 0; i < warmup + runs; i++) {
    const start = performance.now();
    await call([{ ids }]);
    if (i >= warmup) milliseconds.push(performance.now() - start);
  }
  model.dispose();
  return { milliseconds, opening, levels, bytes };
}
