// A trainer keeps one copy of the weights, its store's: the arrays of the model it was made from are the caller's to let
// go. Asked of the garbage collector itself.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { randomModel, trainerOf } from '../support/training.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Weak references hold until the present turn of the event loop ends. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

it('lets go of the model it was made from', async () => {
  const begin = () => {
    const model = randomModel();
    const arrays = [...model.tensors.values()].map(({ data }) => new WeakRef(data));
    return { arrays, trainer: trainerOf({ model, note: () => undefined }) };
  };
  const { arrays, trainer } = begin();
  expect(arrays.every((array) => array.deref() !== undefined)).toBe(true);
  await trainer.step();
  await nextTurn();
  collectGarbage();
  expect(arrays.filter((array) => array.deref() !== undefined)).toEqual([]);
  await trainer.step();
  await trainer.release();
});
