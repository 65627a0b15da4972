// Does the text entail the hypothesis, contradict it, or leave it open? Labels follow from monotonicity: a true claim
// stays true with details left out, a denial stays true with details added.
import type { Random } from '../../random.js';
import { chance, pick } from './choose.js';
import {
  type Claim,
  describes,
  type FullClaim,
  randomClaim,
  randomTelling,
  slots,
  tell,
  vary,
} from './claims.js';
import type { GardenTask } from './labelled.js';

const ENTAILMENT = 0;
const NEUTRAL = 1;
const CONTRADICTION = 2;

/** What `given` says about `claim`. */
function judge(given: Claim, claim: Claim): number {
  const bears = given.holds ? describes(claim, given) : describes(given, claim);
  if (!bears) return NEUTRAL;
  return given.holds === claim.holds ? ENTAILMENT : CONTRADICTION;
}

/** Leaves each detail but the action open with the given probability. */
function blur(random: Random, claim: Claim, probability: number): Claim {
  const open = <T>(value: T): T | undefined => (chance(random, probability) ? undefined : value);
  return {
    ...claim,
    plant: open(claim.plant),
    agent: open(claim.agent),
    place: open(claim.place),
    time: open(claim.time),
  };
}

interface Drawn {
  readonly premises: readonly Claim[];
  readonly hypothesis: Claim;
  readonly label: number;
}

function drawClaims(random: Random): Drawn {
  const full = randomClaim(random);
  let distractor: FullClaim = randomClaim(random);
  while (distractor.action === full.action) distractor = randomClaim(random);
  const premise = blur(random, { ...full, holds: chance(random, 0.5) }, 0.4);
  const premises = random.shuffle([
    premise,
    blur(random, { ...distractor, holds: chance(random, 0.5) }, 0.4),
  ]);

  // The hypothesis is about the first action; sometimes one detail is another than it was.
  const detail = pick(random, slots);
  const basis = detail !== 'action' && chance(random, 0.3) ? vary(random, full, detail) : full;
  const hypothesis = blur(random, { ...basis, holds: chance(random, 0.5) }, 0.4);
  return { premises, hypothesis, label: judge(premise, hypothesis) };
}

export const inference: GardenTask = {
  name: 'inference',
  kind: 'classification',
  labels: ['entailment', 'neutral', 'contradiction'],
  metrics: ['accuracy'],
  targets: [ENTAILMENT, NEUTRAL, CONTRADICTION],
  draw(random, label) {
    let drawn = drawClaims(random);
    while (drawn.label !== label) drawn = drawClaims(random);
    const say = (claim: Claim): string => tell(claim, randomTelling(random));
    return { text: drawn.premises.map(say).join(' '), pair: say(drawn.hypothesis), label };
  },
};
