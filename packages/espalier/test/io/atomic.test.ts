// Atomic files and folders: what is there after success, and above all after failure.
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { EspalierError } from '../../src/errors.js';
import { writeDirectoryAtomic, writeFileAtomic } from '../../src/io/atomic.js';
import { ioError } from '../../src/io/io-error.js';
import { temporaryFolder } from '../support/temporary.js';

const at = temporaryFolder();

const systemError = (code: string): Error => Object.assign(new Error(code), { code, syscall: 'write' });
const read = (...parts: string[]): string => readFileSync(at(...parts), 'utf8');
const fresh = (name: string): string => {
  mkdirSync(at(name));
  return name;
};

describe('writeFileAtomic', () => {
  test('writes bytes, text and pieces, and leaves nothing else', async () => {
    const folder = fresh('files');
    await writeFileAtomic(at(folder, 'bytes'), Uint8Array.of(65, 66));
    await writeFileAtomic(at(folder, 'text'), 'é');
    await writeFileAtomic(at(folder, 'pieces'), async (write) => {
      await write(Uint8Array.of(65));
      await write(new Uint8Array(0));
      await write(Uint8Array.of(66));
    });
    expect([read(folder, 'bytes'), read(folder, 'text'), read(folder, 'pieces')]).toEqual(['AB', 'é', 'AB']);
    expect(readdirSync(at(folder)).sort()).toEqual(['bytes', 'pieces', 'text']);
  });

  test('a full disk in the middle leaves the old file alone and says so', async () => {
    const folder = fresh('full');
    writeFileSync(at(folder, 'model'), 'old');
    const failing = writeFileAtomic(at(folder, 'model'), async (write) => {
      await write(Uint8Array.of(1));
      throw systemError('ENOSPC');
    });
    await expect(failing).rejects.toThrow(`disk full while writing ${at(folder, 'model')}\n`);
    expect(read(folder, 'model')).toBe('old');
    expect(readdirSync(at(folder))).toEqual(['model']);
  });

  test('a folder that is missing, or in the way, is an EspalierError', async () => {
    await expect(writeFileAtomic(at('nowhere', 'x'), 'x')).rejects.toThrow('its folder does not exist');
    const folder = fresh('in-the-way');
    await expect(writeFileAtomic(at(folder), 'x')).rejects.toBeInstanceOf(EspalierError);
    expect(readdirSync(at()).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

describe('writeDirectoryAtomic', () => {
  test('creates a folder and the folders above it', async () => {
    await writeDirectoryAtomic(at('new', 'deep'), (temporary) => writeFileAtomic(`${temporary}/a`, 'one'));
    expect(read('new', 'deep', 'a')).toBe('one');
    expect(readdirSync(at('new'))).toEqual(['deep']);
  });

  test('replaces a folder, also through a link and with sub-folders', async () => {
    const folder = fresh('replaced');
    writeFileSync(at(folder, 'a'), 'old');
    symlinkSync(at(folder), at('link'));
    await writeDirectoryAtomic(at('link'), async (temporary) => {
      mkdirSync(`${temporary}/sub`);
      await writeFileAtomic(`${temporary}/sub/b`, 'two');
      await writeFileAtomic(`${temporary}/a`, 'one');
    });
    expect([read(folder, 'a'), read('link', 'sub', 'b')]).toEqual(['one', 'two']);
    expect(readdirSync(at()).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('does not destroy what it does not replace, unless that is disposable', async () => {
    const folder = fresh('mixed');
    writeFileSync(at(folder, 'notes.txt'), 'mine');
    const write = (disposable: string[]): Promise<void> =>
      writeDirectoryAtomic(at(folder), (temporary) => writeFileAtomic(`${temporary}/a`, 'one'), {
        disposable,
      });
    await expect(write([])).rejects.toThrow('it also holds "notes.txt", which would be lost');
    expect(readdirSync(at(folder))).toEqual(['notes.txt']);
    await write(['notes.txt']);
    expect(readdirSync(at(folder))).toEqual(['a']);
  });

  test('a failure leaves the old folder, or none', async () => {
    const folder = fresh('kept');
    writeFileSync(at(folder, 'a'), 'old');
    const fail = async (temporary: string): Promise<void> => {
      await writeFileAtomic(`${temporary}/a`, 'new');
      throw systemError('ENOSPC');
    };
    await expect(writeDirectoryAtomic(at(folder), fail)).rejects.toThrow(
      `disk full while writing ${at(folder)}`,
    );
    await expect(writeDirectoryAtomic(at('never'), fail)).rejects.toThrow('disk full');
    expect(read(folder, 'a')).toBe('old');
    expect(existsSync(at('never'))).toBe(false);
    expect(readdirSync(at()).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('a file in its place is refused', async () => {
    writeFileSync(at('file'), 'x');
    await expect(writeDirectoryAtomic(at('file'), () => Promise.resolve())).rejects.toThrow('found a file');
  });
});

describe('ioError', () => {
  test.each([
    ['ENOSPC', 'disk full while writing F'],
    ['EDQUOT', 'disk full while writing F'],
    ['EACCES', 'no permission to write F'],
    ['EROFS', 'the disk is read-only'],
    ['ENOENT', 'its folder does not exist'],
    ['EISDIR', 'expected a file, found a folder'],
    ['ENOTDIR', 'part of the path is a file'],
    ['EBUSY', 'mount point'],
    ['EIO', 'cannot write F: EIO'],
  ])('%s: %s', (code, message) => {
    const error = ioError(systemError(code), 'writing', 'F');
    expect(error).toBeInstanceOf(EspalierError);
    expect(error.message).toContain(message);
    expect(error.message.split('\n').length).toBeLessThanOrEqual(2);
  });
  test('reading what is not there', () => {
    expect(ioError(systemError('ENOENT'), 'reading', 'F').message).toBe('F does not exist');
  });
  test('other errors are bugs and pass through', () => {
    const bug = new TypeError('undefined is not a function');
    expect(ioError(bug, 'writing', 'F')).toBe(bug);
  });
});
