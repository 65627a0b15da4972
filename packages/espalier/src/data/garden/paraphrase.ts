// Do two sentences say the same? Passive, synonyms and word order keep the meaning; one changed detail, a denial or
// exchanged roles do not, though the words are nearly the same.
import type { Random } from '../../random.js';
import { chance, pick, pickWhere, sentence } from './choose.js';
import { randomClaim, randomTelling, slots, tell, vary } from './claims.js';
import { actions, people, places, times } from './lexicon.js';
import type { GardenTask } from './labelled.js';

/** Ways to say that `giver` handed `tool` to `receiver`. */
const gifts: readonly ((giver: string, receiver: string, tool: string) => string)[] = [
  (giver, receiver, tool) => `${giver} gave ${receiver} the ${tool}`,
  (giver, receiver, tool) => `${giver} gave the ${tool} to ${receiver}`,
  (giver, receiver, tool) => `${receiver} was given the ${tool} by ${giver}`,
  (giver, receiver, tool) => `${receiver} received the ${tool} from ${giver}`,
  (giver, receiver, tool) => `the ${tool} was given to ${receiver} by ${giver}`,
];

function giftPair(random: Random, same: boolean): [string, string] {
  const giver = pick(random, people);
  const receiver = pickWhere(random, people, (person) => person !== giver);
  const { tool } = pickWhere(random, actions, (action) => action.tool !== 'shears');
  const detail = `${pick(random, places)} ${pick(random, times)}`;
  const first = pick(random, gifts);
  const second = pickWhere(random, gifts, (gift) => gift !== first);
  const [from, to] = same ? [giver, receiver] : [receiver, giver];
  return [
    sentence(`${first(giver.name, receiver.name, tool)} ${detail}`),
    sentence(`${second(from.name, to.name, tool)} ${detail}`),
  ];
}

function claimPair(random: Random, same: boolean): [string, string] {
  const claim = { ...randomClaim(random), holds: chance(random, 0.8) };
  let other = claim;
  if (!same) {
    const change = pick(random, [...slots, 'holds'] as const);
    other = change === 'holds' ? { ...claim, holds: !claim.holds } : vary(random, claim, change);
  }
  const first = randomTelling(random);
  // At least the voice differs, so that no pair is the same string.
  return [tell(claim, first), tell(other, { ...randomTelling(random), passive: !first.passive })];
}

export const paraphrase: GardenTask = {
  name: 'paraphrase',
  kind: 'classification',
  labels: ['different', 'same'],
  metrics: ['accuracy', 'f1'],
  targets: [0, 1],
  draw(random, label) {
    const [text, pair] = (chance(random, 0.4) ? giftPair : claimPair)(random, label === 1);
    return { text, pair, label };
  },
};
