import {deepEqual, equal, rejects, throws} from 'node:assert/strict';
import {createSocket} from 'node:dgram';
import {type TestContext, test} from 'node:test';
import {readU32, writeU32} from '../../src/core/bytes/index.ts';
import {decodeSpray, encodeSubscription, encodeUnits} from '../../src/core/protocol/pool/index.ts';
import {NO_LOG} from '../../src/service/logs/log.ts';
import {SprayHub, type SprayHubOptions} from '../../src/service/sprayer/spray-hub.ts';
import {Sprayer, type SprayerOptions} from '../../src/service/sprayer/sprayer.ts';
import {eventually} from '../support/pool-lab.ts';

const SOURCE = {address: '10.0.0.1', port: 1000};
const READER = {address: '10.0.0.2', port: 2000};
const STRANGER = {address: '10.0.0.3', port: 3000};

/** Announcements that are told apart by their first number. */
function annsOf(from: number, count: number): Uint8Array {
  const anns = new Uint8Array(1024 * count);
  for (let i = 0; i < count; i++) writeU32(anns, 1024 * i, from + i);
  return anns;
}

function unitsOf(counters: readonly number[]): Uint8Array {
  return encodeUnits(counters.map((counter) => ({counter: BigInt(counter), ann: annsOf(counter, 1)})));
}

function hubOf(more: Partial<SprayHubOptions> = {}) {
  const clock = {ms: 0};
  const taken: number[] = [];
  const hub = new SprayHub({
    password: 'secret',
    subscribeTo: [SOURCE],
    sprayAt: [],
    ownAddress: '10.0.0.9',
    mss: 1472,
    onUnits: (units) => taken.push(...units.map(({ann}) => readU32(ann, 0))),
    log: NO_LOG,
    now: () => clock.ms,
    ...more,
  });
  return {hub, clock, taken};
}

test('units count only from those who were subscribed to, and their losses are counted by the gaps', () => {
  const {hub, taken} = hubOf();
  hub.receive(unitsOf([5, 6]), SOURCE);
  hub.receive(unitsOf([10, 9]), SOURCE);
  hub.receive(unitsOf([20]), STRANGER);
  hub.receive(unitsOf([20]), {...SOURCE, port: 1001});
  deepEqual(taken, [5, 6, 10, 9]);
  deepEqual(hub.sources, [{source: '10.0.0.1:1000', received: 4, lost: 2, overBudget: 0}]);
  // What was late is no loss.
  hub.receive(unitsOf([7, 8]), SOURCE);
  equal(hub.sources[0]!.lost, 0);
  // A source that was started anew counts from zero.
  hub.receive(unitsOf([1_000_000, 1_000_002]), SOURCE);
  hub.receive(unitsOf([0, 1]), SOURCE);
  equal(hub.sources[0]!.lost, 1);
});

test('a source has a budget', () => {
  const {hub, clock, taken} = hubOf({unitsPerSecond: 10});
  hub.receive(unitsOf([...Array(15).keys()]), SOURCE);
  equal(taken.length, 10);
  clock.ms = 500;
  hub.receive(unitsOf([...Array(15).keys()].map((i) => 15 + i)), SOURCE);
  equal(taken.length, 15);
  deepEqual(hub.sources[0], {source: '10.0.0.1:1000', received: 15, lost: 0, overBudget: 15});
});

test('only who knows the password is sprayed at, for thirty seconds', () => {
  const {hub, clock} = hubOf();
  hub.receive(encodeSubscription('wrong'), READER);
  hub.receive(encodeSubscription(''), READER);
  hub.receive(Uint8Array.of(1, 2, 3), READER);
  hub.receive(new Uint8Array(0), READER);
  hub.send(annsOf(0, 1));
  equal(hub.next(), undefined);
  hub.receive(encodeSubscription('secret'), READER);
  hub.send(annsOf(7, 2));
  const datagram = hub.next()!;
  deepEqual(datagram.to, READER);
  deepEqual(
    decodeSpray(datagram.bytes).units.map(({counter, ann}) => [counter, readU32(ann, 0)]),
    [[0n, 7]],
  );
  equal(decodeSpray(hub.next()!.bytes).units[0]!.counter, 1n);
  clock.ms = 30_001;
  hub.send(annsOf(9, 1));
  equal(hub.next(), undefined);
  deepEqual(hub.subscribers, []);
});

test('one who guesses passwords is not listened to', () => {
  const {hub, clock} = hubOf();
  for (let i = 0; i < 40; i++, clock.ms += 200) hub.receive(encodeSubscription(`guess ${i}`), STRANGER);
  hub.receive(encodeSubscription('secret'), STRANGER);
  deepEqual(hub.subscribers, []);
  clock.ms += 3_600_000;
  hub.receive(encodeSubscription('secret'), STRANGER);
  equal(hub.subscribers.length, 1);
});

test('a queue that is full gives up the oldest, and the newest goes first', () => {
  const {hub} = hubOf({sprayAt: [READER], mss: 8 * 1032 + 5});
  for (let chunk = 0; chunk < 130; chunk++) hub.send(annsOf(1024 * chunk, 1024));
  deepEqual(hub.subscribers, [{subscriber: '10.0.0.2:2000', sent: 0, overflow: 2048}]);
  const first = decodeSpray(hub.next()!.bytes).units;
  deepEqual([first.length, readU32(first[0]!.ann, 0)], [8, 1024 * 129]);
  let units = first.length;
  for (let datagram = hub.next(); datagram !== undefined; datagram = hub.next())
    units += decodeSpray(datagram.bytes).units.length;
  equal(units, 128 * 1024);
});

test('datagrams to this machine are as large as they can be', () => {
  const {hub} = hubOf({sprayAt: [{address: '10.0.0.9', port: 1}]});
  hub.send(annsOf(0, 100));
  equal(hub.next()!.bytes.length, 65_016);
});

test('nothing goes round: who is fetched from is not sprayed at', () => {
  throws(() => hubOf({sprayAt: [SOURCE]}), /round for ever/);
  const {hub} = hubOf();
  hub.receive(encodeSubscription('secret'), SOURCE);
  deepEqual(hub.subscribers, []);
});

async function open(t: TestContext, more: Partial<SprayerOptions> = {}): Promise<Sprayer> {
  const sprayer = await Sprayer.open({
    bind: {address: '127.0.0.1', port: 0},
    password: 'pw',
    log: NO_LOG,
    subscribeMs: 50,
    ...more,
  });
  t.after(() => sprayer.close());
  return sprayer;
}

test('over real sockets announcements go from a handler through a relay to a reader', async (t) => {
  const handler = await open(t);
  const relay = await open(t, {subscribeTo: [handler.address], relay: true});
  const got = new Set<number>();
  const reader = await open(t, {
    subscribeTo: [relay.address],
    onAnns: (anns) => {
      for (let at = 0; at < anns.length; at += 1024) got.add(readU32(anns, at));
    },
  });
  await eventually(
    'both have subscribed',
    () => handler.stats.subscribers.length + relay.stats.subscribers.length === 2,
  );
  for (let i = 0; i < 20; i++) {
    handler.send(annsOf(50 * i, 50));
    await eventually('everything has come', () => got.size === 50 * (i + 1));
  }
  equal(reader.stats.sources[0]!.received, 1000);
  // Nonsense from anybody is borne.
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  for (const bytes of [
    new Uint8Array(0),
    new Uint8Array(1032),
    new Uint8Array(60_000).fill(0x7b),
    encodeSubscription('no'),
  ])
    await new Promise((resolve) => socket.send(bytes, reader.address.port, '127.0.0.1', resolve));
  handler.send(annsOf(5000, 1));
  await eventually('it goes on', () => got.has(5000));
  equal(got.size, 1001);
});

test('a port that is taken is an error of the system', async (t) => {
  const first = await open(t);
  await rejects(open(t, {bind: first.address}), {code: 'EADDRINUSE'});
});
