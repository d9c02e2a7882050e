import {deepEqual, throws} from 'node:assert/strict';
import {randomBytes} from 'node:crypto';
import {test} from 'node:test';
import {compress32} from '../../../src/core/crypto/index.ts';
import {AnnouncementHashes} from '../../../src/core/packetcrypt/index.ts';

test('hashes of announcements and of posts are those of plain JavaScript', () => {
  const hashes = new AnnouncementHashes(20);
  for (const count of [20, 1, 0, 7, 2, 19]) {
    const anns = new Uint8Array(randomBytes(1024 * count));
    const {each, whole} = hashes.hash(anns);
    deepEqual(whole, compress32(anns), `${count}`);
    const plain = Array.from({length: count}, (_, i) => [...compress32(anns.subarray(1024 * i, 1024 * (i + 1)))]);
    deepEqual([...each], plain.flat(), `${count}`);
  }
  for (const length of [1023, 1025, 1024 * 21]) throws(() => hashes.hash(new Uint8Array(length)), RangeError);
});
