// Remembers the last result of a function of one key: what is asked for again and again until the next epoch.
export function memoizeLast<K, V>(compute: (key: K) => V): (key: K) => V {
  let last: { key: K; value: V } | undefined;
  return (key) => {
    if (last?.key !== key) last = { key, value: compute(key) };
    return last.value;
  };
}
