// Counter-based random numbers: Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror and Shaw, "Parallel random
// numbers: as easy as 1, 2, 3", SC 2011). The n-th block is a pure function of a 64-bit key and n, and the key
// is a hash of the seed and the names of a stream, so every consumer has numbers of its own: nothing that one
// draws shifts what another one sees, and a resumed run draws what the unbroken one would have drawn.

/** A stream of random numbers. Two streams of the same seed and names give the same numbers. */
export interface Random {
  /** Uniform over 0 .. 2^32 - 1. */
  uint32(): number;
  /** Uniform over [0, 1), 53 bits. */
  uniform(): number;
  /** Uniform over 0 .. n - 1, without bias; n is an integer of 1 .. 2^32. */
  integer(n: number): number;
  /** Standard normal (Box-Muller). */
  normal(): number;
  /** Permutes `array` in place (Fisher-Yates), all permutations equally likely, and returns it. */
  shuffle<T>(array: T[]): T[];
}

const twoTo32 = 2 ** 32;
const rotations = [13, 15, 26, 6, 17, 29, 16, 24] as const;

/** The 64-bit block `(c0, c1)` under the key `(k0, k1)`, all unsigned 32-bit words, into `out[0..1]`. */
export function threefry2x32(k0: number, k1: number, c0: number, c1: number, out: Uint32Array): void {
  const keys = [k0, k1, k0 ^ k1 ^ 0x1bd11bda] as const;
  let x0 = (c0 + k0) | 0;
  let x1 = (c1 + k1) | 0;
  for (let round = 0; round < 20; round++) {
    const rotation = rotations[round & 7]!;
    x0 = (x0 + x1) | 0;
    x1 = ((x1 << rotation) | (x1 >>> (32 - rotation))) ^ x0;
    if ((round & 3) === 3) {
      const injection = (round >> 2) + 1;
      x0 = (x0 + keys[injection % 3]!) | 0;
      x1 = (x1 + keys[(injection + 1) % 3]! + injection) | 0;
    }
  }
  out[0] = x0;
  out[1] = x1;
}

/** A key from any text, two UTF-16 units a block. */
function keyOf(text: string): Uint32Array {
  const key = new Uint32Array(2);
  for (let i = 0; i < text.length; i += 2) {
    const second = i + 1 < text.length ? text.charCodeAt(i + 1) : 0;
    threefry2x32(key[0]!, key[1]!, text.charCodeAt(i), second, key);
  }
  return key;
}

/**
 * The stream named `stream` of the generator seeded with `seed`: `random(7, 'batches', epoch)`.
 * Names may be any strings and finite numbers; ('a', 'b') and ('ab') are different streams, as are 1 and '1'.
 */
export function random(seed: number, ...stream: readonly (number | string)[]): Random {
  const [k0, k1] = keyOf(JSON.stringify([seed, ...stream]));
  const block = new Uint32Array(2);
  let drawn = 0;

  const uint32 = (): number => {
    const word = drawn % 2;
    const counter = (drawn - word) / 2;
    if (word === 0) threefry2x32(k0!, k1!, counter >>> 0, Math.floor(counter / twoTo32), block);
    drawn += 1;
    return block[word]!;
  };

  const uniform = (): number => ((uint32() >>> 5) * 2 ** 26 + (uint32() >>> 6)) / 2 ** 53;

  const integer = (n: number): number => {
    if (!Number.isInteger(n) || n < 1 || n > twoTo32) {
      throw new RangeError(`random: integer(n) needs an integer of 1 .. 2^32, found ${n}`);
    }
    const limit = twoTo32 - (twoTo32 % n);
    let word = uint32();
    while (word >= limit) word = uint32();
    return word % n;
  };

  const normal = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());

  const shuffle = <T>(array: T[]): T[] => {
    for (let i = array.length - 1; i > 0; i--) {
      const j = integer(i + 1);
      const kept = array[i]!;
      array[i] = array[j]!;
      array[j] = kept;
    }
    return array;
  };

  return { uint32, uniform, integer, normal, shuffle };
}
