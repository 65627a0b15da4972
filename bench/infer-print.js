// The inference benchmark's result for people.
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

export function printInfer(result) {
  const { options, machine, versions, opponents, ratios, milliseconds, plainSimd, revectorized, worse } =
    result;
  const { model, shape, sparsity, tokens, threads, rounds, runs } = options;
  console.log(
    `${model ?? `${shape}, ${sparsity} zeros`}, 1 x ${tokens}, threads ${threads}, ${machine.processor}`,
  );
  console.log(
    `Node ${versions.node}, onnxruntime-node ${versions['onnxruntime-node']}, onnxruntime-web ` +
      `${versions['onnxruntime-web']}; medians of ${rounds} rounds of ${runs} runs`,
  );
  const named = Object.entries(opponents).map(([engine, kind]) => `${engine} ${kind}`);
  console.log(`fastest int8: ${named.join(', ')}\n`);
  for (const [name, time] of Object.entries(milliseconds)) {
    const cells = [`${time.toFixed(2)} ms`, megabytes(result.bytes[name]), megabytes(result.peakBytes[name])];
    console.log(name.padEnd(20), ...cells.map((cell) => cell.padStart(11)), cellsOf(ratios[name]));
  }
  const variants = { 'plain SIMD': plainSimd, revectorized: revectorized };
  for (const [variant, { milliseconds, ratios }] of Object.entries(variants))
    for (const [name, time] of Object.entries(milliseconds))
      console.log(
        `${name}, ${variant}`.padEnd(22),
        `${time.toFixed(2)} ms`.padStart(9),
        ' '.repeat(23),
        cellsOf(ratios[name]),
      );
  console.log('\ncolumns: time, file, peak memory of the process, how many times as fast as the opponent');
  for (const { form, opponent, measure, ours, theirs } of worse)
    console.log(
      `worse: ${form} than ${opponent} in ${measure}: ${ours.toFixed(2)} against ${theirs.toFixed(2)}`,
    );
}

const cellsOf = (ratios = {}) =>
  Object.entries(ratios)
    .map(([name, ratio]) => `  ${ratio.toFixed(2)}x ${name}`)
    .join('');
