// A story of the garden: one season, one plight and its cure, a helper with work of their own. People, plants, tools
// and places stay the same throughout, and each sentence follows from those before it, so that masked words and the
// order of sentences can be guessed from the rest.
import type { Random } from '../../random.js';
import { article, chance, pick, pickWhere, sentence } from './choose.js';
import {
  actions,
  type Action,
  intensifiers,
  looks,
  opinions,
  people,
  type Person,
  places,
  type Plant,
  plants,
  type Plight,
  plights,
  type Season,
  times,
} from './lexicon.js';

/** A question that one sentence answers; `answer` stands in it exactly once. */
export interface Asked {
  readonly question: string;
  readonly answer: string;
}

/** One sentence of a story and what can be asked about it. */
export interface Beat {
  readonly text: string;
  readonly asked: readonly Asked[];
}

/** Somebody's work in a story. */
interface Work {
  readonly person: Person;
  readonly plant: Plant;
  readonly action: Action;
  readonly place: string;
  readonly time: string;
}

interface World {
  readonly season: Season;
  readonly plight: Plight;
  readonly main: Work;
  readonly side: Work;
}

function drawWorld(random: Random): World {
  const plight = pick(random, plights);
  const season = pick(random, plight.seasons);
  const inSeason = plants.filter((plant) => plant.season === season);
  const plant = pickWhere(random, inSeason, ({ kind }) => plight.kinds.includes(kind));
  const main: Work = {
    person: pick(random, people),
    plant,
    action: actions.find(({ verbs }) => verbs[0].base === plight.cure)!,
    place: pick(random, places),
    time: pick(random, times),
  };
  const other = pickWhere(random, inSeason, (it) => it !== plant);
  const side: Work = {
    person: pickWhere(random, people, (person) => person !== main.person),
    plant: other,
    action: pickWhere(random, actions, (it) => it !== main.action && it.kinds.includes(other.kind)),
    place: pickWhere(random, places, (place) => place !== main.place),
    time: pickWhere(random, times, (time) => time !== main.time),
  };
  return { season, plight, main, side };
}

const tell = (text: string, ...asked: Asked[]): Beat => ({ text: sentence(text), asked });

const ask = (question: string, answer: string): Asked => ({ question, answer });

const toolPronoun = ({ tool }: Action): string => (tool === 'shears' ? 'them' : 'it');

function opening(random: Random, { season, main: { person } }: World): Beat {
  const { name } = person;
  return tell(
    pick(random, [
      `it was ${season} and ${name} walked through the garden`,
      `one ${season} day ${name} came to the garden`,
      `${name} spent the ${season} in the garden`,
    ]),
    ask(`In which season was ${name} in the garden?`, season),
    ask('Who came to the garden first?', name),
  );
}

function planting(random: Random, { plant, place }: Work): Beat {
  const { plural, colour } = plant;
  return tell(
    pick(random, [
      `the ${plural} ${place} were ${colour}`,
      `there were ${colour} ${plural} ${place}`,
      `${colour} ${plural} grew ${place}`,
    ]),
    ask(`What colour were the ${plural}?`, colour),
    ask(`Where were the ${plural}?`, place),
  );
}

/** What is true of a plant in any story. */
function fact(random: Random, { singular, plural, kind, season, colour }: Plant): Beat {
  return tell(
    pick(random, [
      `${plural} are at their best in ${season}`,
      `${article(singular)} ${singular} is at its best in ${season}`,
      `${plural} are among the ${season} ${kind}`,
      `every ${singular} in this garden is ${colour}`,
      `all ${plural} in this garden are ${colour}`,
    ]),
  );
}

const cause = (random: Random, { plight: { weather, ground } }: World): Beat =>
  tell(
    pick(random, [`${weather}, and ${ground}`, `${weather}, so ${ground}`, `${ground} because ${weather}`]),
  );

const harm = (random: Random, { plight, main: { plant } }: World): Beat =>
  tell(
    pick(random, [
      `so the ${plant.plural} ${plight.harm}`,
      `the ${plant.plural} ${plight.harm} because ${plight.ground}`,
      `since ${plight.ground}, the ${plant.plural} ${plight.harm}`,
    ]),
    ask(`Which ${plant.kind} ${plight.harm}?`, plant.plural),
  );

const fetching = (random: Random, { person, plant, action }: Work): Beat =>
  tell(
    pick(random, [
      `${person.name} saw the ${plant.plural} and fetched the ${action.tool}`,
      `${person.name} took the ${action.tool} from the shelf`,
      `${person.name} looked for the ${action.tool} and found ${toolPronoun(action)} in the shed`,
    ]),
    ask(`Which tool did ${person.name} fetch?`, action.tool),
  );

function working(random: Random, { person: { name }, plant, action, time }: Work): Beat {
  const { past, base, participle } = pick(random, action.verbs);
  const { plural } = plant;
  return tell(
    pick(random, [
      `${time} ${name} ${past} the ${plural} with the ${action.tool}`,
      `${name} ${past} the ${plural} with the ${action.tool} ${time}`,
      `the ${plural} were ${participle} by ${name} with the ${action.tool} ${time}`,
    ]),
    ask(`Who ${past} the ${plural}?`, name),
    ask(`What did ${name} ${base} with the ${action.tool}?`, plural),
    ask(`With what did ${name} ${base} the ${plural}?`, action.tool),
    ask(`When did ${name} ${base} the ${plural}?`, time),
  );
}

const manner = (random: Random, { person: { pronoun } }: Work): Beat =>
  tell(
    pick(random, [
      `${pronoun} was slow but careful`,
      `${pronoun} did not stop before the work was done`,
      `${pronoun} worked without a word`,
      `${pronoun} hummed a song all the while`,
    ]),
  );

const arrival = (random: Random, { main, side }: World): Beat =>
  tell(
    pick(random, [
      `${side.person.name} came to help ${main.person.name}`,
      `${main.person.name} called ${side.person.name} for help`,
      `${side.person.name} heard of it and came as well`,
    ]),
  );

const outcome = (random: Random, { plight, main: { plant } }: World): Beat =>
  tell(
    pick(random, [
      `the next day the ${plant.plural} ${plight.outcome}`,
      `before long the ${plant.plural} ${plight.outcome}`,
      `now the ${plant.plural} ${plight.outcome}`,
    ]),
  );

const clearing = (random: Random, { person: { name, pronoun }, action }: Work): Beat =>
  tell(
    pick(random, [
      `${name} cleaned the ${action.tool} and carried ${toolPronoun(action)} home`,
      `then ${pronoun} put the ${action.tool} away`,
      `${pronoun} left the ${action.tool} on the bench`,
    ]),
  );

function thanks(random: Random, { main, side }: World): Beat {
  const [helped, helper] = [main.person.name, side.person.name];
  return tell(
    pick(random, [
      `${helped} thanked ${helper} for the help`,
      `${helped} gave ${helper} some tea`,
      `${helped} and ${helper} sat down to rest`,
    ]),
    ask(`Who was with ${helped} at the end?`, helper),
  );
}

function ending(random: Random, { main: { plant, person } }: World): Beat {
  const { adjectives, nouns } = opinions.positive;
  return tell(
    pick(random, [
      `the garden was ${pick(random, intensifiers)} ${pick(random, adjectives)}`,
      `the garden was a ${pick(random, nouns)}`,
      `${person.name} looked at the ${pick(random, looks)} ${plant.plural} and smiled`,
      `${person.name} loved the ${plant.plural} more than ever`,
    ]),
  );
}

/** A story as its sentences, nine to fourteen of them. */
export function drawStory(random: Random): Beat[] {
  const world = drawWorld(random);
  const { main, side } = world;
  const beats: Beat[] = [];
  const perhaps = (beat: Beat): void => {
    if (chance(random, 0.5)) beats.push(beat);
  };
  beats.push(opening(random, world), planting(random, main));
  perhaps(fact(random, main.plant));
  beats.push(cause(random, world), harm(random, world), fetching(random, main), working(random, main));
  perhaps(manner(random, main));
  beats.push(arrival(random, world), planting(random, side));
  perhaps(fact(random, side.plant));
  beats.push(working(random, side));
  perhaps(clearing(random, side));
  beats.push(outcome(random, world));
  perhaps(thanks(random, world));
  beats.push(ending(random, world));
  return beats;
}
