// Small files of SentencePiece, as its protobuf has them.
import { protobufWriter } from '../../src/graph/protobuf.js';

/** Text, score, type: 1 normal, 2 unknown, 3 control, 4 defined by the user. */
export type TinyPiece = readonly [text: string, score: number, type?: number];

const LETTERS: readonly TinyPiece[] = [
  ['▁', -3],
  ['▁a', -1],
  ['b', -2],
  ['▁ab', -1],
  ['▁b', -1],
];

const SPECIALS: readonly TinyPiece[] = [
  ['<unk>', 0, 2],
  ['<pad>', 0, 3],
  ['<sep>', 0, 3],
  ['<cls>', 0, 3],
  ['<mask>', 0, 3],
  ['<eop>', 0, 4],
];

/** A spiece.model of XLNet's special tokens, then `pieces`; `drop` leaves one out. */
export function tinySentencePiece({
  pieces = LETTERS,
  kind = 1,
  drop,
}: { pieces?: readonly TinyPiece[]; kind?: number; drop?: string } = {}): Uint8Array {
  const writer = protobufWriter();
  for (const [text, score, type = 1] of [...SPECIALS, ...pieces].filter(([name]) => name !== drop)) {
    writer.message(1, (piece) => {
      piece.string(1, text);
      piece.float(2, score);
      if (type !== 1) piece.integer(3, type);
    });
  }
  writer.message(2, (trainer) => trainer.integer(3, kind));
  writer.message(3, (normaliser) => normaliser.string(1, 'identity'));
  return writer.finish();
}
