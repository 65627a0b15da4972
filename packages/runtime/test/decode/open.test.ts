// A file whole and in chunks of any size is the same encoder; one that ends early or late is none.
import { describe, expect, it } from 'vitest';
import { openEncoder } from '../../src/decode/open.js';
import { sectionsOf, streamSections } from '../../src/decode/read-sections.js';
import type { Encoder } from '../../src/encoder/index.js';
import { PackError } from '../../src/format/index.js';
import type { Level } from '../../src/kernels/kernel.js';
import { encoderConfig } from '../../src/load/config.js';
import { weightsOf } from '../../src/load/weights.js';
import { tinyModelPack } from '../support/packed-model.js';

const bytes = tinyModelPack();
const largest = { rows: 1, length: 16 };
const batch = [{ ids: Int32Array.of(2, 5, 6, 7, 8, 9, 3) }];

async function* chunksOf(of: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < of.length; at += size) yield await Promise.resolve(of.subarray(at, at + size));
}

async function openWhole(levels?: readonly Level[]): Promise<Encoder> {
  const { header, sections } = sectionsOf(bytes);
  const options = { largest, ...(levels && { levels }) };
  const opening = openEncoder(weightsOf(header, encoderConfig(header), 'auto'), options);
  for (const part of sections) if (part.of === 'tensor') await opening.take(part.section, part.bytes);
  return opening.finish();
}

async function openStreamed(chunks: AsyncIterable<Uint8Array>): Promise<Encoder> {
  const { header, sections } = await streamSections(chunks);
  const opening = openEncoder(weightsOf(header, encoderConfig(header), 'auto'), { largest });
  for await (const part of sections) if (part.of === 'tensor') await opening.take(part.section, part.bytes);
  return opening.finish();
}

const codeOf = async (chunks: AsyncIterable<Uint8Array>): Promise<string> => {
  const error: unknown = await openStreamed(chunks).catch((thrown: unknown) => thrown);
  if (error instanceof PackError) return error.code;
  throw new Error('expected a PackError', { cause: error });
};

describe('a stream', () => {
  it.each([1, 7, 100, 1000, 1 << 20])('in chunks of %d is the file', async (size) => {
    const expected = (await openWhole()).classify(batch);
    expect((await openStreamed(chunksOf(bytes, size))).classify(batch)).toEqual(expected);
  });

  it('that ends early is refused, wherever it does', async () => {
    for (let length = 0; length < bytes.length; length += 37)
      expect(await codeOf(chunksOf(bytes.subarray(0, length), 64))).toBe('truncated');
  });

  it('that goes on is refused', async () => {
    expect(await codeOf(chunksOf(Uint8Array.of(...bytes, 0), 64))).toBe('truncated');
  });

  it('with a wrong byte in a section is refused', async () => {
    const damaged = bytes.slice();
    damaged[sectionsOf(bytes).header.tensors.values().next().value!.offset]! ^= 1;
    expect(await codeOf(chunksOf(damaged, 1000))).toBe('checksum');
  });
});

describe('an opening', () => {
  it('without WebAssembly is the same encoder, but for rounding', async () => {
    const [plain, best] = await Promise.all([openWhole(['scalar']), openWhole()]);
    const [found, expected] = [plain.classify(batch)[0]!, best.classify(batch)[0]!];
    found.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 3);
    });
  });

  it('that lacks a section says which', async () => {
    const { header, sections } = sectionsOf(bytes);
    const opening = openEncoder(weightsOf(header, encoderConfig(header), 'auto'), { largest });
    const missing = 'bert.encoder.layer.0.output.dense.weight';
    for (const part of sections)
      if (part.of === 'tensor' && part.section.name !== missing) await opening.take(part.section, part.bytes);
    await expect(opening.finish()).rejects.toThrow(`expected a tensor ${missing}, found none`);
  });
});
