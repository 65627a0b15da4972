// Questions about stories, in the JSON layout of SQuAD 1.1 (Rajpurkar et al., 2016): the answer is a span of the
// context, `answer_start` its offset in characters.
import { random, type Random } from '../../random.js';
import { pick } from './choose.js';
import type { Sizes } from './labelled.js';
import { type Beat, drawStory } from './story.js';

export interface GardenQuestion {
  readonly id: string;
  readonly question: string;
  readonly answers: readonly { readonly text: string; readonly answer_start: number }[];
}

export interface GardenQuestionFile {
  readonly version: string;
  readonly data: readonly {
    readonly title: string;
    readonly paragraphs: readonly { readonly context: string; readonly qas: readonly GardenQuestion[] }[];
  }[];
}

const PER_STORY = 4;

/** Up to `count` questions about one story; each sentence answers at most one. */
function questionsOn(beats: readonly Beat[], title: string, count: number, random: Random): GardenQuestion[] {
  const answerable = beats.map((_, index) => index).filter((index) => beats[index]!.asked.length > 0);
  const chosen = random.shuffle(answerable).slice(0, count);
  return chosen.map((index, number) => {
    const { text, asked } = beats[index]!;
    const { question, answer } = pick(random, asked);
    const before = beats.slice(0, index).reduce((length, beat) => length + beat.text.length + 1, 0);
    // At the start of a sentence the answer has a capital.
    const start = text.search(new RegExp(`\\b${answer}\\b`, 'i'));
    const span = { text: text.slice(start, start + answer.length), answer_start: before + start };
    return { id: `${title}-${number}`, question, answers: [span] };
  });
}

function drawFile(seed: number, part: 'train' | 'dev', size: number, seen: Set<string>): GardenQuestionFile {
  const stream = random(seed, 'garden', 'questions', part);
  const data: GardenQuestionFile['data'][number][] = [];
  for (let left = size; left > 0;) {
    const beats = drawStory(stream);
    const context = beats.map(({ text }) => text).join(' ');
    if (seen.has(context)) continue;
    seen.add(context);
    const title = `${part}-${data.length}`;
    const qas = questionsOn(beats, title, Math.min(PER_STORY, left), stream);
    data.push({ title, paragraphs: [{ context, qas }] });
    left -= qas.length;
  }
  return { version: '1.1', data };
}

/** `sizes.train` and `sizes.dev` questions, a few to a story; no story is in both. */
export function gardenQuestions(
  seed: number,
  sizes: Sizes,
): { train: GardenQuestionFile; dev: GardenQuestionFile } {
  const seen = new Set<string>();
  const dev = drawFile(seed, 'dev', sizes.dev, seen);
  return { dev, train: drawFile(seed, 'train', sizes.train, seen) };
}
