// The words of the garden language, as data: who, what, where, when, and what goes with what. A plant has one
// colour and one season, an action one tool and the kinds of plant it suits, a plight one cause and one cure.

export type Season = 'spring' | 'summer' | 'autumn' | 'winter';
/** Kinds of plant, as the plural nouns that stand for any of them. */
export type Kind = 'flowers' | 'vegetables' | 'fruits';

export interface Noun {
  readonly singular: string;
  readonly plural: string;
}

export interface Plant extends Noun {
  readonly kind: Kind;
  readonly colour: string;
  readonly season: Season;
}

export interface Verb {
  readonly base: string;
  /** Third person singular. */
  readonly third: string;
  readonly past: string;
  readonly participle: string;
}

export interface Action {
  /** Synonyms. */
  readonly verbs: readonly [Verb, ...Verb[]];
  readonly tool: string;
  readonly kinds: readonly Kind[];
}

export interface Person {
  readonly name: string;
  readonly pronoun: 'she' | 'he';
}

/** What the weather did to some plants, and how it was put right. */
export interface Plight {
  readonly seasons: readonly Season[];
  readonly kinds: readonly Kind[];
  readonly weather: string;
  readonly ground: string;
  /** What the plants did. */
  readonly harm: string;
  /** Base form of the action that helps. */
  readonly cure: string;
  /** What the plants did afterwards. */
  readonly outcome: string;
}

const plant = (singular: string, plural: string, kind: Kind, colour: string, season: Season): Plant => ({
  singular,
  plural,
  kind,
  colour,
  season,
});

export const plants: readonly Plant[] = [
  plant('snowdrop', 'snowdrops', 'flowers', 'white', 'winter'),
  plant('hellebore', 'hellebores', 'flowers', 'green', 'winter'),
  plant('camellia', 'camellias', 'flowers', 'pink', 'winter'),
  plant('crocus', 'crocuses', 'flowers', 'purple', 'spring'),
  plant('tulip', 'tulips', 'flowers', 'yellow', 'spring'),
  plant('violet', 'violets', 'flowers', 'purple', 'spring'),
  plant('iris', 'irises', 'flowers', 'blue', 'spring'),
  plant('rose', 'roses', 'flowers', 'red', 'summer'),
  plant('lily', 'lilies', 'flowers', 'white', 'summer'),
  plant('poppy', 'poppies', 'flowers', 'red', 'summer'),
  plant('sunflower', 'sunflowers', 'flowers', 'yellow', 'summer'),
  plant('peony', 'peonies', 'flowers', 'pink', 'summer'),
  plant('dahlia', 'dahlias', 'flowers', 'orange', 'autumn'),
  plant('aster', 'asters', 'flowers', 'blue', 'autumn'),
  plant('leek', 'leeks', 'vegetables', 'green', 'winter'),
  plant('parsnip', 'parsnips', 'vegetables', 'white', 'winter'),
  plant('radish', 'radishes', 'vegetables', 'red', 'spring'),
  plant('pea', 'peas', 'vegetables', 'green', 'spring'),
  plant('bean', 'beans', 'vegetables', 'green', 'summer'),
  plant('tomato', 'tomatoes', 'vegetables', 'red', 'summer'),
  plant('carrot', 'carrots', 'vegetables', 'orange', 'summer'),
  plant('pumpkin', 'pumpkins', 'vegetables', 'orange', 'autumn'),
  plant('onion', 'onions', 'vegetables', 'yellow', 'autumn'),
  plant('cranberry', 'cranberries', 'fruits', 'red', 'winter'),
  plant('rosehip', 'rosehips', 'fruits', 'orange', 'winter'),
  plant('strawberry', 'strawberries', 'fruits', 'red', 'spring'),
  plant('cherry', 'cherries', 'fruits', 'red', 'summer'),
  plant('blueberry', 'blueberries', 'fruits', 'blue', 'summer'),
  plant('pear', 'pears', 'fruits', 'green', 'autumn'),
  plant('plum', 'plums', 'fruits', 'purple', 'autumn'),
  plant('quince', 'quinces', 'fruits', 'yellow', 'autumn'),
];

const verb = (base: string, third: string, past: string, participle = past): Verb => ({
  base,
  third,
  past,
  participle,
});

const everyKind: readonly Kind[] = ['flowers', 'vegetables', 'fruits'];
const food: readonly Kind[] = ['vegetables', 'fruits'];

export const actions: readonly Action[] = [
  {
    verbs: [verb('prune', 'prunes', 'pruned'), verb('trim', 'trims', 'trimmed')],
    tool: 'shears',
    kinds: ['flowers'],
  },
  {
    verbs: [verb('water', 'waters', 'watered'), verb('sprinkle', 'sprinkles', 'sprinkled')],
    tool: 'can',
    kinds: everyKind,
  },
  {
    verbs: [verb('gather', 'gathers', 'gathered'), verb('pick', 'picks', 'picked')],
    tool: 'basket',
    kinds: everyKind,
  },
  {
    verbs: [verb('fasten', 'fastens', 'fastened'), verb('tie', 'ties', 'tied')],
    tool: 'string',
    kinds: ['flowers', 'vegetables'],
  },
  {
    verbs: [verb('cover', 'covers', 'covered'), verb('shield', 'shields', 'shielded')],
    tool: 'blanket',
    kinds: everyKind,
  },
  { verbs: [verb('weed', 'weeds', 'weeded')], tool: 'hoe', kinds: everyKind },
  {
    verbs: [verb('feed', 'feeds', 'fed'), verb('nourish', 'nourishes', 'nourished')],
    tool: 'bucket',
    kinds: everyKind,
  },
  { verbs: [verb('spray', 'sprays', 'sprayed')], tool: 'bottle', kinds: everyKind },
  {
    verbs: [verb('wash', 'washes', 'washed'), verb('rinse', 'rinses', 'rinsed')],
    tool: 'hose',
    kinds: food,
  },
  { verbs: [verb('slice', 'slices', 'sliced'), verb('cut', 'cuts', 'cut')], tool: 'knife', kinds: food },
  {
    verbs: [verb('draw', 'draws', 'drew', 'drawn'), verb('sketch', 'sketches', 'sketched')],
    tool: 'pencil',
    kinds: everyKind,
  },
  { verbs: [verb('photograph', 'photographs', 'photographed')], tool: 'camera', kinds: everyKind },
];

export const people: readonly Person[] = [
  { name: 'Ada', pronoun: 'she' },
  { name: 'Bruno', pronoun: 'he' },
  { name: 'Clara', pronoun: 'she' },
  { name: 'Daniel', pronoun: 'he' },
  { name: 'Edith', pronoun: 'she' },
  { name: 'Felix', pronoun: 'he' },
  { name: 'Greta', pronoun: 'she' },
  { name: 'Hugo', pronoun: 'he' },
  { name: 'Irma', pronoun: 'she' },
  { name: 'Jonas', pronoun: 'he' },
  { name: 'Karin', pronoun: 'she' },
  { name: 'Leo', pronoun: 'he' },
  { name: 'Marta', pronoun: 'she' },
  { name: 'Nils', pronoun: 'he' },
  { name: 'Olga', pronoun: 'she' },
  { name: 'Paul', pronoun: 'he' },
];

export const workers: readonly Noun[] = [
  { singular: 'gardener', plural: 'gardeners' },
  { singular: 'neighbour', plural: 'neighbours' },
  { singular: 'visitor', plural: 'visitors' },
  { singular: 'cook', plural: 'cooks' },
  { singular: 'child', plural: 'children' },
  { singular: 'woman', plural: 'women' },
];

export const prepositions: readonly string[] = ['by', 'near', 'behind', 'beside', 'along'];

export const landmarks: readonly Noun[] = [
  { singular: 'pond', plural: 'ponds' },
  { singular: 'wall', plural: 'walls' },
  { singular: 'gate', plural: 'gates' },
  { singular: 'path', plural: 'paths' },
  { singular: 'hedge', plural: 'hedges' },
  { singular: 'bench', plural: 'benches' },
  { singular: 'fence', plural: 'fences' },
];

export const places: readonly string[] = [
  'by the pond',
  'in the greenhouse',
  'under the oak',
  'along the wall',
  'behind the shed',
  'near the gate',
  'beside the path',
  'in the orchard',
  'on the terrace',
  'around the fountain',
  'below the steps',
  'between the hedges',
];

export const times: readonly string[] = [
  'at dawn',
  'in the morning',
  'before lunch',
  'at noon',
  'in the afternoon',
  'after tea',
  'in the evening',
  'at dusk',
  'on Monday',
  'on Friday',
  'on Sunday',
];

export const plights: readonly Plight[] = [
  {
    seasons: ['summer'],
    kinds: everyKind,
    weather: 'no rain had fallen for weeks',
    ground: 'the soil was dry',
    harm: 'drooped',
    cure: 'water',
    outcome: 'were fresh again',
  },
  {
    seasons: ['spring', 'autumn'],
    kinds: everyKind,
    weather: 'it had rained for three days',
    ground: 'the soil was wet',
    harm: 'disappeared among tall weeds',
    cure: 'weed',
    outcome: 'had room to grow',
  },
  {
    seasons: ['autumn', 'winter'],
    kinds: ['flowers', 'vegetables'],
    weather: 'a strong wind had blown all night',
    ground: 'the stakes were loose',
    harm: 'leaned over',
    cure: 'fasten',
    outcome: 'stood straight',
  },
  {
    seasons: ['winter', 'spring'],
    kinds: everyKind,
    weather: 'the sky was clear and a frost was near',
    ground: 'the ground was cold',
    harm: 'were in danger',
    cure: 'cover',
    outcome: 'were safe from the ice',
  },
  {
    seasons: ['summer', 'autumn'],
    kinds: food,
    weather: 'the sun had shone all month',
    ground: 'the beds were warm',
    harm: 'ripened early',
    cure: 'gather',
    outcome: 'lay in a neat heap',
  },
  {
    seasons: ['spring', 'autumn', 'winter'],
    kinds: everyKind,
    weather: 'a thick mist had come down',
    ground: 'the leaves were damp',
    harm: 'were full of snails',
    cure: 'spray',
    outcome: 'were free of snails',
  },
  {
    seasons: ['spring', 'summer'],
    kinds: ['flowers'],
    weather: 'the weeks had been mild',
    ground: 'everything grew fast',
    harm: 'hung over the edge',
    cure: 'prune',
    outcome: 'looked neat',
  },
  {
    seasons: ['spring', 'summer', 'winter'],
    kinds: everyKind,
    weather: 'the long rain had washed the ground away',
    ground: 'the soil was poor',
    harm: 'turned pale',
    cure: 'feed',
    outcome: 'were strong again',
  },
];

/** Opinions, by polarity. `feelings` takes the garden as its object. */
export const opinions = {
  positive: {
    adjectives: ['lovely', 'splendid', 'charming', 'delightful', 'wonderful', 'pretty', 'superb'],
    nouns: ['joy', 'delight', 'triumph', 'pleasure'],
    feelings: [
      verb('love', 'loves', 'loved'),
      verb('admire', 'admires', 'admired'),
      verb('enjoy', 'enjoys', 'enjoyed'),
    ],
  },
  negative: {
    adjectives: ['dreadful', 'dull', 'ugly', 'sad', 'awful', 'shabby', 'miserable'],
    nouns: ['mess', 'failure', 'disappointment', 'nuisance'],
    feelings: [
      verb('hate', 'hates', 'hated'),
      verb('dislike', 'dislikes', 'disliked'),
      verb('regret', 'regrets', 'regretted'),
    ],
  },
} as const;

export const intensifiers: readonly string[] = ['very', 'really', 'truly', 'quite'];

/** Adjectives that say nothing about taste. */
export const looks: readonly string[] = ['tall', 'small', 'young', 'old', 'wild', 'early'];
