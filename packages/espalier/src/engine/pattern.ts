export const patternHash = (_e: Iterable<readonly [string, Float32Array]>): string => '';
