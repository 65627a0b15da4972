// Numbers, sizes and times as people read them, for terminals and reports.

const byteUnits = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** Bytes with decimal units: 999 B, 1.5 kB, 43.2 MB. */
export function formatBytes(bytes: number): string {
  let unit = 0;
  let value = bytes;
  // 999,950 B would be written 1000.0 kB: the next unit begins where rounding reaches it.
  while (value >= (unit === 0 ? 1000 : 999.95) && unit < byteUnits.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${byteUnits[unit]!}`;
}

const twoDigits = (value: number): string => String(value).padStart(2, '0');

/** Seconds as a duration: 85 ms, 4.2 s, 3 min 05 s, 2 h 10 min. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '-';
  if (Math.round(seconds * 1000) < 1000) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${twoDigits(whole % 60)} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`;
}

/** Integers with thousands separators, other numbers to four significant digits; '-' for none. */
export function formatNumber(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '-';
  if (Number.isInteger(value) || Math.abs(value) >= 9999.5) return Math.round(value).toLocaleString('en-US');
  if (Math.abs(value) < 1e-4) return value.toExponential(2);
  return String(Number(value.toPrecision(4)));
}

/** A fraction as "80.0 %". */
export const formatPercent = (fraction: number): string => `${(100 * fraction).toFixed(1)} %`;

/** Above this a final adjustment is a warning: what ends in a threshold is magnitude pruning renamed. */
const LARGE_ADJUSTMENT = 0.01;

/** What to say of the gap that the last step of a penalty closed at once, where it is large. */
export function adjustmentWarning(adjustment: number | null): string | undefined {
  const size = Math.abs(adjustment ?? 0);
  if (size <= LARGE_ADJUSTMENT) return undefined;
  return (
    `Warning: the final adjustment of the sparsity is ${formatPercent(size)}, above ${formatPercent(LARGE_ADJUSTMENT)}: the last ` +
    'step moved so many weights at once, by a threshold, and not the penalty in training. More steps would close the gap.'
  );
}
