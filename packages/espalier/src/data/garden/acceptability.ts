// Is it a sentence? Present-tense clauses whose verb agrees with the head of the subject, whatever noun stands
// between them, against the same clauses with one mistake of agreement, determiner, verb form or word order.
import type { Random } from '../../random.js';
import { article, chance, pick, pickWhere, sentence } from './choose.js';
import { actions, landmarks, looks, type Noun, plants, prepositions, workers } from './lexicon.js';
import type { GardenTask } from './labelled.js';

interface Phrase {
  readonly noun: Noun;
  readonly plural: boolean;
  readonly determiner: string;
  readonly adjective: string | undefined;
  /** 'by the gates'. */
  readonly where: string | undefined;
}

interface Clause {
  readonly subject: Phrase;
  /** Finite verb in singular and plural. */
  readonly finite: readonly [string, string];
  /** Form that follows 'has' or 'will', and the form that must not. */
  readonly form?: { readonly right: string; readonly wrong: string };
  readonly complement: string;
}

const ANY = 'the';
/** Determiners of one number only, singular and plural. 'a' is written 'an' where it must. */
const marked = [
  ['a', 'this', 'every'],
  ['these', 'many', 'few'],
] as const;

const numberOf = (plural: boolean): 0 | 1 => (plural ? 1 : 0);

function place(random: Random): string {
  const { singular, plural } = pick(random, landmarks);
  return `${pick(random, prepositions)} the ${chance(random, 0.5) ? singular : plural}`;
}

function phrase(random: Random, noun: Noun): Phrase {
  const plural = chance(random, 0.5);
  return {
    noun,
    plural,
    determiner: chance(random, 0.4) ? ANY : pick(random, marked[numberOf(plural)]),
    adjective: chance(random, 0.5) ? pick(random, looks) : undefined,
    where: chance(random, 0.5) ? place(random) : undefined,
  };
}

const nounOf = ({ noun, plural }: Phrase): string => (plural ? noun.plural : noun.singular);

function determinerOf({ determiner }: Phrase, next: string): string {
  return determiner === 'a' ? article(next) : determiner;
}

function spell(parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== '').join(' ');
}

function spellPhrase(it: Phrase): string {
  const rest = spell([it.adjective, nounOf(it)]);
  return spell([determinerOf(it, rest), rest, it.where]);
}

function clause(random: Random): Clause {
  if (chance(random, 0.4)) {
    const plant = pick(random, plants);
    const complement = chance(random, 0.5) ? plant.colour : pick(random, looks);
    return { subject: phrase(random, plant), finite: ['is', 'are'], complement };
  }
  const subject = phrase(random, pick(random, workers));
  const action = pick(random, actions);
  const { base, third, participle } = pick(random, action.verbs);
  const object = pickWhere(random, plants, ({ kind }) => action.kinds.includes(kind));
  const complement = spellPhrase({ ...phrase(random, object), where: undefined });
  switch (random.integer(3)) {
    case 0:
      return { subject, finite: ['has', 'have'], form: { right: participle, wrong: base }, complement };
    case 1:
      return { subject, finite: ['will', 'will'], form: { right: base, wrong: participle }, complement };
    default:
      return { subject, finite: [third, base], complement };
  }
}

function spellClause({ subject, finite, form, complement }: Clause): string {
  return spell([spellPhrase(subject), finite[numberOf(subject.plural)], form?.right, complement]);
}

/** Each spells the clause with its mistake, or gives nothing where the clause leaves no room for it. */
const mistakes: readonly ((clause: Clause, random: Random) => string | undefined)[] = [
  function agreement({ subject, finite, ...rest }) {
    if (finite[0] === finite[1]) return undefined;
    return spellClause({ subject, finite: [finite[1], finite[0]], ...rest });
  },
  function determiner({ subject, ...rest }, random) {
    if (subject.determiner === ANY) return undefined;
    const other = pick(random, marked[numberOf(!subject.plural)]);
    return spellClause({ subject: { ...subject, determiner: other }, ...rest });
  },
  function verbForm({ form, ...rest }) {
    if (!form || form.right === form.wrong) return undefined;
    return spellClause({ ...rest, form: { right: form.wrong, wrong: form.right } });
  },
  function nounBeforeDeterminer({ subject, finite, form, complement }) {
    const noun = spell([subject.adjective, nounOf(subject)]);
    const verb = finite[numberOf(subject.plural)];
    return spell([noun, determinerOf(subject, verb), subject.where, verb, form?.right, complement]);
  },
  function adjectiveAfterNoun({ subject, finite, form, complement }) {
    if (subject.adjective === undefined) return undefined;
    const noun = nounOf(subject);
    const swapped = [determinerOf(subject, noun), noun, subject.adjective, subject.where];
    return spell([...swapped, finite[numberOf(subject.plural)], form?.right, complement]);
  },
  function verbLast({ subject, finite, form, complement }) {
    return spell([spellPhrase(subject), complement, form?.right, finite[numberOf(subject.plural)]]);
  },
];

export const acceptability: GardenTask = {
  name: 'acceptability',
  kind: 'classification',
  labels: ['unacceptable', 'acceptable'],
  metrics: ['matthews', 'accuracy'],
  targets: [0, 1],
  draw(random, label) {
    if (label === 1) return { text: sentence(spellClause(clause(random))), label };
    const mistake = pick(random, mistakes);
    for (;;) {
      const text = mistake(clause(random), random);
      if (text !== undefined) return { text: sentence(text), label };
    }
  },
};
