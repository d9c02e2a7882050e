import {deepEqual, equal, ok, rejects, throws} from 'node:assert/strict';
import {readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {test} from 'node:test';
import type {SeenAddress} from '../../../src/core/protocol/p2p/index.ts';
import {AddressBook, RECONNECT_MS, retryDelayMs} from '../../../src/node/p2p/addresses/address-book.ts';
import {BAN_MS, BanScores, Bans, formatSubnet, parseSubnet} from '../../../src/node/p2p/addresses/bans.ts';
import {
  type Endpoint,
  familyOf,
  formatEndpoint,
  formatIp,
  groupOf,
  hostKey,
  isLoopback,
  isRoutable,
  parseEndpoint,
  parseIp,
} from '../../../src/node/p2p/addresses/ip.ts';
import {askSeeds} from '../../../src/node/p2p/addresses/seeds.ts';
import {StoreError} from '../../../src/service/stores/key-value-store.ts';
import {readSealedFile, writeSealedFile} from '../../../src/service/stores/sealed-file.ts';
import {seeded, temporaryFolder} from '../../support/peer-lab.ts';

const NOW_MS = 1_600_000_000_000;
const ip = (text: string): Uint8Array => parseIp(text)!;
const ALL = new Set(['ipv4', 'ipv6', 'cjdns'] as const);

test('addresses in text and in bytes', () => {
  const cases = [
    ['1.2.3.4', '1.2.3.4'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['::1', '::1'],
    ['::', '::'],
    ['FC00:0:0:0:0:0:0:1', 'fc00::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:0:0:1::', '2001:0:0:1::'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['[fe80::1]', 'fe80::1'],
  ] as const;
  for (const [text, canonical] of cases) {
    equal(formatIp(ip(text)), canonical, text);
    deepEqual(parseIp(canonical), parseIp(text));
  }
  for (const text of ['', 'seed.cjd.li', '1.2.3', '1.2.3.400', 'fe80::1%eth0', ':::', '[1.2.3.4']) {
    equal(parseIp(text), undefined, text);
  }
  const endpoint = (text: string): string | undefined => {
    const read = parseEndpoint(text, 64764);
    return read && formatEndpoint(read);
  };
  equal(endpoint('1.2.3.4'), '1.2.3.4:64764');
  equal(endpoint('1.2.3.4:5'), '1.2.3.4:5');
  equal(endpoint('fc00::1'), '[fc00::1]:64764');
  equal(endpoint('[fc00::1]:5'), '[fc00::1]:5');
  for (const text of ['1.2.3.4:0', '1.2.3.4:65536', 'name:5', '[fc00::1]:', '1.2.3.4:5:6']) {
    equal(endpoint(text), undefined, text);
  }
});

test('what an address says of who stands behind it', () => {
  for (const text of ['8.8.8.8', '2600::1', 'fc12::1', '172.32.0.1', '100.128.0.1']) ok(isRoutable(ip(text)), text);
  const unroutable = ['0.1.2.3', '10.1.2.3', '127.0.0.1', '172.31.0.1', '192.168.1.1', '169.254.1.1', '100.64.0.1'];
  unroutable.push(
    '224.0.0.1',
    '255.255.255.255',
    '198.18.0.1',
    '::1',
    '::',
    'fe80::1',
    'fd00::1',
    '2001:db8::1',
    '2002::1',
  );
  for (const text of unroutable) ok(!isRoutable(ip(text)), text);
  equal(familyOf(ip('fc00::1')), 'cjdns');
  equal(familyOf(ip('fd00::1')), 'ipv6');
  equal(groupOf(ip('8.8.1.1')), groupOf(ip('8.8.200.200')));
  ok(groupOf(ip('8.8.1.1')) !== groupOf(ip('8.9.1.1')));
  equal(groupOf(ip('2600:1:2::')), groupOf(ip('2600:1:3::')));
  ok(groupOf(ip('2600:1::')) !== groupOf(ip('2600:2::')));
  equal(hostKey(ip('2600::1')), hostKey(ip('2600::ffff')));
  ok(hostKey(ip('fc00::1')) !== hostKey(ip('fc00::2')), 'an address of cjdns is a key of its own');
  ok(hostKey(ip('8.8.8.8')) !== hostKey(ip('8.8.8.9')));
  ok(isLoopback(ip('127.3.2.1')) && isLoopback(ip('::1')) && !isLoopback(ip('::2')));
});

function seen(text: string, time = NOW_MS / 1000 - 3600): SeenAddress {
  return {ip: ip(text), port: 64764, services: 1n, time};
}

function openBook(allowUnroutable = false): AddressBook {
  return new AddressBook({secret: new Uint8Array(16).fill(7), random: seeded(1), allowUnroutable});
}

const SOURCE = ip('9.9.9.9');

test('a book keeps what strangers can be reached at', () => {
  const book = openBook();
  equal(
    book.add([seen('8.8.8.8'), seen('10.0.0.1'), seen('127.0.0.1'), {...seen('8.8.4.4'), port: 0}], SOURCE, NOW_MS),
    1,
  );
  equal(book.add([seen('8.8.8.8')], SOURCE, NOW_MS), 0, 'known already');
  equal(openBook(true).add([seen('127.0.0.1')], SOURCE, NOW_MS), 1);
  equal(book.find({ip: ip('8.8.8.8'), port: 64764})?.tried, false);
});

test('a flood of addresses from one source fills a small part of the book', () => {
  const book = openBook();
  const random = seeded(2);
  const address = (): SeenAddress =>
    seen(
      `${1 + Math.floor(random() * 9)}.${Math.floor(random() * 256)}.${Math.floor(random() * 256)}.${Math.floor(random() * 256)}`,
    );
  book.worked({ip: ip('8.8.8.8'), port: 1}, 1n, NOW_MS);
  for (let i = 0; i < 40; i++) book.add(Array.from({length: 1000}, address), SOURCE, NOW_MS);
  ok(book.size > 500 && book.size <= 16 * 64 + 1, `${book.size}`);
  const before = book.size;
  for (let i = 0; i < 200; i++) book.add(Array.from({length: 100}, address), ip(`${i + 11}.1.1.1`), NOW_MS);
  ok(book.size > 4 * before, 'others still find room');
  for (let i = 0; i < 200; i++) book.add(Array.from({length: 1000}, address), ip(`3.${i}.1.1`), NOW_MS);
  ok(book.size <= 256 * 64 + 1, `${book.size}`);
  equal(book.find({ip: ip('8.8.8.8'), port: 1})?.tried, true, 'what worked is not pushed out by what is heard');
});

test('only addresses that were connected to are passed on: 23 %, at most 1000', () => {
  const book = openBook();
  book.add(
    Array.from({length: 200}, (_, i) => seen(`8.8.8.${i + 1}`)),
    SOURCE,
    NOW_MS,
  );
  deepEqual(book.share(NOW_MS), []);
  for (let i = 0; i < 250; i++) {
    for (let j = 0; j < 40; j++)
      book.worked({ip: ip(`${i + 1 === 10 || i + 1 === 127 ? 5 : (i % 200) + 11}.${j}.1.1`), port: 64764}, 9n, NOW_MS);
  }
  const tried = book.triedCount;
  ok(tried > 2000 && tried <= 4096, `${tried}`);
  const shared = book.share(NOW_MS);
  equal(shared.length, Math.min(1000, Math.ceil(tried * 0.23)));
  equal(new Set(shared.map((at) => formatEndpoint(at))).size, shared.length);
  ok(shared.every((at) => book.find(at)?.tried));
  equal(book.share(NOW_MS + 40 * 86_400_000).length, 0, 'old ones are of no use');
});

test('an address is not connected to more than once a minute, and less often when it does not answer', () => {
  deepEqual([0, 1, 2, 3, 4, 5, 30].map(retryDelayMs), [0, 60_000, 60_000, 60_000, 80_000, 160_000, 3_600_000]);
  const book = openBook();
  const endpoint: Endpoint = seen('8.8.8.8');
  const choose = (nowMs: number): string | undefined => {
    const chosen = book.choose(nowMs, ALL, false, () => true);
    return chosen && formatEndpoint(chosen);
  };
  equal(choose(NOW_MS), undefined);
  book.add([seen('8.8.8.8')], SOURCE, NOW_MS);
  equal(choose(NOW_MS), '8.8.8.8:64764');
  for (const [attempt, delay] of [60_000, 60_000, 60_000, 80_000, 160_000].entries()) {
    const atMs = NOW_MS + attempt * 1_000_000;
    book.attempted(endpoint, atMs);
    equal(choose(atMs + delay - 1), undefined);
    equal(choose(atMs + delay), '8.8.8.8:64764');
  }
  book.worked(endpoint, 9n, NOW_MS);
  equal(choose(NOW_MS + RECONNECT_MS - 1), undefined);
  equal(choose(NOW_MS + RECONNECT_MS), '8.8.8.8:64764');
  equal(
    book.choose(NOW_MS + RECONNECT_MS, new Set(['ipv6']), false, () => true),
    undefined,
    'no route for the family',
  );
  equal(
    book.choose(NOW_MS + RECONNECT_MS, ALL, false, () => false),
    undefined,
  );
});

test('at first only who worked or came from a seed is chosen', () => {
  const book = openBook();
  book.add([seen('8.8.8.8')], SOURCE, NOW_MS);
  const trusted = (): string | undefined => {
    const chosen = book.choose(NOW_MS + RECONNECT_MS, ALL, true, () => true);
    return chosen && formatIp(chosen.ip);
  };
  equal(trusted(), undefined);
  book.add([seen('8.8.4.4')], SOURCE, NOW_MS, true);
  equal(trusted(), '8.8.4.4');
  book.worked(seen('8.8.8.8'), 9n, NOW_MS);
  const chosen = new Set(Array.from({length: 50}, trusted));
  deepEqual([...chosen].sort(), ['8.8.4.4', '8.8.8.8']);
});

test('a book comes back from its bytes, and damaged bytes are refused', () => {
  const book = openBook();
  book.add(
    Array.from({length: 100}, (_, i) => seen(`8.${i}.8.8`)),
    SOURCE,
    NOW_MS,
  );
  for (let i = 0; i < 30; i++) book.worked(seen(`8.${i}.8.8`), 9n, NOW_MS);
  const bytes = book.encode();
  const again = AddressBook.decode(bytes, {random: seeded(1)});
  deepEqual(again.encode(), bytes);
  deepEqual([again.size, again.triedCount], [book.size, book.triedCount]);
  for (let length = 0; length < bytes.length; length += 13) {
    throws(() => AddressBook.decode(bytes.subarray(0, length), {random: seeded(1)}));
  }
  const twice = bytes.slice();
  twice.copyWithin(18, 18 + 36, 18 + 72);
  throws(() => AddressBook.decode(twice, {random: seeded(1)}), /damaged/);
});

test('bans of addresses and of subnets', () => {
  const bans = new Bans();
  bans.addHost(ip('8.8.8.8'), NOW_MS);
  bans.addHost(ip('2600::1'), NOW_MS);
  bans.add(parseSubnet('7.7.0.0/16')!, NOW_MS + 1000);
  const banned = (text: string, ms = 0): boolean => bans.isBanned(ip(text), NOW_MS + ms);
  deepEqual([banned('8.8.8.8'), banned('8.8.8.9')], [true, false]);
  deepEqual([banned('2600::ffff'), banned('2600:0:0:1::1')], [true, false], 'a /64 counts as one address');
  deepEqual([banned('7.7.200.1'), banned('7.8.0.1'), banned('7.7.1.1', 1000)], [true, false, false]);
  deepEqual([banned('8.8.8.8', BAN_MS - 1), banned('8.8.8.8', BAN_MS)], [true, false]);
  deepEqual(
    bans
      .list(NOW_MS + 1000)
      .map(formatSubnet)
      .sort(),
    ['2600::/64', '8.8.8.8'],
  );
  const again = Bans.decode(bans.encode());
  deepEqual(again.list(NOW_MS), bans.list(NOW_MS));
  equal(again.remove(parseSubnet('8.8.8.8')!), true);
  equal(again.remove(parseSubnet('8.8.8.8')!), false);
  equal(again.isBanned(ip('8.8.8.8'), NOW_MS), false);
  again.clear();
  equal(again.size, 0);
  throws(() => Bans.decode(bans.encode().subarray(0, 20)));
  for (const text of ['7.7.0.0/33', '7.7.0.0/', 'x/3', '::/129', '1.2.3.4/1/2'])
    equal(parseSubnet(text), undefined, text);
});

test('bans and scores are bounded', () => {
  const bans = new Bans();
  for (let i = 0; i < 10_050; i++)
    bans.add({ip: ip(`8.${i >> 16}.${(i >> 8) & 255}.${i & 255}`), bits: 128}, NOW_MS + i);
  equal(bans.size, 10_000);
  equal(bans.isBanned(ip('8.0.0.0'), NOW_MS - 1), false, 'the one that ends first makes room');
  const scores = new BanScores();
  const score = scores.of(ip('2600::1'));
  equal(scores.of(ip('2600::2')), score, 'hosts share a score');
  score.add(50, NOW_MS);
  for (let i = 0; i < 10_050; i++) scores.of(ip(`8.0.${i >> 8}.${i & 255}`));
  equal(scores.size, 10_000);
  scores.of(ip('8.0.0.200')).add(50, NOW_MS);
  scores.sweep(NOW_MS, (key) => key === hostKey(ip('8.0.0.100')));
  ok(scores.size <= 2);
});

test('seeds that answer, that fail and that give nonsense', async () => {
  const answers: Record<string, readonly string[]> = {a: ['8.8.8.8', '2600::1'], b: ['nonsense']};
  const found = await askSeeds(['a', 'b', 'c'], 64764, NOW_MS, async (name) => {
    if (answers[name] === undefined) throw new Error('no such name');
    return answers[name];
  });
  deepEqual(found.map(formatEndpoint), ['8.8.8.8:64764', '[2600::1]:64764']);
});

test('a file that is damaged is noticed', async (t) => {
  const path = join(await temporaryFolder(t), 'file');
  equal(await readSealedFile(path, 100), undefined);
  await writeSealedFile(path, Uint8Array.of(1, 2, 3));
  await writeSealedFile(path, Uint8Array.of(4, 5));
  deepEqual(await readSealedFile(path, 100), Uint8Array.of(4, 5));
  const bytes = await readFile(path);
  bytes[33]! ^= 1;
  await writeFile(path, bytes);
  const damaged = (error: unknown): boolean => error instanceof StoreError && error.code === 'store-damaged';
  await rejects(readSealedFile(path, 100), damaged);
  await writeFile(path, bytes.subarray(0, 20));
  await rejects(readSealedFile(path, 100), damaged);
});
