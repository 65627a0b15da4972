// A tokenised corpus as a safetensors file, with a checksum of its arrays.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { FormatError } from '../../errors.js';
import { readSafetensors, type Safetensors, writeSafetensors } from '../../tensor/safetensors.js';
import type { HostTensor } from '../../tensor/tensor.js';
import type { Corpus } from './corpus.js';

const id = z.int().nonnegative();
const headSchema = z.strictObject({
  vocabSize: z.int().positive(),
  padId: id,
  clsId: id,
  sepId: id,
  maskId: id,
  specials: z.array(id),
  /** SHA-256 over `ids`, `continues`, `sentences` and `documents`. */
  sha256: z.string(),
});

type Arrays = Pick<Corpus, 'ids' | 'continues' | 'sentences' | 'documents'>;

function checksum({ ids, continues, sentences, documents }: Arrays): string {
  const hash = createHash('sha256');
  for (const { buffer, byteOffset, byteLength } of [ids, continues, sentences, documents]) {
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest('hex');
}

const int32 = (data: Int32Array): HostTensor => ({ dtype: 'I32', shape: [data.length], data });

/** Writes a corpus, whole or not at all. Throws EspalierError naming `path`. */
export async function saveCorpus(path: string, corpus: Corpus): Promise<void> {
  const { vocabSize, padId, clsId, sepId, maskId } = corpus;
  const specials = [...corpus.specials].sort((a, b) => a - b);
  const head = { vocabSize, padId, clsId, sepId, maskId, specials, sha256: checksum(corpus) };
  const tensors = new Map<string, HostTensor>([
    ['ids', int32(corpus.ids)],
    ['continues', { dtype: 'U8', shape: [corpus.continues.length], data: corpus.continues }],
    ['sentences', int32(corpus.sentences)],
    ['documents', int32(corpus.documents)],
  ]);
  await writeSafetensors(path, tensors, { corpus: JSON.stringify(head) });
}

function parseHead(path: string, { corpus }: Safetensors['metadata']): z.infer<typeof headSchema> {
  try {
    return headSchema.parse(JSON.parse(corpus ?? ''));
  } catch (cause) {
    throw new FormatError(path, 'expected metadata "corpus", found none that is valid', { cause });
  }
}

/** Reads what `saveCorpus` wrote. Throws FormatError where the file is broken, EspalierError where it is unreadable. */
export async function loadCorpus(path: string): Promise<Corpus> {
  const { metadata, tensors } = await readSafetensors(path);
  const { sha256, specials, ...head } = parseHead(path, metadata);
  const integers = (name: string): Int32Array => {
    const data = tensors.get(name)?.data;
    if (data instanceof Int32Array) return data;
    throw new FormatError(path, `expected a tensor "${name}" of 32-bit integers, found none`);
  };
  const continues = tensors.get('continues')?.data;
  if (!(continues instanceof Uint8Array)) {
    throw new FormatError(path, 'expected a tensor "continues" of bytes, found none');
  }
  const arrays = {
    ids: integers('ids'),
    continues,
    sentences: integers('sentences'),
    documents: integers('documents'),
  };
  if (checksum(arrays) !== sha256) {
    throw new FormatError(path, 'the checksum does not match: the file is damaged; delete it');
  }
  return { ...arrays, ...head, specials: new Set(specials) };
}
