// Lines of a text file, read piece by piece: UTF-8 with or without a byte order mark; LF, CRLF and CR end a line.
import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { FormatError } from '../../errors.js';
import { ioError } from '../../io/io-error.js';

/** Bytes of one read; the lines that end in it are handed over together. */
const CHUNK = 1 << 20;

const NEWLINE = 0x0a;

/** The lines of `bytes`, which begin at line `first` of the file and lack the last line feed. */
function decodeLines(path: string, bytes: Buffer, first: number): string[] {
  if (isUtf8(bytes)) {
    const text = new TextDecoder().decode(bytes);
    return (text.endsWith('\r') ? text.slice(0, -1) : text).split(/\r\n|\n|\r/);
  }
  let line = first;
  for (let start = 0, end = 0; end !== -1; start = end + 1, line++) {
    end = bytes.indexOf(NEWLINE, start);
    if (!isUtf8(bytes.subarray(start, end === -1 ? bytes.length : end))) break;
  }
  throw new FormatError(path, `line ${line}: expected UTF-8, found another byte; convert the file`);
}

/**
 * The lines of a file, about a megabyte at a time. Throws EspalierError when it cannot be read, FormatError naming
 * the line where it is no UTF-8.
 */
export async function* readLines(path: string): AsyncGenerator<string[]> {
  let rest: Buffer[] = []; // bytes since the last line end
  let line = 1;
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: CHUNK }) as AsyncIterable<Buffer>) {
      const end = chunk.lastIndexOf(NEWLINE);
      if (end === -1) {
        rest.push(chunk);
        continue;
      }
      const lines = decodeLines(path, Buffer.concat([...rest, chunk.subarray(0, end)]), line);
      rest = [chunk.subarray(end + 1)];
      line += lines.length;
      yield lines;
    }
  } catch (cause) {
    throw ioError(cause, 'reading', path);
  }
  yield decodeLines(path, Buffer.concat(rest), line);
}
