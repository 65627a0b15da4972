// The machine that a latency was measured on, and whether something else kept it busy.
import { cpus, loadavg } from 'node:os';

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  /** Processes that ran or waited to, over the last minute (getloadavg(3)); 0 where the system does not count. */
  readonly load: number;
  /** What is measured then says little. */
  readonly busy: boolean;
}

/** As it is now; ask before work begins. `load` is for tests. */
export function machineNow(load = loadavg()[0]!): Machine {
  const all = cpus();
  return { processor: all[0]?.model ?? 'unknown', cores: all.length, load, busy: load > all.length / 2 };
}

/** What to say aloud on a busy machine. */
export const busyNote = ({ load, cores }: Machine): string =>
  `this machine is busy: load ${load.toFixed(1)} on ${cores} cores, expected at most ${cores / 2}; timings are worth ` +
  'little, measure again when it is quiet';
