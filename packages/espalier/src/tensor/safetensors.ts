import { readFile, writeFile } from 'node:fs/promises';
import type { Dtype, HostTensor } from './tensor.js';
export async function readSafetensors(
  path: string,
): Promise<{ tensors: Map<string, HostTensor>; metadata: Record<string, string> }> {
  const b = await readFile(path);
  const n = Number(b.readBigUInt64LE(0));
  const h = JSON.parse(b.subarray(8, 8 + n).toString()) as Record<
    string,
    { dtype: Dtype; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = new Map<string, HostTensor>();
  for (const [k, v] of Object.entries(h)) {
    if (k === '__metadata__') continue;
    const [s, e] = v.data_offsets;
    const raw = new Uint8Array(b.subarray(8 + n + s, 8 + n + e));
    tensors.set(k, {
      dtype: v.dtype,
      shape: v.shape,
      data:
        v.dtype === 'F32'
          ? new Float32Array(raw.buffer)
          : v.dtype === 'I64'
            ? new BigInt64Array(raw.buffer)
            : v.dtype === 'I32'
              ? new Int32Array(raw.buffer)
              : raw,
    } as HostTensor);
  }
  return { tensors, metadata: {} };
}
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: Record<string, string>,
): Promise<void> {
  const h: Record<string, unknown> = { __metadata__: metadata };
  let o = 0;
  const parts: Uint8Array[] = [];
  for (const [k, t] of [...tensors].sort(([a], [b]) => (a < b ? -1 : 1))) {
    h[k] = { dtype: t.dtype, shape: t.shape, data_offsets: [o, o + t.data.byteLength] };
    o += t.data.byteLength;
    parts.push(new Uint8Array(t.data.buffer, t.data.byteOffset, t.data.byteLength));
  }
  let s = JSON.stringify(h);
  while (s.length % 8) s += ' ';
  const l = Buffer.alloc(8);
  l.writeBigUInt64LE(BigInt(s.length));
  await writeFile(path, Buffer.concat([l, Buffer.from(s), ...parts]));
}
