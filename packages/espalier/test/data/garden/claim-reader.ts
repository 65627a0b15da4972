// Reads sentences of the garden language back into what they say, without the code that wrote them: from the
// lexicon and the shapes of English sentences alone.
import { actions, type Kind, people, places, plants, times } from '../../../src/data/garden/lexicon.js';

export interface ReadClaim {
  readonly holds: boolean;
  /** Base form of the first synonym. */
  readonly action: string;
  readonly kind: Kind;
  readonly plant: string | undefined;
  readonly agent: string | undefined;
  readonly place: string | undefined;
  readonly time: string | undefined;
}

const names = people.map(({ name }) => name);

function takeOut(text: string, phrases: readonly string[]): [string, string | undefined] {
  const found = phrases.find((phrase) => new RegExp(`\\b${phrase}\\b`, 'i').test(text));
  if (found === undefined) return [text, undefined];
  return [text.replace(new RegExp(` ?\\b${found}\\b ?`, 'i'), ' ').trim(), found];
}

export function readClaim(sentence: string): ReadClaim {
  const [withoutPlace, place] = takeOut(sentence.replace(/\.$/, ''), places);
  const [clause, time] = takeOut(withoutPlace, times);
  const passive = /^(the|some|no) (\w+) were (not )?(\w+)(?: by (\w+))?$/i.exec(clause);
  const active = /^(\w+) (did not )?(\w+) (the|some|any) (\w+)$/i.exec(clause);
  if (!passive && !active) throw new Error(`cannot read: ${sentence}`);
  const [determiner, object, not, form, subject] = passive
    ? passive.slice(1)
    : [active![4], active![5], active![2], active![3], active![1]];

  const action = actions.find(({ verbs }) =>
    verbs.some(({ base, past, participle }) =>
      passive ? form === participle : not === undefined ? form === past : form === base,
    ),
  );
  const plant = plants.find(({ plural }) => plural === object);
  const agent = names.find((name) => name === subject);
  if (!action || (determiner!.toLowerCase() === 'the') !== (plant !== undefined)) {
    throw new Error(`cannot read: ${sentence}`);
  }
  const nobody = subject?.toLowerCase() === 'nobody';
  const denied = nobody || not !== undefined || determiner!.toLowerCase() === 'no';
  if (!passive && !agent && !/^(nobody|someone)$/i.test(subject!))
    throw new Error(`cannot read: ${sentence}`);
  return {
    holds: !denied,
    action: action.verbs[0].base,
    kind: plant?.kind ?? (object as Kind),
    plant: plant?.plural,
    agent,
    place,
    time,
  };
}

export interface ReadGift {
  readonly giver: string;
  readonly receiver: string;
  readonly tool: string;
  readonly detail: string;
}

const giftShapes = [
  /^(?<giver>[A-Z]\w+) gave (?<receiver>[A-Z]\w+) the (?<tool>\w+) (?<detail>.*)\.$/,
  /^(?<giver>[A-Z]\w+) gave the (?<tool>\w+) to (?<receiver>[A-Z]\w+) (?<detail>.*)\.$/,
  /^(?<receiver>[A-Z]\w+) was given the (?<tool>\w+) by (?<giver>[A-Z]\w+) (?<detail>.*)\.$/,
  /^(?<receiver>[A-Z]\w+) received the (?<tool>\w+) from (?<giver>[A-Z]\w+) (?<detail>.*)\.$/,
  /^The (?<tool>\w+) was given to (?<receiver>[A-Z]\w+) by (?<giver>[A-Z]\w+) (?<detail>.*)\.$/,
];

/** Who gave what to whom, or nothing where the sentence is about something else. */
export function readGift(sentence: string): ReadGift | undefined {
  const groups = giftShapes.map((shape) => shape.exec(sentence)?.groups).find((found) => found !== undefined);
  if (!groups) return undefined;
  const { giver, receiver, tool, detail } = groups;
  return { giver: giver!, receiver: receiver!, tool: tool!, detail: detail! };
}
