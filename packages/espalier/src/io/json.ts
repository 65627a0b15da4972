// JSON (RFC 8259) from files that are not trusted: invalid UTF-8 and repeated keys are errors, not the last value
// wins. Objects come from JSON.parse, where a key "__proto__" is an ordinary own property.
import { readFile } from 'node:fs/promises';
import { FormatError } from '../errors.js';
import { ioError } from './io-error.js';

/** Text of UTF-8 bytes. Throws FormatError naming `path` when they are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array, path: string, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new FormatError(path, `${what}: expected UTF-8, found other bytes`, { cause });
  }
}

/** The index after the closing quote of the string that opens at `start` in valid JSON. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text.charCodeAt(at) !== 0x22 /* " */) at += text.charCodeAt(at) === 0x5c /* \ */ ? 2 : 1;
  return at + 1;
}

/** The first key that occurs twice in one object of valid JSON, if any. */
function repeatedKey(text: string): string | undefined {
  const open: Set<string>[] = []; // keys of the objects around `at`; an array counts as an object without keys
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '{' || char === '[') open.push(new Set());
    else if (char === '}' || char === ']') open.pop();
    else if (char === '"') {
      const end = endOfString(text, at);
      let next = end;
      while (' \t\r\n'.includes(text.charAt(next)) && next < text.length) next++;
      if (text[next] === ':') {
        const key = JSON.parse(text.slice(at, end)) as string;
        const keys = open.at(-1);
        if (keys?.has(key)) return key;
        keys?.add(key);
      }
      at = end - 1;
    }
  }
  return undefined;
}

/** The value of a JSON text. Throws FormatError naming `path` for invalid JSON and for a repeated key. */
export function parseJson(text: string, path: string, what: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text) as unknown;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.slice(0, 120) : '';
    throw new FormatError(path, `${what}: expected JSON (${reason})`, { cause });
  }
  const repeated = repeatedKey(text);
  if (repeated !== undefined) {
    throw new FormatError(
      path,
      `${what}: expected each key once, found ${JSON.stringify(repeated.slice(0, 80))} twice`,
    );
  }
  return value;
}

/** The value of a JSON file. Throws FormatError as `parseJson`, EspalierError when it cannot be read. */
export async function readJson(path: string): Promise<unknown> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw ioError(cause, 'reading', path);
  });
  return parseJson(decodeUtf8(bytes, path, 'file'), path, 'file');
}
