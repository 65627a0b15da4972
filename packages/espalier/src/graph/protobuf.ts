// A protobuf writer of the four wire forms that ONNX uses. The message is a list of parts, joined once at the end:
// weights of hundreds of megabytes are copied only there.
// https://protobuf.dev/programming-guides/encoding/

const utf8 = new TextEncoder();

export interface ProtobufWriter {
  /** A varint field; negative numbers are written as 64-bit two's complement. */
  integer(field: number, value: number | bigint): void;
  float(field: number, value: number): void;
  /** The bytes are read at `finish`. */
  bytes(field: number, value: Uint8Array): void;
  string(field: number, value: string): void;
  message(field: number, write: (writer: ProtobufWriter) => void): void;
  /** The message written so far. */
  finish(): Uint8Array;
}

const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

const tag = (field: number, wireType: number): number[] => varint(field * 8 + wireType);

function varint(value: number | bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return [...bytes, Number(rest)];
}

export function protobufWriter(): ProtobufWriter {
  const parts: Uint8Array[] = [];
  let length = 0;

  function append(part: Uint8Array): void {
    parts.push(part);
    length += part.length;
  }

  const writer: ProtobufWriter = {
    integer(field, value) {
      append(Uint8Array.from([...tag(field, VARINT), ...varint(value)]));
    },
    float(field, value) {
      const bytes = new DataView(new ArrayBuffer(4));
      bytes.setFloat32(0, value, true);
      append(Uint8Array.from(tag(field, FIXED32)));
      append(new Uint8Array(bytes.buffer));
    },
    bytes(field, value) {
      append(Uint8Array.from([...tag(field, LENGTH_DELIMITED), ...varint(value.length)]));
      append(value);
    },
    string(field, value) {
      writer.bytes(field, utf8.encode(value));
    },
    message(field, write) {
      // The length comes before the content and is known after it.
      const place = parts.push(new Uint8Array()) - 1;
      const start = length;
      write(writer);
      const header = Uint8Array.from([...tag(field, LENGTH_DELIMITED), ...varint(length - start)]);
      parts[place] = header;
      length += header.length;
    },
    finish() {
      const message = new Uint8Array(length);
      let offset = 0;
      for (const part of parts) {
        message.set(part, offset);
        offset += part.length;
      }
      return message;
    },
  };
  return writer;
}
