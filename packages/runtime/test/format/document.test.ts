// The examples of docs/format.md are what the writer writes and the reader reads.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { byteSink } from '../../src/format/bytes.js';
import { denseOf, openPack, toSparseInt8, writePack } from '../../src/format/index.js';
import { writeStream } from '../../src/format/stream.js';

const text = readFileSync(new URL('../../../../docs/format.md', import.meta.url), 'utf8');
const examples = Array.from(text.matchAll(/```\n([0-9a-f \n]+)```/g), ([, hex]) =>
  Uint8Array.from(hex!.trim().split(/\s+/), (byte) => parseInt(byte, 16)),
);

test('the stream', () => {
  const sink = byteSink();
  writeStream(
    sink,
    Uint8Array.from({ length: 64 }, (_, i) => (i % 7 === 0 ? 2 : i % 7 === 3 ? 1 : 0)),
  );
  expect(sink.bytes()).toEqual(examples[0]);
});

test('the file', () => {
  const values = Float32Array.of(0, 127, 0, -254, 0, 0, 0, 0);
  const tensors = new Map([['w', toSparseInt8([2, 4], values)]]);
  expect(writePack({ config: {}, tensors, files: new Map() }).bytes).toEqual(examples[1]);
  expect([...denseOf(openPack(examples[1]!).tensor('w'))]).toEqual([0, 130, 0, -253.5, 0, 0, 0, 0]);
});
