// From a generator of single examples to a task: balanced targets, no text twice, dev apart from train.
import { createHash } from 'node:crypto';
import { EspalierError } from '../../errors.js';
import { random, type Random } from '../../random.js';
import type { RawExample, Task, TaskData } from '../example.js';

/** A task of the garden language. */
export interface GardenTask extends Task {
  /** The labels that `draw` is asked for, equally often. */
  readonly targets: readonly number[];
  /** A random example with the label `target`. */
  draw(random: Random, target: number): RawExample;
}

export interface Sizes {
  readonly train: number;
  readonly dev: number;
}

const PATIENCE = 1000;

/**
 * Draws `sizes.train` and `sizes.dev` examples. Targets are balanced in each split, and no `text` occurs twice,
 * within a split or across. Throws EspalierError when the grammar has no more texts.
 */
export function drawTask(garden: GardenTask, seed: number, sizes: Sizes): TaskData {
  const { name, kind, labels, metrics, targets } = garden;
  const seen = new Set<string>();

  const split = (part: 'train' | 'dev'): RawExample[] => {
    const stream = random(seed, 'garden', name, part);
    const fresh = (target: number): RawExample => {
      for (let attempt = 0; attempt < PATIENCE; attempt++) {
        const example = garden.draw(stream, target);
        if (seen.has(example.text)) continue;
        seen.add(example.text);
        return example;
      }
      throw new EspalierError(
        `garden task ${name}: found no new text for ${part} after ${seen.size}; ask for fewer examples`,
      );
    };
    const examples = Array.from({ length: sizes[part] }, (_, i) => fresh(targets[i % targets.length]!));
    return stream.shuffle(examples);
  };

  // Dev comes first: its texts do not depend on how many train has.
  const dev = split('dev');
  const train = split('train');
  const describe = (part: string, examples: readonly RawExample[]) => ({
    path: `garden:${name}/${part}`,
    sha256: createHash('sha256').update(JSON.stringify(examples)).digest('hex'),
    rows: examples.length,
  });
  return {
    task: { name, kind, labels, metrics },
    train,
    dev,
    files: [describe('train', train), describe('dev', dev)],
  };
}
