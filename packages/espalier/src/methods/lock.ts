// Pattern lock (Zafrir et al., 2021, Prune Once for All): the zeros a model starts with stay zero. Recorded once as
// `w != 0`; a hash over the pattern is checked when the stage ends. By default every linear matrix outside the heads is
// held; one without zeros, such as a dense pooler, simply has nothing to hold.
import { z } from 'zod';
import { EspalierError } from '../errors.js';
import { patternHash, zeroFraction } from '../engine/pattern.js';
import type { Method, StageContext } from './method.js';
import { checkNames, prunableNames, widePatternOption } from './prunable.js';

const options = z.strictObject({ names: widePatternOption });

export const lock: Method<z.infer<typeof options>> = {
  name: 'lock',
  title: 'Pattern lock: train the surviving weights, keep every zero',
  paper: 'Zafrir et al. 2021, arXiv 2111.05754, section 3.3',
  options,
  provenance: { names: 'code' },
  create: ({ names }) => {
    let locked: readonly string[] = [];
    return {
      zeros: 'kept',
      check: (model) => checkNames(model, names, 'prunedLinear'),
      declare(stage) {
        locked = prunableNames(stage, names, stage.prunedLinear);
        stage.mask(locked);
      },
      begin(stage) {
        for (const name of locked) {
          const weights = stage.store.view(name, 'weight');
          const mask = stage.store.mask(name);
          for (let i = 0; i < weights.length; i++) mask[i] = weights[i] === 0 ? 0 : 1;
        }
        const weights = locked.map((name) => stage.store.view(name, 'weight'));
        stage.state('pattern', '').value = hash(stage, locked);
        const sparsity = zeroFraction(weights);
        if (sparsity === 0)
          stage.warn('lock: the model has no zeros in the locked matrices; nothing is held');
      },
      afterStage(stage) {
        const found = hash(stage, locked);
        const expected = stage.state('pattern', '').value;
        if (found !== expected) {
          throw new EspalierError(
            `lock: the zero pattern changed (hash ${found}, expected ${expected}); this is a bug`,
          );
        }
      },
    };
  },
};

const hash = ({ store }: StageContext, names: readonly string[]): string =>
  patternHash(names.map((name) => [name, store.view(name, 'weight')] as const));
