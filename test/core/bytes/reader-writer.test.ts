import {deepEqual, equal, throws} from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {encodeHex, encodeVarint, Reader, varintSize, Writer} from '../../../src/core/bytes/index.ts';
import {checkProperty} from '../../support/property.ts';
import {acceptsOrRefuses, refuses} from '../../support/refusal.ts';

test('CompactSize: the limits of every form', () => {
  const forms: [number | bigint, string][] = [
    [0, '00'],
    [0xfc, 'fc'],
    [0xfd, 'fdfd00'],
    [0xffff, 'fdffff'],
    [0x10000, 'fe00000100'],
    [0xffffffff, 'feffffffff'],
    [0x100000000, 'ff0000000001000000'],
    [(1n << 64n) - 1n, 'ffffffffffffffffff'],
  ];
  for (const [value, hex] of forms) {
    equal(encodeHex(encodeVarint(value)), hex);
    equal(varintSize(value), hex.length / 2);
    const reader = new Reader(encodeVarint(value));
    equal(reader.varint(), BigInt(value));
    reader.end();
  }
  throws(() => encodeVarint(-1), RangeError);
  throws(() => encodeVarint(1.5), RangeError);
  throws(() => encodeVarint(1n << 64n), RangeError);
});

test('CompactSize: longer forms than needed are refused and nothing is consumed', () => {
  for (const hex of ['fd0000', 'fdfc00', 'fe00000000', 'feffff0000', 'ff0000000000000000', 'ffffffffff00000000']) {
    const reader = new Reader(Buffer.from(hex, 'hex'));
    refuses(() => reader.varint(), 'varint-not-canonical', hex);
    equal(reader.offset, 0);
  }
});

test('CompactSize: every truncation is refused', () => {
  for (const value of [0xfd, 0x10000, 1n << 40n]) {
    const whole = encodeVarint(value);
    for (let length = 0; length < whole.length; length++) {
      const reader = new Reader(whole.subarray(0, length));
      refuses(() => reader.varint(), 'truncated');
      equal(reader.offset, 0);
    }
  }
});

test('a limit on a count is kept', () => {
  equal(new Reader(encodeVarint(300)).varintUpTo(300), 300);
  refuses(() => new Reader(encodeVarint(301)).varintUpTo(300), 'too-large');
  refuses(() => new Reader(encodeVarint((1n << 64n) - 1n)).varintUpTo(Number.MAX_SAFE_INTEGER), 'too-large');
});

test('what Writer writes Reader reads, and every truncation is refused', () => {
  checkProperty(
    fc.property(
      fc.record({
        a: fc.nat(0xff),
        b: fc.nat(0xffff),
        c: fc.nat(0xffffffff),
        d: fc.bigInt({min: 0n, max: (1n << 64n) - 1n}),
        e: fc.uint8Array({maxLength: 200}),
        f: fc.bigInt({min: 0n, max: (1n << 64n) - 1n}),
      }),
      ({a, b, c, d, e, f}) => {
        const writer = new Writer().u8(a).u16(b).u32(c).u64(d).varint(e.length).bytes(e).varint(f);
        const whole = writer.finish();
        equal(writer.length, whole.length);
        const read = (bytes: Uint8Array) => {
          const reader = new Reader(bytes);
          const got = {
            a: reader.u8(),
            b: reader.u16(),
            c: reader.u32(),
            d: reader.u64(),
            e: reader.bytes(reader.varintUpTo(200)),
            f: reader.varint(),
          };
          reader.end();
          return got;
        };
        deepEqual(read(whole), {a, b, c, d, e, f});
        for (let length = 0; length < whole.length; length++) {
          refuses(() => read(whole.subarray(0, length)), 'truncated');
        }
        refuses(() => read(Buffer.concat([whole, Buffer.of(0)])), 'trailing-bytes');
      },
    ),
    100,
  );
});

test('Reader never throws anything uncoded on random bytes', () => {
  checkProperty(
    fc.property(fc.uint8Array({maxLength: 30}), fc.array(fc.nat(6), {maxLength: 20}), (bytes, steps) => {
      const reader = new Reader(bytes);
      for (const step of steps) {
        const before = reader.offset;
        const reads = [
          () => reader.u8(),
          () => reader.u16(),
          () => reader.u32(),
          () => reader.u64(),
          () => reader.varint(),
          () => reader.view(7),
          () => reader.end(),
        ];
        if (!acceptsOrRefuses(reads[step]!)) equal(reader.offset, before);
        equal(reader.offset + reader.remaining, bytes.length);
      }
    }),
  );
});

test('view shares memory, bytes copies', () => {
  const data = Uint8Array.of(1, 2, 3, 4);
  const reader = new Reader(data);
  const view = reader.view(2);
  const copy = reader.bytes(2);
  data.fill(9);
  deepEqual([...view, ...copy], [9, 9, 3, 4]);
});

test('misuse is a TypeError or RangeError', () => {
  throws(() => new Reader('00' as unknown as Uint8Array), TypeError);
  throws(() => new Reader(new Uint8Array(4)).view(-1), RangeError);
  throws(() => new Writer(-1), RangeError);
  throws(() => new Writer(3).u32(1), /at most 3 bytes, got 4/);
  throws(() => new Writer().u8(256), RangeError);
  throws(() => new Writer().u16(-1), RangeError);
  throws(() => new Writer().u32(2 ** 32), RangeError);
  throws(() => new Writer().u64(1n << 64n), RangeError);
  throws(() => new Writer().bytes([1] as unknown as Uint8Array), TypeError);
});
