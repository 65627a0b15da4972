// What the inference benchmark's laps come to: ratios over the opponents, the fastest int8 of each engine, and where
// ours is the worse one.
const ENGINES = ['ort-node', 'ort-web'];
const INT8 = ['dynamic', 'static', 'static-per-channel'];
const WORSE = ['milliseconds', 'opening', 'peakBytes', 'bytes'];

/** `forms` of ours; laps of a form, `FORM plain`, maybe `FORM revectorized`, `ENGINE f32` and `ENGINE` with every kind of int8. */
export function summarise(forms, laps) {
  const fastest = (engine) =>
    INT8.reduce((a, b) =>
      laps[`${engine} ${b}`].milliseconds < laps[`${engine} ${a}`].milliseconds ? b : a,
    );
  const opponents = Object.fromEntries(ENGINES.map((engine) => [engine, fastest(engine)]));
  const theirs = Object.fromEntries(
    ENGINES.flatMap((engine) => [
      [`${engine}-f32`, laps[`${engine} f32`]],
      [`${engine}-int8`, laps[`${engine} ${opponents[engine]}`]],
    ]),
  );
  const mine = (suffix) =>
    Object.fromEntries(
      forms.filter((form) => laps[`${form}${suffix}`]).map((form) => [form, laps[`${form}${suffix}`]]),
    );
  const relaxed = mine('');
  const map = (object, change) =>
    Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));
  const take = (key) => map({ ...relaxed, ...theirs }, (lap) => lap[key]);
  const ratiosOf = (lap) => map(theirs, (other) => other.milliseconds / lap.milliseconds);
  const timesOf = (some) => ({
    ratios: map(some, ratiosOf),
    milliseconds: map(some, ({ milliseconds }) => milliseconds),
  });
  return {
    ratios: map(relaxed, ratiosOf),
    milliseconds: take('milliseconds'),
    plainSimd: timesOf(mine(' plain')),
    revectorized: timesOf(mine(' revectorized')),
    opponents,
    int8Milliseconds: map(Object.fromEntries(ENGINES.map((engine) => [engine, engine])), (engine) =>
      Object.fromEntries(INT8.map((kind) => [kind, laps[`${engine} ${kind}`].milliseconds])),
    ),
    spread: map({ ...relaxed, ...theirs }, ({ least, most }) => [least, most]),
    opening: take('opening'),
    peakBytes: take('peakBytes'),
    bytes: take('bytes'),
    distance: take('distance'),
    levels: map(relaxed, ({ levels }) => levels),
    worse: worseOf(relaxed, theirs),
  };
}

/** Every measure in which a form of ours is beyond dense int8. */
function worseOf(ours, theirs) {
  const rivals = Object.entries(theirs).filter(([name]) => name.endsWith('int8'));
  return Object.entries(ours).flatMap(([form, lap]) =>
    rivals.flatMap(([opponent, other]) =>
      WORSE.filter((measure) => lap[measure] > other[measure]).map((measure) => ({
        ...{ form, opponent, measure },
        ...{ ours: lap[measure], theirs: other[measure] },
      })),
    ),
  );
}
