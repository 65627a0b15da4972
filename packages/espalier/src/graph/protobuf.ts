// A protobuf writer of the four wire forms that ONNX uses.
// https://protobuf.dev/programming-guides/encoding/

const utf8 = new TextEncoder();

export interface ProtobufWriter {
  /** A varint field; negative numbers are written as 64-bit two's complement. */
  integer(field: number, value: number | bigint): void;
  float(field: number, value: number): void;
  bytes(field: number, value: Uint8Array): void;
  string(field: number, value: string): void;
  message(field: number, write: (writer: ProtobufWriter) => void): void;
  /** The message written so far. */
  finish(): Uint8Array;
}

export function protobufWriter(): ProtobufWriter {
  let buffer = new Uint8Array(256);
  let length = 0;

  function reserve(count: number): void {
    if (length + count <= buffer.length) return;
    const grown = new Uint8Array(Math.max(buffer.length * 2, length + count));
    grown.set(buffer.subarray(0, length));
    buffer = grown;
  }

  function varint(value: number | bigint): void {
    reserve(10);
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest > 127n) {
      buffer[length++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    buffer[length++] = Number(rest);
  }

  const tag = (field: number, wireType: number): void => varint(field * 8 + wireType);

  const writer: ProtobufWriter = {
    integer(field, value) {
      tag(field, 0);
      varint(value);
    },
    float(field, value) {
      tag(field, 5);
      reserve(4);
      new DataView(buffer.buffer).setFloat32(length, value, true);
      length += 4;
    },
    bytes(field, value) {
      tag(field, 2);
      varint(value.length);
      reserve(value.length);
      buffer.set(value, length);
      length += value.length;
    },
    string(field, value) {
      writer.bytes(field, utf8.encode(value));
    },
    message(field, write) {
      const inner = protobufWriter();
      write(inner);
      writer.bytes(field, inner.finish());
    },
    finish: () => buffer.subarray(0, length),
  };
  return writer;
}
