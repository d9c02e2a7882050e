import {deepEqual, equal, throws} from 'node:assert/strict';
import {test} from 'node:test';
import {readU32, writeU32} from '../../../src/core/bytes/index.ts';
import {expand} from '../../../src/core/crypto/index.ts';
import * as packetcrypt from '../../../src/core/packetcrypt/index.ts';
import {cryptoCycleVectors} from './crypto-cycle-suite.ts';

cryptoCycleVectors('plain', packetcrypt);

const {crypt, initState, update, smul, finalize} = packetcrypt;

test('a state with a version or the failed bit is marked failed and otherwise left alone', () => {
  for (const refusing of [0x01000000, 0x02000000, 0x80000000]) {
    const state = expand(new Uint8Array(32), 0, 2048);
    writeU32(state, 12, refusing | 0x00400000);
    const before = state.slice();
    crypt(state);
    equal(readU32(state, 12), (refusing | 0x00400000 | 0x01000000) >>> 0);
    writeU32(before, 12, readU32(state, 12));
    deepEqual(state, before);
  }
});

test('misuse is a TypeError or RangeError', () => {
  const state = new Uint8Array(2048);
  throws(() => initState(new Uint8Array(31), 0), RangeError);
  throws(() => initState(new Uint8Array(32), -1), RangeError);
  throws(() => initState(new Uint8Array(32), 1n << 64n), RangeError);
  throws(() => initState(new Uint8Array(32), '0' as unknown as number), TypeError);
  throws(() => update(state, new Uint8Array(1023)), /"item" expected Uint8Array of length 1024, got length 1023/);
  throws(() => crypt(new Uint8Array(2047)), RangeError);
  throws(() => smul(new Uint8Array(64)), RangeError);
  throws(() => finalize([] as unknown as Uint8Array), TypeError);
});
