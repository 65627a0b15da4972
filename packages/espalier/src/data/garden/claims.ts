// A claim says that somebody did something to some plants somewhere at some time, or that it did not happen; what
// it leaves open is any value. Claims are told in several ways and compared by meaning: paraphrase, similarity and
// inference rest on them.
import type { Random } from '../../random.js';
import { chance, pick, pickWhere, sentence } from './choose.js';
import {
  actions,
  type Action,
  type Kind,
  people,
  type Person,
  places,
  type Plant,
  plants,
  times,
} from './lexicon.js';

export interface Claim {
  /** False: no such thing happened. */
  readonly holds: boolean;
  readonly action: Action;
  readonly kind: Kind;
  /** Undefined: any plant of that kind. Likewise below: anybody, anywhere, at any time. */
  readonly plant: Plant | undefined;
  readonly agent: Person | undefined;
  readonly place: string | undefined;
  readonly time: string | undefined;
}

/** A claim with nothing left open. */
export type FullClaim = Required<{ [Key in keyof Claim]: NonNullable<Claim[Key]> }>;

export interface Telling {
  readonly passive: boolean;
  /** Puts the time first. */
  readonly timeFirst: boolean;
  /** Puts the time before the place. */
  readonly timeBeforePlace: boolean;
  /** Which synonym, counted round. */
  readonly synonym: number;
}

export function randomClaim(random: Random): FullClaim {
  const action = pick(random, actions);
  const plant = pickWhere(random, plants, ({ kind }) => action.kinds.includes(kind));
  const [agent, place, time] = [pick(random, people), pick(random, places), pick(random, times)];
  return { holds: true, action, kind: plant.kind, plant, agent, place, time };
}

export const randomTelling = (random: Random): Telling => ({
  passive: chance(random, 0.5),
  timeFirst: chance(random, 0.3),
  timeBeforePlace: chance(random, 0.3),
  synonym: random.integer(2),
});

/** The claim as a sentence. */
export function tell(claim: Claim, telling: Telling): string {
  const { agent, holds, action, place, time } = claim;
  const verb = action.verbs[telling.synonym % action.verbs.length]!;
  const object = objectOf(claim, telling.passive);
  let clause: string;
  if (telling.passive) {
    // 'no flowers were cut' already denies.
    const not = holds || !claim.plant ? '' : 'not ';
    clause = `${object} were ${not}${verb.participle}${agent ? ` by ${agent.name}` : ''}`;
  } else if (agent) {
    clause = `${agent.name} ${holds ? verb.past : `did not ${verb.base}`} ${object}`;
  } else {
    clause = `${holds ? 'someone' : 'nobody'} ${verb.past} ${object}`;
  }
  const ends = telling.timeBeforePlace ? [time, place] : [place, time];
  const first = telling.timeFirst && time !== undefined ? `${time} ` : '';
  const rest = ends.filter((part) => part !== undefined && !(first && part === time));
  return sentence(first + [clause, ...rest].join(' '));
}

function objectOf({ plant, kind, holds }: Claim, passive: boolean): string {
  if (plant) return `the ${plant.plural}`;
  if (holds) return `some ${kind}`;
  return passive ? `no ${kind}` : `any ${kind}`;
}

/** What two claims may share besides `holds`. */
export const slots = ['action', 'plant', 'agent', 'place', 'time'] as const;

/** Whether whatever `specific` describes is also what `general` describes, truth aside. */
export const describes = (general: Claim, specific: Claim): boolean =>
  general.kind === specific.kind &&
  slots.every((slot) => general[slot] === undefined || general[slot] === specific[slot]);

/** `claim` with another value in `slot`; a new action suits the plant, a new plant the action. */
export function vary(random: Random, claim: FullClaim, slot: (typeof slots)[number]): FullClaim {
  switch (slot) {
    case 'action': {
      const suits = (action: Action) => action !== claim.action && action.kinds.includes(claim.kind);
      return { ...claim, action: pickWhere(random, actions, suits) };
    }
    case 'plant': {
      const suits = (plant: Plant) => plant !== claim.plant && claim.action.kinds.includes(plant.kind);
      const plant = pickWhere(random, plants, suits);
      return { ...claim, plant, kind: plant.kind };
    }
    case 'agent':
      return { ...claim, agent: pickWhere(random, people, (person) => person !== claim.agent) };
    case 'place':
      return { ...claim, place: pickWhere(random, places, (place) => place !== claim.place) };
    case 'time':
      return { ...claim, time: pickWhere(random, times, (time) => time !== claim.time) };
  }
}
