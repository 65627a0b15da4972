// What the toolkit's tokenizer and this one share, without the library that finds the pieces.
export { mendFor } from './mend.js';
export { SPACED_WORDS, stretchesOf, trimmed, wordsOf } from './offsets.js';
export { fillTemplate, type InputTemplates, type Slot, specialsOf, usualTemplates } from './template.js';
export { longestFirst, readUntil } from './truncation.js';
export { fromBytePairs, fromVocabTxt, special } from './vocabularies.js';
