// Vocabulary pruning as a job does it: between reading a task and training on it. The pieces of train and dev stay, the
// text is tokenised again by what is left, and every piece of it must be the one it was.
import type { Example, TaskData } from '../data/example.js';
import { loadTokenizer } from '../data/tokenizer.js';
import { readDefinition } from '../data/tokenizer-definition.js';
import { EspalierError } from '../errors.js';
import { familyOf } from '../models/families.js';
import { type KeptPieces, keptPieces } from '../models/kept-pieces.js';
import type { Model } from '../models/model.js';
import { cutVocabulary } from '../models/vocabulary.js';
import type { RunControl } from '../recipe/run.js';
import type { VocabularyReport } from '../report/report.js';
import type { LoadedRun } from './task-run.js';

/** What was cut, for further models of the same vocabulary, and for the report. */
export interface VocabularyCut {
  readonly kept: KeptPieces;
  readonly report: VocabularyReport;
}

/**
 * The run over the pieces that its train and dev text uses, of any length. `again` tokenises the same data for another
 * model. Throws EspalierError where a text of the run would become other pieces.
 */
export function cutRun(
  loaded: LoadedRun,
  { train, dev }: Pick<TaskData, 'train' | 'dev'>,
  again: (model: Model) => LoadedRun,
  control: RunControl,
): LoadedRun {
  const { model } = loaded;
  const tokenizer = loadTokenizer(model.tokenizerFiles, model.source);
  const used = new Set<number>();
  const splits = ['train', 'held', 'dev'] as const;
  for (const split of splits) for (const { ids } of loaded[split]) for (const id of ids) used.add(id);
  for (const { text, pair } of [...train, ...dev])
    for (const part of [text, pair ?? '']) for (const id of tokenizer.encodeToIds(part)) used.add(id);

  const { definition } = readDefinition(model.tokenizerFiles, model.source);
  const kept = keptPieces(definition, used, model.source);
  const after = again(cutVocabulary(model, kept));
  for (const split of splits) checkPieces(split, loaded[split], after[split], kept);
  const report: VocabularyReport = {
    pieces: { before: model.config.vocab_size, after: kept.ids.length },
    bytes: { before: tableBytes(model), after: tableBytes(after.model) },
    devTokens: after.dev.reduce((sum, { ids }) => sum + ids.length, 0),
    unchanged: 1, // or it would have been refused
  };
  const { before, after: left } = report.pieces;
  control.onEvent({
    type: 'note',
    message: `vocabulary: ${left} of ${before} pieces stay; every text of train and dev is read as before`,
  });
  return { ...after, vocabulary: { kept, report } };
}

/** Another model of the vocabulary that was cut, cut alike; one that is of another size is left to be refused. */
export const cutAlike = (model: Model, cut: VocabularyCut | undefined): Model =>
  cut && model.config.vocab_size === cut.report.pieces.before ? cutVocabulary(model, cut.kept) : model;

function checkPieces(
  split: string,
  before: readonly Example[],
  after: readonly Example[],
  { ids: kept }: KeptPieces,
): void {
  for (const [row, { ids }] of after.entries()) {
    const expected = before[row]!.ids;
    if (ids.length === expected.length && ids.every((id, i) => kept[id] === expected[i])) continue;
    throw new EspalierError(
      `vocabulary: example ${row + 1} of ${split} would be read as other pieces without those that no text uses; ` +
        'leave the vocabulary of this model whole',
    );
  }
}

/** Bytes of the word embeddings in float32. */
const tableBytes = ({ config, tensors }: Model): number =>
  tensors.get(familyOf(config).words.decoder)!.data.byteLength;
