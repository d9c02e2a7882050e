// The short notation of scripts that Bitcoin Core's vectors use.
import {concatBytes, decodeHex} from '../../../../src/core/bytes/index.ts';
import {encodeNumber} from '../../../../src/core/consensus/script/numbers.ts';
import {OP} from '../../../../src/core/consensus/script/opcodes.ts';

const OPCODES = new Map<string, number>(Object.entries(OP).map(([name, value]) => [name.replace(/^OP_/, ''), value]));

/** The shortest push of bytes by their length; numbers have no opcodes of their own here. */
export function push(data: Uint8Array): Uint8Array {
  const {length} = data;
  if (length < OP.PUSHDATA1) return concatBytes(Uint8Array.of(length), data);
  if (length <= 0xff) return concatBytes(Uint8Array.of(OP.PUSHDATA1, length), data);
  return concatBytes(Uint8Array.of(OP.PUSHDATA2, length & 0xff, length >> 8), data);
}

/** Eight bytes of a number that doubles cannot hold. */
function longNumber(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value < 0n ? -value : value, true);
  if (value < 0n) bytes[7]! |= 0x80;
  return bytes;
}

function token(text: string): Uint8Array {
  if (/^-?\d+$/.test(text)) {
    const value = Number(text);
    if (value === 0) return Uint8Array.of(OP.OP_0);
    if (value === -1) return Uint8Array.of(OP['1NEGATE']);
    if (value >= 1 && value <= 16) return Uint8Array.of(OP.OP_1 + value - 1);
    return push(Number.isSafeInteger(value) ? encodeNumber(value) : longNumber(BigInt(text)));
  }
  if (text.startsWith('0x')) return decodeHex(text.slice(2));
  if (text.startsWith("'")) return push(new TextEncoder().encode(text.slice(1, -1)));
  const opcode = OPCODES.get(text.replace(/^OP_/, ''));
  if (opcode === undefined) throw new Error(`unknown opcode ${text}`);
  return Uint8Array.of(opcode);
}

/** A script from its short notation: numbers, 0x-bytes as they are, 'text' and names of opcodes, between spaces. */
export function script(text: string): Uint8Array {
  return concatBytes(
    ...text
      .split(/\s+/)
      .filter((word) => word !== '')
      .map(token),
  );
}
