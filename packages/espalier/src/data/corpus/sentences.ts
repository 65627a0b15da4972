// Sentences of a paragraph: the Unicode rules (UAX #29) as Intl.Segmenter has them, mended where they know no better:
// after titles and initials, before "he said", and at closing quotation marks that stand apart.

const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });

/** Titles, which a name follows. */
const title =
  /(?:^|[^\p{L}])(?:Mr|Mrs|Ms|Messrs|Mme|Mlle|Dr|Prof|St|Mt|Rev|Hon|Capt|Col|Gen|Maj|Lt|Lieut|Sgt|Sergt)\.$/iu;
/** Initials of a name; "I." is more often the pronoun. */
const initial = /(?:^|[^\p{L}\p{N}])[A-HJ-Z]\.$/u;
/** Abbreviations, if a number follows. */
const numbered = /(?:^|[^\p{L}])(?:[Nn]os?|[Vv]ol|[Cc]h|[Ff]ig|pp?)\.$/u;

const closers = /^["'”’»)\]]+(?=\s|$)/u;
const startsLower = /^["'“‘«([]*\p{Ll}/u;

/** Whether a text ends in "Mr." and the like: no sentence ends there. */
export const endsInTitle = (text: string): boolean => title.test(text);

/** Whether `segment` belongs to the sentence `open`, which the Unicode rules had end before it. */
function continues(open: string, segment: string): boolean {
  const end = open.trimEnd();
  if (endsInTitle(end) || initial.test(end) || startsLower.test(segment)) return true;
  if (/^\p{N}/u.test(segment) && numbered.test(end)) return true;
  return end.length === open.length && /[.!?"'”’)\]]$/u.test(end); // no space: "Ha!--What"
}

/** The sentences of a paragraph, trimmed, none empty. No character but white space at their ends is lost. */
export function splitSentences(paragraph: string): string[] {
  const sentences: string[] = [];
  let open = '';
  for (const { segment } of segmenter.segment(paragraph)) {
    const closing = open === '' ? '' : (closers.exec(segment)?.[0] ?? '');
    if (closing !== '') open = open.trimEnd() + closing + ' ';
    const rest = segment.slice(closing.length).trimStart();
    if (open === '' || rest === '' || continues(open, rest)) {
      open += rest;
    } else {
      sentences.push(open.trim());
      open = rest;
    }
  }
  if (open.trim() !== '') sentences.push(open.trim());
  return sentences;
}
