// SQuAD 1.1 (Rajpurkar et al., 2016) from files: the official JSON, or the Hub's fields as JSON lines or Parquet.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { z } from 'zod';
import { FormatError } from '../../errors.js';
import { ioError } from '../../io/io-error.js';
import { parseJson } from '../../io/json.js';
import type { RawExample, Task, TaskData } from '../example.js';
import { decodeUtf8, readTable } from '../files.js';
import { folderOf, locate } from '../split-files.js';
import type { Question } from './question.js';

export const squadTask = {
  name: 'squad',
  kind: 'span',
  labels: [],
  metrics: ['f1', 'exactMatch'],
} as const satisfies Task;

/** Names of the two files, the official one first. */
const TRAIN = ['train-v1.1', 'train', 'train-v1.1-subset'];
const DEV = ['dev-v1.1', 'dev', 'validation', 'dev-v1.1-subset'];
const EXTENSIONS = ['json', 'jsonl', 'parquet'];

const start = z.int().nonnegative();
const officialSchema = z.looseObject({
  data: z.array(
    z.looseObject({
      paragraphs: z.array(
        z.looseObject({
          context: z.string(),
          qas: z.array(
            z.looseObject({
              id: z.string(),
              question: z.string(),
              answers: z.array(z.looseObject({ text: z.string(), answer_start: start })),
            }),
          ),
        }),
      ),
    }),
  ),
});

/** One row of the Hub's data set; Parquet's integers may be bigints. */
const hubSchema = z.object({
  id: z.string(),
  question: z.string(),
  context: z.string(),
  answers: z
    .looseObject({ text: z.array(z.string()), answer_start: z.array(z.coerce.number().pipe(start)) })
    .refine(({ text, answer_start }) => text.length === answer_start.length, {
      error: 'expected as many answer_start as text',
    }),
});

interface QuestionFile {
  readonly path: string;
  readonly sha256: string;
  readonly questions: readonly Question[];
}

function check<T>(path: string, schema: z.ZodType<T>, value: unknown, at: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { path: keys, message } = result.error.issues[0]!;
  const place = [at, keys.map(String).join('.')].filter((part) => part !== '').join(', ');
  throw new FormatError(path, `${place || 'the whole file'}: ${message}; expected the layout of SQuAD 1.1`);
}

async function readOfficial(path: string): Promise<QuestionFile> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw ioError(cause, 'reading', path);
  });
  const { data } = check(path, officialSchema, parseJson(decodeUtf8(path, bytes), path, 'file'), '');
  const questions = data.flatMap(({ paragraphs }) =>
    paragraphs.flatMap(({ context, qas }) =>
      qas.map(({ id, question, answers }) => ({
        ...{ id, text: question, context },
        answers: answers.map(({ text, answer_start }) => ({ text, start: answer_start })),
      })),
    ),
  );
  return { path, sha256: createHash('sha256').update(bytes).digest('hex'), questions };
}

const COLUMNS = ['id', 'question', 'context', 'answers'] as const;

async function readHub(path: string): Promise<QuestionFile> {
  const { rows, sha256 } = await readTable(path, COLUMNS);
  const questions = rows.map(({ at, cells }): Question => {
    const fields = Object.fromEntries(COLUMNS.map((column, index) => [column, cells[index]]));
    const { id, question, context, answers } = check(path, hubSchema, fields, at);
    const given = answers.text.map((text, index) => ({ text, start: answers.answer_start[index]! }));
    return { id, text: question, context, answers: given };
  });
  return { path, sha256, questions };
}

async function readSplit(paths: readonly string[]): Promise<QuestionFile[]> {
  const files: QuestionFile[] = [];
  for (const path of paths) files.push(await (extname(path) === '.json' ? readOfficial : readHub)(path));
  const seen = new Set<string>();
  for (const { path, questions } of files) {
    for (const { id, answers } of questions) {
      if (seen.has(id))
        throw new FormatError(path, `question ${id}: expected an id of its own, found it twice`);
      seen.add(id);
      if (answers.length > 0) continue;
      throw new FormatError(
        path,
        `question ${id}: expected at least one answer, found none; questions without one (SQuAD 2.0) are not supported`,
      );
    }
  }
  if (seen.size > 0) return files;
  throw new FormatError(paths.join(', '), 'expected at least one question, found none');
}

const examplesOf = (files: readonly QuestionFile[]): RawExample[] =>
  files.flatMap(({ questions }) =>
    questions.map((question) => ({ text: question.text, pair: question.context, label: 0, question })),
  );

/** Train and dev questions in `dir`, or in its folder "squad". Throws as `loadTaskData` does. */
export async function loadSquad(dir: string): Promise<TaskData> {
  const { name: task } = squadTask;
  const named = (stems: readonly string[]) => ({ task, stems, extensions: EXTENSIONS });
  const home = await folderOf([dir, join(dir, task)], named(TRAIN));
  const train = await readSplit(await locate(home, named(TRAIN)));
  const dev = await readSplit(await locate(home, named(DEV)));
  return {
    task: squadTask,
    train: examplesOf(train),
    dev: examplesOf(dev),
    files: [...train, ...dev].map(({ path, sha256, questions }) => ({
      path,
      sha256,
      rows: questions.length,
    })),
  };
}
