// The checksum against what RFC 3720 gives, and against its definition by bits.
import { expect, test } from 'vitest';
import { crc32c } from '../../src/format/crc32c.js';
import { uniform } from './weights.js';

test('the checksum is that of RFC 3720, of all lengths', () => {
  expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
  expect(crc32c(new Uint8Array(0))).toBe(0);
  // By bits, as defined.
  const next = uniform(3);
  const bytes = Uint8Array.from({ length: 61 }, () => Math.floor(256 * next()));
  for (let length = 0; length <= bytes.length; length++) {
    let crc = 0xffffffff;
    for (const byte of bytes.subarray(0, length)) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    }
    expect(crc32c(bytes.subarray(0, length))).toBe(~crc >>> 0);
  }
});
