// The most memory that this process has had in use.
import { readFileSync } from 'node:fs';

/**
 * Bytes. On Linux from /proc (proc(5)): what getrusage(2) says is of the process that started this one, where that was
 * larger, since exec keeps it.
 */
export function peakMemory(): number {
  const kilobytes = ofThisProgram() ?? process.resourceUsage().maxRSS;
  return 1024 * kilobytes;
}

function ofThisProgram(): number | undefined {
  try {
    const status = readFileSync('/proc/self/status', 'utf8');
    const found = /^VmHWM:\s+(\d+) kB$/m.exec(status);
    return found ? Number(found[1]) : undefined;
  } catch {
    return undefined; // not this kind of system
  }
}
