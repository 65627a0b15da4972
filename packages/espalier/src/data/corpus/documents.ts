// Text files as documents, each a list of sentences, one at a time.
import { readLines } from './lines.js';
import { readParagraphs } from './paragraphs.js';
import { splitSentences } from './sentences.js';

/** What a document is: a whole file, lines between blank lines (the usual layout for BERT), or a line. */
export type DocumentUnit = 'file' | 'blank-line' | 'line';

export interface DocumentOptions {
  /** Default `file`. */
  readonly documents?: DocumentUnit;
}

async function* linesAsDocuments(path: string): AsyncGenerator<string[]> {
  for await (const lines of readLines(path)) yield* lines.map(splitSentences);
}

async function* documentsOf(path: string, unit: 'file' | 'blank-line'): AsyncGenerator<string[]> {
  let document: string[] = [];
  for await (const paragraph of readParagraphs(path)) {
    if (paragraph !== '') {
      for (const sentence of splitSentences(paragraph)) document.push(sentence);
    } else if (unit === 'blank-line') {
      yield document;
      document = [];
    }
  }
  yield document;
}

/**
 * The documents of `files` in order, those without text left out. Throws EspalierError when a file cannot be read,
 * FormatError where it is no UTF-8.
 */
export async function* readDocuments(
  files: readonly string[],
  { documents = 'file' }: DocumentOptions = {},
): AsyncGenerator<string[]> {
  for (const file of files) {
    const found = documents === 'line' ? linesAsDocuments(file) : documentsOf(file, documents);
    for await (const document of found) if (document.length > 0) yield document;
  }
}
