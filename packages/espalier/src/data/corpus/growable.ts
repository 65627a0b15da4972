// Typed arrays that grow as they are filled: a corpus has too many tokens for arrays of JavaScript numbers.

export interface Growable<A> {
  readonly length: number;
  push(value: number): void;
  /** What was pushed, in an array of its own. */
  finish(): A;
}

type Integers = Int32Array | Uint8Array;

function growable<A extends Integers>(create: (length: number) => A): Growable<A> {
  let data = create(1024);
  let length = 0;
  return {
    get length() {
      return length;
    },
    push(value) {
      if (length === data.length) {
        const larger = create(2 * length);
        larger.set(data);
        data = larger;
      }
      data[length++] = value;
    },
    finish: () => {
      const exact = create(length);
      exact.set(data.subarray(0, length));
      return exact;
    },
  };
}

export const growableInt32 = (): Growable<Int32Array> => growable((length) => new Int32Array(length));
export const growableUint8 = (): Growable<Uint8Array> => growable((length) => new Uint8Array(length));
