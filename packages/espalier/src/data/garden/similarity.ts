// How much two sentences have in common: of their five details (action, plant, person, place, time), how many agree.
import { chance } from './choose.js';
import { randomClaim, randomTelling, slots, tell, vary } from './claims.js';
import type { GardenTask } from './labelled.js';

export const similarity: GardenTask = {
  name: 'similarity',
  kind: 'regression',
  labels: ['score'],
  metrics: ['pearson', 'spearman'],
  targets: [0, 1, 2, 3, 4, 5],
  draw(random, label) {
    const claim = randomClaim(random);
    const changed = random.shuffle([...slots]).slice(label);
    const other = changed.reduce((so, slot) => vary(random, so, slot), claim);
    const telling = randomTelling(random);
    const again = chance(random, 0.5) ? randomTelling(random) : telling;
    return { text: tell(claim, telling), pair: tell(other, again), label };
  },
};
