// What holds for every task of the garden language; the list is walked, so a new task is tested too.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { gardenTask, gardenTasks } from '../../../src/data/garden/garden.js';
import { drawTask, type GardenTask } from '../../../src/data/garden/labelled.js';
import { bagOfWordsAccuracy } from './bag-of-words.js';

const sizes = { train: 1200, dev: 300 };

/** The most that a bag of words may reach; chance is 1/2, 1/3 for inference. */
const ceilings: Readonly<Record<string, number>> = {
  sentiment: 0.65,
  acceptability: 0.62,
  paraphrase: 0.62,
  inference: 0.5,
};

describe.each(gardenTasks.map((task) => [task.name, task] as const))('%s', (name, garden) => {
  const data = gardenTask(name, 1, sizes);
  const { task, train, dev } = data;

  it('is a pure function of its arguments', () => {
    expect(gardenTask(name, 1, sizes)).toEqual(data);
    expect(gardenTask(name, 2, sizes).train).not.toEqual(train);
    expect(gardenTask(name, 1, { train: 10, dev: sizes.dev }).dev).toEqual(dev);
  });

  it('has the sizes asked for, balanced', () => {
    for (const [part, size] of [
      [train, sizes.train],
      [dev, sizes.dev],
    ] as const) {
      expect(part).toHaveLength(size);
      for (const target of garden.targets) {
        const share = part.filter(({ label }) => label === target).length / size;
        expect(Math.abs(share - 1 / garden.targets.length)).toBeLessThan(0.01);
      }
    }
  });

  it('has labels in its range, and sentences', () => {
    for (const { text, pair, label } of train) {
      for (const part of pair === undefined ? [text] : [text, pair])
        expect(part).toMatch(/^[A-Z][\w ,.]+\.$/);
      if (task.kind === 'classification') expect(task.labels[label]).toBeDefined();
    }
  });

  it('repeats no text, within a split or across', () => {
    const texts = [...train, ...dev].map(({ text }) => text);
    expect(new Set(texts).size).toBe(texts.length);
  });

  it('is ordered at random', () => {
    const cycle = garden.targets.length;
    const inOrder = train.filter(({ label }, i) => label === garden.targets[i % cycle]).length;
    expect(inOrder / train.length).toBeLessThan(0.6);
  });

  it('names what was made, with its hash', () => {
    const sha256 = createHash('sha256').update(JSON.stringify(train)).digest('hex');
    expect(data.files[0]).toEqual({ path: `garden:${name}/train`, sha256, rows: sizes.train });
  });

  it.runIf(task.kind === 'classification')('needs more than a bag of words', () => {
    expect(bagOfWordsAccuracy(data)).toBeLessThan(ceilings[name]!);
  });
});

it('the baseline itself learns what words can tell', () => {
  const { task } = gardenTask('sentiment', 1, { train: 0, dev: 0 });
  const example = (i: number) => ({ text: i % 2 ? `good ${i}` : `bad ${i}`, label: i % 2 });
  const examples = Array.from({ length: 100 }, (_, i) => example(i));
  expect(bagOfWordsAccuracy({ task, train: examples, dev: examples, files: [] })).toBe(1);
});

it('says which tasks there are, and when there are no more texts', () => {
  expect(() => gardenTask('nosuch', 0, sizes)).toThrow(/nosuch; expected one of sentiment, acceptability/);
  const narrow: GardenTask = {
    ...gardenTasks[0]!,
    draw: (random, label) => ({ text: `${random.integer(9)}`, label }),
  };
  expect(drawTask(narrow, 0, { train: 5, dev: 4 }).train).toHaveLength(5);
  expect(() => drawTask(narrow, 0, { train: 6, dev: 4 })).toThrow(
    /no new text for train after 9; ask for fewer/,
  );
});
