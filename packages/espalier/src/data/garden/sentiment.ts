// Sentiment of a remark about the garden: negation turns an opinion over, and of two contrasting clauses the main
// one counts (what follows 'but', or what 'although' does not open).
import type { Random } from '../../random.js';
import { article, chance, pick, sentence } from './choose.js';
import { intensifiers, opinions, people, plants } from './lexicon.js';
import type { GardenTask } from './labelled.js';

const themes = ['garden', 'visit', 'harvest', 'terrace', 'orchard', 'greenhouse'];

const negate = (random: Random): string => pick(random, ['not', 'not at all', 'never', 'hardly']);

/** A clause of the given polarity; about half of them by denying the opposite. */
function opinion(random: Random, positive: boolean): string {
  const denied = chance(random, 0.5);
  const words = positive === denied ? opinions.negative : opinions.positive;
  const theme = pick(random, themes);
  const flowers = pick(random, plants).plural;
  const person = pick(random, people).name;
  const adjective = pick(random, words.adjectives);
  switch (random.integer(4)) {
    case 0: {
      const noun = pick(random, words.nouns);
      return `the ${theme} was ${denied ? 'not ' : ''}${article(noun)} ${noun}`;
    }
    case 1: {
      const feeling = pick(random, words.feelings);
      return `${person} ${denied ? `did not ${feeling.base}` : feeling.past} the ${chance(random, 0.5) ? theme : flowers}`;
    }
    case 2:
      return denied
        ? `nobody found the ${theme} ${adjective}`
        : `${person} found the ${theme} ${pick(random, intensifiers)} ${adjective}`;
    default: {
      const subject = chance(random, 0.5) ? `the ${theme} was` : `the ${flowers} were`;
      return `${subject} ${denied ? negate(random) : pick(random, intensifiers)} ${adjective}`;
    }
  }
}

export const sentiment: GardenTask = {
  name: 'sentiment',
  kind: 'classification',
  labels: ['negative', 'positive'],
  metrics: ['accuracy'],
  targets: [0, 1],
  draw(random, label) {
    const main = opinion(random, label === 1);
    if (chance(random, 0.4)) return { text: sentence(main), label };
    const aside = opinion(random, label === 0);
    const text = pick(random, [
      `${aside}, but ${main}`,
      `${aside}, yet ${main}`,
      `although ${aside}, ${main}`,
      `${main}, although ${aside}`,
    ]);
    return { text: sentence(text), label };
  },
};
