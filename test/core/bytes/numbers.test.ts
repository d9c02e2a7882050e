import {deepEqual, equal, throws} from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {
  bigToCompact,
  compactToBig,
  concatBytes,
  copyBytes,
  decodeHex,
  encodeHex,
  equalBytes,
  isZero,
  readU16,
  readU24,
  readU32,
  readU64,
  readUint,
  readWords,
  writeU16,
  writeU24,
  writeU32,
  writeU64,
  writeWords,
  xorInto,
} from '../../../src/core/bytes/index.ts';
import {checkProperty} from '../../support/property.ts';
import {refuses} from '../../support/refusal.ts';

test('hex goes there and back, in both cases', () => {
  checkProperty(
    fc.property(fc.uint8Array(), (bytes) => {
      const text = encodeHex(bytes);
      equal(text, Buffer.from(bytes).toString('hex'));
      deepEqual(decodeHex(text), bytes);
      deepEqual(decodeHex(text.toUpperCase(), bytes.length), bytes);
    }),
  );
});

test('text that is not hex is refused', () => {
  refuses(() => decodeHex('abc'), 'bad-hex');
  for (const text of ['0g', 'g0', '0x', ' 0', '0 ', 'é0', '0é', '/0', ':0', '@0', 'G0', '`0']) {
    refuses(() => decodeHex(text), 'bad-hex', text);
  }
  refuses(() => decodeHex('abcd', 3), 'bad-length');
  throws(() => decodeHex(12 as unknown as string), TypeError);
  throws(() => encodeHex('00' as unknown as Uint8Array), TypeError);
});

test('little-endian numbers agree with DataView', () => {
  checkProperty(
    fc.property(fc.uint8Array({minLength: 8, maxLength: 40}), fc.nat(32), (bytes, start) => {
      const offset = Math.min(start, bytes.length - 8);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      equal(readU16(bytes, offset), view.getUint16(offset, true));
      equal(readU24(bytes, offset), view.getUint32(offset, true) % 2 ** 24);
      equal(readU32(bytes, offset), view.getUint32(offset, true));
      equal(readU64(bytes, offset), view.getBigUint64(offset, true));
      const copy = new Uint8Array(bytes.length);
      writeU64(copy, offset, readU64(bytes, offset));
      deepEqual(copy.subarray(offset, offset + 8), bytes.subarray(offset, offset + 8));
      writeU16(copy, 0, readU16(bytes, 0));
      writeU24(copy, 2, readU24(bytes, 2));
      writeU32(copy, 4, readU32(bytes, 4));
      deepEqual(copy.subarray(0, 5), bytes.subarray(0, 5));
      equal(readU32(copy, 4), readU32(bytes, 4));
    }),
  );
  equal(readUint(Uint8Array.of(1, 2, 0, 0x80)), 0x80000201n);
  equal(readUint(new Uint8Array(0)), 0n);
});

test('numbers outside the array are a RangeError', () => {
  const bytes = new Uint8Array(8);
  for (const read of [readU16, readU24, readU32, readU64]) {
    throws(() => read(bytes, 7), RangeError);
    throws(() => read(bytes, -1), RangeError);
    throws(() => read(bytes, Number.NaN), RangeError);
  }
  throws(() => writeU16(bytes, 7, 0), RangeError);
  throws(() => writeU24(bytes, 6, 0), RangeError);
  throws(() => writeU32(bytes, 5, 0), RangeError);
  throws(() => writeU64(bytes, 1, 0n), RangeError);
  throws(() => readWords(new Uint8Array(7)), RangeError);
  throws(() => writeWords(bytes, 4, new Uint32Array(2)), RangeError);
});

test('words go there and back', () => {
  const words = Uint32Array.of(1, 0xffffffff, 0x80000000);
  const bytes = new Uint8Array(13);
  writeWords(bytes, 1, words);
  deepEqual(readWords(bytes.subarray(1)), words);
});

test('array helpers', () => {
  equal(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2)), true);
  equal(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3)), false);
  equal(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1)), false);
  equal(isZero(new Uint8Array(3)), true);
  equal(isZero(Uint8Array.of(0, 0, 4)), false);
  deepEqual(concatBytes(Uint8Array.of(1), new Uint8Array(0), Uint8Array.of(2, 3)), Uint8Array.of(1, 2, 3));
  const buffer = Buffer.of(1, 2, 3);
  const copy = copyBytes(buffer, 1);
  buffer.fill(9);
  deepEqual(copy, Uint8Array.of(2, 3));
  const bytes = Uint8Array.of(1, 2, 3, 4);
  xorInto(bytes, 1, Uint8Array.of(9, 0xff, 1), 1, 2);
  deepEqual(bytes, Uint8Array.of(1, 0xfd, 2, 4));
});

test('compact targets: examples of the specification', () => {
  equal(bigToCompact(0x80n), 0x02008000);
  equal(bigToCompact(1n << 256n), 0x21010000);
  equal(bigToCompact(0n), 0);
  equal(compactToBig(0x01123456), 0x12n);
  equal(compactToBig(0x02000080), 0n);
  equal(compactToBig(0x20800000), undefined);
  throws(() => compactToBig(-1), RangeError);
  throws(() => bigToCompact(-1n), RangeError);
  equal(bigToCompact((1n << 2039n) - 1n), 0xff7fffff);
  equal(bigToCompact(compactToBig(0xff7fffff)!), 0xff7fffff);
  throws(() => bigToCompact(1n << 2039n), RangeError);
  throws(() => bigToCompact(1 as unknown as bigint), TypeError);
});

test('compact targets: rounding down keeps at least 16 bits', () => {
  checkProperty(
    fc.property(fc.bigInt({min: 1n, max: (1n << 300n) - 1n}), (value) => {
      const back = compactToBig(bigToCompact(value))!;
      equal(back <= value, true);
      equal((value - back) << 15n < value, true);
      equal(bigToCompact(back), bigToCompact(value));
    }),
  );
});
