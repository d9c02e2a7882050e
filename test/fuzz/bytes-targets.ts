import {deepEqual, equal, ok} from 'node:assert/strict';
import {
  BytesError,
  bigToCompact,
  compactToBig,
  decodeHex,
  encodeHex,
  encodeVarint,
  Reader,
  varintSize,
  Writer,
} from '../../src/core/bytes/index.ts';
import type {Random} from './random.ts';
import {accepted, type FuzzTarget, sameBytes} from './target.ts';

const READS: readonly ((reader: Reader, random: Random) => unknown)[] = [
  (reader) => reader.u8(),
  (reader) => reader.u16(),
  (reader) => reader.u32(),
  (reader) => reader.u64(),
  (reader) => reader.varint(),
  (reader, random) => reader.varintUpTo(random.edgeWord()),
  (reader, random) => reader.view(random.below(random.toss(4) ? 2 ** 32 : 40)),
  (reader, random) => reader.bytes(random.below(40)),
];

function readAnything(random: Random): void {
  const data = random.bytes(random.below(64));
  const reader = new Reader(data);
  for (let n = random.below(12); n >= 0; n--) {
    const before = reader.offset;
    const value = accepted(() => random.pick(READS)(reader, random));
    if (value === undefined) equal(reader.offset, before, 'a refused read moves nothing');
    ok(reader.offset >= before && reader.offset <= data.length, 'reading stays inside the data');
    equal(reader.remaining, data.length - reader.offset);
  }
}

function writeAndRead(random: Random): void {
  const writer = new Writer();
  const checks: ((reader: Reader) => void)[] = [];
  for (let n = random.below(8); n >= 0; n--) {
    const word = random.edgeWord();
    const big = random.edgeBig();
    const bytes = random.bytes(random.below(20));
    const kind = random.below(6);
    if (kind === 0) writer.u8(word & 0xff);
    else if (kind === 1) writer.u16(word & 0xffff);
    else if (kind === 2) writer.u32(word);
    else if (kind === 3) writer.u64(big);
    else if (kind === 4) writer.varint(big);
    else writer.bytes(bytes);
    checks.push((reader) => {
      if (kind === 0) equal(reader.u8(), word & 0xff);
      else if (kind === 1) equal(reader.u16(), word & 0xffff);
      else if (kind === 2) equal(reader.u32(), word);
      else if (kind === 3) equal(reader.u64(), big);
      else if (kind === 4) equal(reader.varint(), big);
      else sameBytes(reader.bytes(bytes.length), bytes, 'bytes come back');
    });
  }
  const written = writer.finish();
  const reader = new Reader(written);
  for (const check of checks) check(reader);
  reader.end();
  if (written.length === 0) return;
  const cut = new Reader(written.subarray(0, written.length - 1));
  let complete = true;
  try {
    for (const check of checks) check(cut);
  } catch (error) {
    ok(error instanceof BytesError && error.code === 'truncated');
    complete = false;
  }
  ok(!complete || checks.length === 0 || cut.remaining === 0, 'a cut structure is refused');
}

function varint(random: Random): void {
  const value = random.edgeBig();
  const bytes = encodeVarint(value);
  equal(bytes.length, varintSize(value));
  equal(new Reader(bytes).varint(), value);
  const data = random.bytes(1 + random.below(10));
  if (random.toss(2)) data[0] = random.pick([0xfd, 0xfe, 0xff]);
  if (random.toss(2)) data.fill(0, 1 + random.below(9));
  const reader = new Reader(data);
  const decoded = accepted(() => reader.varint());
  if (decoded === undefined) equal(reader.offset, 0);
  else sameBytes(encodeVarint(decoded), data.subarray(0, reader.offset), 'only the shortest form is accepted');
}

const CHARACTERS = '0123456789abcdefABCDEF0123456789abcdefABCDEFg-/:@`G \u0130\u2030\ud83d\0';

function hex(random: Random): void {
  const bytes = random.bytes(random.below(40));
  deepEqual(decodeHex(encodeHex(bytes)), bytes);
  let text = random.toss(2) ? encodeHex(bytes) : '';
  for (let n = random.below(24); n > 0; n--) text += CHARACTERS[random.below(random.toss(3) ? CHARACTERS.length : 22)]!;
  const length = random.toss(3) ? random.below(40) : undefined;
  const decoded = accepted(() => decodeHex(text, length));
  if (decoded === undefined) return;
  equal(encodeHex(decoded), text.toLowerCase());
  if (length !== undefined) equal(decoded.length, length);
}

function compact(random: Random): void {
  const target = random.toss(2) ? random.edgeWord() : (random.below(40) * 2 ** 24 + (random.word() & 0xffffff)) >>> 0;
  const value = compactToBig(target);
  equal(value === undefined, (target & 0x00800000) !== 0);
  if (value === undefined) return;
  const canonical = bigToCompact(value);
  equal(compactToBig(canonical), value);
  const other = random.edgeBig() << BigInt(random.below(200));
  const rounded = compactToBig(bigToCompact(other))!;
  ok(rounded <= other && other - rounded <= other >> 15n, 'only low bits are cut off');
}

export const BYTES_TARGETS: readonly FuzzTarget[] = [
  {name: 'reader', cases: 20_000, run: readAnything},
  {name: 'writer and reader', cases: 10_000, run: writeAndRead},
  {name: 'varint', cases: 20_000, run: varint},
  {name: 'hex', cases: 10_000, run: hex},
  {name: 'compact target', cases: 10_000, run: compact},
];
