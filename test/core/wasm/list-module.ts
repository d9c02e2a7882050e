import {WASM} from '../../../src/core/wasm/opcodes.ts';

const CODE_SECTION = 10;
const TYPES: Readonly<Record<number, string>> = {[0x7f]: 'i32', [0x7e]: 'i64', [0x7b]: 'v128'};
const NAMES = new Map(Object.entries(WASM).map(([name, code]) => [code as number, name.replace('_', '.')]));

class Reader {
  at = 0;
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  byte(): number {
    return this.bytes[this.at++]!;
  }

  take(length: number): Uint8Array {
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  leb(isSigned: boolean): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return isSigned ? BigInt.asIntN(Number(shift) + 7, value) : value;
    }
  }

  unsigned(): number {
    return Number(this.leb(false));
  }
}

/** The functions of a module as text, one instruction per line; knows what our own modules contain. */
export function listModule(module: Uint8Array): string {
  const reader = new Reader(module);
  reader.take(8);
  while (reader.at < module.length) {
    const section = reader.byte();
    const end = reader.unsigned() + reader.at;
    if (section === CODE_SECTION) return listCode(reader);
    reader.at = end;
  }
  return '';
}

function listCode(reader: Reader): string {
  const lines: string[] = [];
  const count = reader.unsigned();
  for (let index = 0; index < count; index++) {
    lines.push(`function ${index}`);
    const end = reader.unsigned() + reader.at;
    for (let runs = reader.unsigned(); runs > 0; runs--) lines.push(`  ${reader.unsigned()} × ${TYPES[reader.byte()]}`);
    listBody(reader, end, lines);
  }
  return `${lines.join('\n')}\n`;
}

function listBody(reader: Reader, end: number, lines: string[]): void {
  let depth = 1;
  while (reader.at < end) {
    const prefix = reader.byte();
    const opcode = prefix < 0xfc ? prefix : (prefix << 12) | reader.unsigned();
    const name = NAMES.get(opcode);
    if (name === undefined) throw new Error(`no name for instruction ${opcode.toString(16)}`);
    if (opcode === WASM.end || opcode === WASM.else) depth -= 1;
    lines.push(`${'  '.repeat(depth)}${name}${immediates(reader, opcode, name)}`);
    if (opcode === WASM.else || opcode === WASM.block || opcode === WASM.loop || opcode === WASM.if) depth += 1;
  }
}

function immediates(reader: Reader, opcode: number, name: string): string {
  if (opcode === WASM.block || opcode === WASM.loop || opcode === WASM.if) {
    reader.byte();
    return '';
  }
  if (name.startsWith('local.') || name.startsWith('br') || opcode === WASM.call) return ` ${reader.unsigned()}`;
  if (opcode === WASM.i32_const || opcode === WASM.i64_const) return ` ${reader.leb(true)}`;
  if (opcode === WASM.v128_const) return ` ${Buffer.from(reader.take(16)).toString('hex')}`;
  if (/load|store/.test(name)) {
    reader.unsigned();
    const offset = ` offset ${reader.unsigned()}`;
    return name.endsWith('_lane') ? `${offset} lane ${reader.byte()}` : offset;
  }
  return name.endsWith('_lane') ? ` ${reader.byte()}` : '';
}
