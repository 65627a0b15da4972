// Checkpoints of a training stage: everything `TrainerState` names, committed as one directory by a rename, so that
// a kill leaves the previous checkpoint or the new one, never a mixture.
import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { FormatError } from '../errors.js';
import { writeDirectoryAtomic, writeFileAtomic } from '../io/atomic.js';
import { readSafetensors, writeSafetensors } from '../tensor/safetensors.js';
import type { HostTensor } from '../tensor/tensor.js';
import { STATE_SLOTS, type TrainerState } from './trainer-state.js';

const headerSchema = z.object({
  format: z.literal('espalier-checkpoint-1'),
  step: z.int().min(0),
  /** Fingerprint of everything that decides the run; a resumed run must have the same. */
  fingerprint: z.string(),
  states: z.record(z.string(), z.unknown()),
});

const PREFIX = 'step-';

/** Writes `state` under `directory` and removes older checkpoints there. */
export async function saveCheckpointState(
  directory: string,
  state: TrainerState,
  fingerprint: string,
): Promise<void> {
  const name = `${PREFIX}${String(state.step).padStart(8, '0')}`;
  await writeDirectoryAtomic(join(directory, name), async (temporary) => {
    const tensors = new Map<string, HostTensor>();
    for (const { name: tensor, slot, data } of state.slots) {
      const shape = [data.length];
      tensors.set(
        `${slot}:${tensor}`,
        data instanceof Float32Array ? { dtype: 'F32', shape, data } : { dtype: 'U8', shape, data },
      );
    }
    for (const [carry, data] of state.carries)
      tensors.set(`carry:${carry}`, { dtype: 'F32', shape: [data.length], data });
    await writeSafetensors(join(temporary, 'state.safetensors'), tensors, { format: 'espalier' });
    const header = { format: 'espalier-checkpoint-1', step: state.step, fingerprint, states: state.states };
    await writeFileAtomic(join(temporary, 'state.json'), JSON.stringify(header));
  });
  for (const older of await checkpointNames(directory)) {
    if (older !== name) await rm(join(directory, older), { recursive: true, force: true });
  }
}

async function checkpointNames(directory: string): Promise<string[]> {
  if (!existsSync(directory)) return [];
  const names = await readdir(directory);
  return names.filter((name) => /^step-\d{8}$/.test(name)).sort();
}

/** The newest checkpoint under `directory`, if there is one. Throws FormatError when it belongs to another run. */
export async function loadCheckpointState(
  directory: string,
  fingerprint: string,
): Promise<TrainerState | undefined> {
  const newest = (await checkpointNames(directory)).at(-1);
  if (newest === undefined) return undefined;
  const path = join(directory, newest, 'state.json');
  const parsed = headerSchema.safeParse(JSON.parse(await readFile(path, 'utf8')));
  if (!parsed.success)
    throw new FormatError(path, 'not a checkpoint of this version; start again with --overwrite');
  if (parsed.data.fingerprint !== fingerprint) {
    throw new FormatError(
      path,
      'belongs to a run with other options or data; use --overwrite or the same options',
    );
  }
  const { tensors } = await readSafetensors(join(directory, newest, 'state.safetensors'));
  const slots: { name: string; slot: (typeof STATE_SLOTS)[number]; data: Float32Array | Uint8Array }[] = [];
  const carries = new Map<string, Float32Array>();
  for (const [key, { data }] of tensors) {
    const kind = key.slice(0, key.indexOf(':'));
    const name = key.slice(kind.length + 1);
    const slot = STATE_SLOTS.find((candidate) => candidate === kind);
    if (slot && (data instanceof Float32Array || data instanceof Uint8Array))
      slots.push({ name, slot, data });
    else if (data instanceof Float32Array) carries.set(name, data);
  }
  return { step: parsed.data.step, slots, carries, states: parsed.data.states };
}
