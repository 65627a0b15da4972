import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
export async function writeFileAtomic(path: string, data: string | Uint8Array): Promise<void> {
  await writeFile(`${path}.tmp`, data);
  await rename(`${path}.tmp`, path);
}
export async function writeDirectoryAtomic(
  dir: string,
  fill: (temporary: string) => Promise<void>,
): Promise<void> {
  const t = `${dir}.tmp`;
  await rm(t, { recursive: true, force: true });
  await mkdir(t, { recursive: true });
  await fill(t);
  await rm(dir, { recursive: true, force: true });
  await rename(t, dir);
}
