// Paragraphs of a text file. A line is a paragraph, unless the file is wrapped to a fixed width: then lines of a
// paragraph are joined. Where such a file does not set paragraphs apart by blank lines, a line that had room for the
// next one's first word ended one.
import { readLines } from './lines.js';
import { endsInTitle } from './sentences.js';

/** The width that a file's lines are wrapped to, or undefined where a line is a paragraph. */
type Wrapping = number | undefined;

const startsLower = (line: string): boolean => /^\s*\p{Ll}/u.test(line);
/** Whether a line cannot be the end of a sentence. */
const isOpen = (line: string): boolean => /[\p{L}\p{N},;-]\s*$/u.test(line) || endsInTitle(line.trimEnd());
const indentOf = (line: string): number => line.search(/\S/);

/** Share of the adjacent lines of a wrapped text that surely run on; verse and lists have fewer. */
const RUNNING_ON = 0.3;
/** In a wrapped text half of the lines are nearly full; in a list of sentences, lengths vary more. */
const NEARLY_FULL = 0.7;

/** Whether and how a file is wrapped, judged by its first lines. */
export function detectWrapping(lines: readonly string[]): Wrapping {
  let pairs = 0;
  let running = 0;
  for (let i = 1; i < lines.length; i++) {
    if (lines[i]!.trim() === '' || lines[i - 1]!.trim() === '') continue;
    pairs++;
    if (isOpen(lines[i - 1]!) && startsLower(lines[i]!)) running++;
  }
  const lengths = lines.map((line) => line.trimEnd().length).filter((length) => length > 0);
  lengths.sort((a, b) => a - b);
  const quantile = (q: number): number => lengths[Math.floor(q * lengths.length)]!;
  const wrapped = pairs > 0 && running >= RUNNING_ON * pairs && quantile(0.5) >= NEARLY_FULL * quantile(0.9);
  return wrapped ? quantile(0.9) : undefined;
}

/** Whether `next` goes on with the paragraph of `line`, both of a file wrapped to `width`. */
function runsOn(line: string, next: string, width: number): boolean {
  if (startsLower(next)) return true;
  if (indentOf(next) > indentOf(line)) return false;
  const length = line.trimEnd().length;
  if (isOpen(line) && length >= NEARLY_FULL * width) return true;
  const [firstWord = ''] = next.trim().split(/\s/, 1);
  return length + 1 + firstWord.length > width;
}

const spaced = (text: string): string => text.replace(/\s+/g, ' ').trim();

/** Two lines as one; a word that is broken at a hyphen is not spaced apart. */
const joined = (text: string, next: string): string =>
  /\p{L}-$/u.test(text) ? text + next : `${text} ${next}`;

/** The paragraphs of a file in order, runs of white space as one space each; '' stands for a blank line. */
export async function* readParagraphs(path: string): AsyncGenerator<string> {
  let width: Wrapping;
  let detected = false;
  let paragraph = '';
  let last = '';
  for await (const lines of readLines(path)) {
    if (!detected) width = detectWrapping(lines);
    detected = true;
    for (const line of lines) {
      const text = spaced(line);
      if (paragraph !== '' && text !== '' && width !== undefined && runsOn(last, line, width)) {
        paragraph = joined(paragraph, text);
      } else {
        if (paragraph !== '') yield paragraph;
        if (text === '') yield '';
        paragraph = text;
      }
      last = line;
    }
  }
  if (paragraph !== '') yield paragraph;
}
