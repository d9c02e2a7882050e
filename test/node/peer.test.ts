import {deepEqual, equal, throws} from 'node:assert/strict';
import {test} from 'node:test';
import {setFlagsFromString} from 'node:v8';
import {runInNewContext} from 'node:vm';
import {BytesError} from '../../src/core/bytes/index.ts';
import {RuleError} from '../../src/core/consensus/index.ts';
import {PKT, PKTTEST} from '../../src/core/params/index.ts';
import {WireError} from '../../src/core/primitives/index.ts';
import {
  COMMANDS,
  encodeFrame,
  encodeMessage,
  MessageError,
  type Payloads,
  type SeenAddress,
} from '../../src/core/protocol/p2p/index.ts';
import {BAN_LIMIT, BanScore} from '../../src/node/p2p/ban-score.ts';
import {PeerError, penaltyOf} from '../../src/node/p2p/errors.ts';
import {
  IDLE_MS,
  NEGOTIATION_MS,
  PEER_LIMITS,
  type PeerEvent,
  PING_INTERVAL_MS,
  PONG_DEADLINE_MS,
} from '../../src/node/p2p/peer.ts';
import {Budget} from '../../src/service/limits/budget.ts';
import {MESSAGE_SAMPLES} from '../support/message-samples.ts';
import {inShort, OWN_NONCE, PeerBench, REMOTE_VERSION, START_MS} from '../support/peers.ts';

const hash = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const items = (count: number): Payloads['inv'] => Array.from({length: count}, () => ({type: 2, hash: hash(1)}));

function sent<Name extends keyof Payloads>(events: readonly PeerEvent[], command: Name): Payloads[Name] {
  const event = events.find((e) => e.type === 'send' && e.message.command === command);
  equal(event?.type, 'send', `no ${command} was sent`);
  return (event as unknown as {message: {payload: Payloads[Name]}}).message.payload;
}

test('an outbound peer is greeted first', () => {
  const bench = new PeerBench({direction: 'outbound'});
  const opened = bench.peer.open(bench.nowMs);
  deepEqual(inShort(opened), ['send version']);
  const version = sent(opened, 'version');
  equal(version.version, 70013);
  equal(version.nonce, OWN_NONCE);
  equal(version.timestamp, BigInt(START_MS / 1000));
  equal(version.startHeight, 42);
  equal(version.addrRecv.port, 1234);
  deepEqual(inShort(bench.receive('version', REMOTE_VERSION)), ['send verack']);
  equal(bench.peer.isReady, false);
  const events = bench.receive('verack', undefined);
  deepEqual(events, [{type: 'ready', version: REMOTE_VERSION}]);
  equal(bench.peer.isReady, true);
  equal(bench.peer.protocolVersion, 70013);
  deepEqual(bench.peer.version, REMOTE_VERSION);
});

test('an inbound peer speaks first', () => {
  const bench = new PeerBench();
  deepEqual(bench.peer.open(bench.nowMs), []);
  deepEqual(inShort(bench.receive('version', {...REMOTE_VERSION, services: 0n, version: 60_000})), [
    'send version',
    'send verack',
  ]);
  deepEqual(inShort(bench.receive('verack', undefined)), ['ready']);
  deepEqual(bench.receive('verack', undefined), []);
  equal(bench.peer.protocolVersion, 60_000);
});

test('two peers greet each other', () => {
  const [a, b] = [new PeerBench({direction: 'outbound', nonce: 1n}), new PeerBench({nonce: 2n})];
  const heard: string[] = [];
  const deliver = (to: PeerBench, back: PeerBench, events: readonly PeerEvent[]): void => {
    for (const event of events) {
      if (event.type !== 'send') heard.push(event.type);
      else deliver(back, to, to.receive(event.message.command, event.message.payload));
    }
  };
  deliver(b, a, a.peer.open(a.nowMs));
  deepEqual(heard, ['ready', 'ready']);
  equal(a.peer.version?.nonce, 2n);
  equal(b.peer.version?.nonce, 1n);
});

test('greetings that fail', () => {
  const cases: readonly [string[], 'inbound' | 'outbound', Partial<typeof REMOTE_VERSION>][] = [
    [['disconnect self-connection'], 'inbound', {nonce: OWN_NONCE}],
    [['send reject', 'disconnect version-too-old'], 'inbound', {version: 208}],
    [['send reject', 'disconnect version-too-old'], 'outbound', {version: -1}],
    [['disconnect missing-services'], 'outbound', {services: 1n}],
    [['send version', 'send verack'], 'inbound', {services: 0n}],
    [['send verack'], 'outbound', {services: 9n, version: 209}],
  ];
  for (const [expected, direction, change] of cases) {
    const bench = new PeerBench({direction});
    bench.peer.open(bench.nowMs);
    deepEqual(inShort(bench.receive('version', {...REMOTE_VERSION, ...change})), expected);
  }
  for (const command of ['verack', 'getaddr', 'mempool'] as const) {
    deepEqual(inShort(new PeerBench().receive(command, undefined)), ['disconnect version-expected']);
  }
  const malformed = new PeerBench();
  deepEqual(inShort(malformed.push(encodeFrame(PKT.magic, 'version', new Uint8Array(3)))), ['disconnect malformed']);
});

test('a second version is refused', () => {
  const bench = new PeerBench().greet();
  const events = bench.receive('version', REMOTE_VERSION);
  deepEqual(inShort(events), ['send reject', 'disconnect second-version']);
  equal(sent(events, 'reject').code, 0x12);
  equal(bench.score.at(bench.nowMs), 20);
  equal(bench.peer.isReady, false);
});

test('after the end nothing more comes', () => {
  const bench = new PeerBench().greet();
  bench.receive('version', REMOTE_VERSION);
  equal(bench.peer.isClosed, true);
  deepEqual(bench.receive('ping', {nonce: 1n}), []);
  deepEqual(bench.tickAfter(IDLE_MS), []);
  deepEqual(bench.peer.charge(new RuleError('ErrBadPow'), bench.nowMs), []);
  deepEqual(bench.peer.open(bench.nowMs), []);
});

test('unknown commands are ignored at any time and cost nothing', () => {
  const bench = new PeerBench();
  for (const command of ['sendcmpct', 'wtxidrelay', 'sendaddrv2', 'alert', 'filterload']) {
    deepEqual(bench.push(encodeFrame(PKT.magic, command, new Uint8Array(9))), []);
  }
  bench.greet();
  deepEqual(bench.push(encodeFrame(PKT.magic, 'sendcmpct', new Uint8Array(70_000))), []);
  equal(bench.peer.isReady, true);
  equal(bench.score.at(bench.nowMs), 0);
});

test('the greeting has ten seconds', () => {
  for (const hello of [false, true]) {
    const bench = new PeerBench();
    if (hello) bench.receive('version', REMOTE_VERSION);
    deepEqual(bench.tickAfter(NEGOTIATION_MS - 1), []);
    deepEqual(inShort(bench.tickAfter(1)), ['disconnect negotiation-timeout']);
  }
  const bench = new PeerBench().greet();
  deepEqual(bench.tickAfter(NEGOTIATION_MS), []);
});

test('a ping every minute; its pong gives the latency', () => {
  const bench = new PeerBench().greet();
  deepEqual(bench.tickAfter(PING_INTERVAL_MS - 1), []);
  const {nonce} = sent(bench.tickAfter(1), 'ping');
  deepEqual(bench.tickAfter(70_000), []);
  bench.receive('pong', {nonce: nonce + 1n});
  equal(bench.peer.latencyMs, undefined);
  bench.nowMs += 5;
  deepEqual(bench.receive('pong', {nonce}), []);
  equal(bench.peer.latencyMs, 70_005);
  equal(sent(bench.tickAfter(1), 'ping').nonce, nonce + 1n);
});

test('pings are answered, even before verack; peers without pongs are not pinged', () => {
  const bench = new PeerBench();
  bench.receive('version', {...REMOTE_VERSION, version: 60_000});
  equal(sent(bench.receive('ping', {nonce: 9n}), 'pong').nonce, 9n);
  bench.receive('verack', undefined);
  deepEqual(bench.tickAfter(PING_INTERVAL_MS), []);
});

test('a peer that talks but never answers pings, and one that is silent', () => {
  const talking = new PeerBench().greet();
  talking.tickAfter(PING_INTERVAL_MS);
  let events: PeerEvent[] = [];
  let waitedMs = 0;
  while (events.length === 0) {
    talking.receive('inv', items(1));
    events = talking.tickAfter(30_000);
    waitedMs += 30_000;
  }
  deepEqual(inShort(events), ['disconnect pong-timeout']);
  equal(waitedMs, PONG_DEADLINE_MS);

  const silent = new PeerBench().greet();
  deepEqual(inShort(silent.tickAfter(IDLE_MS - 1)), ['send ping']);
  deepEqual(inShort(silent.tickAfter(1)), ['disconnect idle']);
});

test('messages go to the node once the greeting is done', () => {
  const bench = new PeerBench();
  bench.receive('version', REMOTE_VERSION);
  deepEqual(bench.receive('inv', items(1)), []);
  bench.receive('verack', undefined);
  const payload = items(2);
  deepEqual(bench.receive('inv', payload), [{type: 'message', message: {command: 'inv', payload}}]);
  deepEqual(inShort(bench.receive('block', Uint8Array.of(1))), ['message block']);
  deepEqual(inShort(bench.receive('getheaders', {version: 0, locator: [], stop: hash(0)})), ['message getheaders']);
});

test('several messages in one piece, and one message in many', () => {
  const stream = [
    encodeMessage(PKT.magic, 'ping', {nonce: 1n}),
    encodeMessage(PKT.magic, 'inv', items(3)),
    encodeMessage(PKT.magic, 'version', REMOTE_VERSION),
    encodeMessage(PKT.magic, 'ping', {nonce: 2n}),
  ];
  const bytes = Buffer.concat(stream);
  const expected = ['send pong', 'message inv', 'send reject', 'disconnect second-version'];
  deepEqual(inShort(new PeerBench().greet().push(bytes)), expected);
  const slow = new PeerBench().greet();
  deepEqual(inShort([...bytes].flatMap((byte) => slow.push(Uint8Array.of(byte)))), expected);
});

test('addresses are told once, and only to those who came', () => {
  const inbound = new PeerBench().greet();
  deepEqual(inShort(inbound.receive('getaddr', undefined)), ['message getaddr']);
  deepEqual(inbound.receive('getaddr', undefined), []);
  deepEqual(new PeerBench({direction: 'outbound'}).greet().receive('getaddr', undefined), []);
});

test('a peer may tell of so many addresses and then of few', () => {
  const bench = new PeerBench().greet();
  const address: SeenAddress = {time: 1, ...REMOTE_VERSION.addrFrom};
  const addresses = Array.from({length: 600}, () => address);
  const told = (events: readonly PeerEvent[]): number =>
    events.reduce((sum, e) => sum + (e.type === 'message' ? (e.message.payload as Payloads['addr']).length : 0), 0);
  equal(told(bench.receive('addr', addresses)), 600);
  equal(told(bench.receive('addr', addresses)), 400);
  deepEqual(bench.receive('addr', addresses), []);
  bench.nowMs += 25_000;
  equal(told(bench.receive('addr', addresses)), 2);
  equal(bench.score.at(bench.nowMs), 0);
});

test('what the peer wishes for announcements', () => {
  const bench = new PeerBench().greet();
  equal(bench.peer.prefersHeaders, false);
  deepEqual(bench.receive('sendheaders', undefined), []);
  equal(bench.peer.prefersHeaders, true);
  bench.receive('feefilter', {unitsPerKb: 1000n});
  equal(bench.peer.minUnitsPerKb, 1000n);
  bench.receive('feefilter', {unitsPerKb: -1n});
  equal(bench.peer.minUnitsPerKb, 0n);
});

test('malformed messages cost points; six at once are a ban, one an hour is not', () => {
  const malformed = encodeFrame(PKT.magic, 'ping', new Uint8Array(7));
  const quick = new PeerBench().greet();
  for (let i = 0; i < 5; i++) deepEqual(quick.push(malformed), []);
  deepEqual(inShort(quick.push(malformed)), ['ban malformed']);
  const slow = new PeerBench().greet();
  for (let i = 0; i < 50; i++) {
    slow.nowMs += 3_600_000;
    deepEqual(slow.push(malformed), []);
  }
});

test('a stream that is none ends the connection', () => {
  const push = (bytes: Uint8Array): string[] => inShort(new PeerBench().greet().push(bytes));
  deepEqual(push(encodeMessage(PKTTEST.magic, 'verack', undefined)), ['disconnect wrong-magic']);
  const damaged = encodeMessage(PKT.magic, 'ping', {nonce: 1n});
  damaged[20]! ^= 1;
  deepEqual(push(damaged), ['disconnect wrong-checksum']);
  const long = encodeFrame(PKT.magic, 'ping', new Uint8Array(9));
  deepEqual(push(long), ['disconnect payload-too-long']);
});

test('blocks that break rules end the connection, those that may become valid do not', () => {
  const charge = (error: unknown): string[] => {
    const bench = new PeerBench().greet();
    return inShort(bench.peer.charge(error, bench.nowMs));
  };
  deepEqual(charge(new RuleError('ErrBadMerkleRoot')), ['disconnect ErrBadMerkleRoot']);
  deepEqual(charge(new RuleError('ErrTimeTooNew')), []);
  deepEqual(charge(new WireError('truncated')), []);
  throws(() => charge(new Error('of our own')), /of our own/);
  equal(penaltyOf(new RuleError('ErrBadPow')), 100);
  equal(penaltyOf(new MessageError('malformed')), 20);
  equal(penaltyOf(new WireError('truncated')), 20);
  equal(penaltyOf(new BytesError('truncated')), 20);
  equal(penaltyOf(new PeerError('mempool-requested')), 33);
  equal(penaltyOf(new Error('of our own')), 0);
});

test('an address cannot clear its score by coming again', () => {
  const score = new BanScore();
  const first = new PeerBench({score}).greet();
  deepEqual(inShort(first.peer.charge(new RuleError('ErrBadPow'), first.nowMs)), ['disconnect ErrBadPow']);
  const second = new PeerBench({score}).greet();
  deepEqual(inShort(second.receive('version', REMOTE_VERSION)), ['send reject', 'ban second-version']);
  // What costs nothing does not end a connection, whatever the score.
  const third = new PeerBench({score}).greet();
  deepEqual(inShort(third.receive('getdata', items(1))), ['message getdata']);
  deepEqual(third.peer.charge(new RuleError('ErrTimeTooNew'), third.nowMs), []);
});

test('the score halves every minute', () => {
  const score = new BanScore();
  equal(score.add(80, START_MS), false);
  equal(score.at(START_MS + 60_000), 40);
  equal(score.at(START_MS - 60_000), 80);
  equal(score.add(80, START_MS + 60_000), true);
  equal(score.at(START_MS + 60_000), BAN_LIMIT);
  equal(score.at(START_MS + 180_000), BAN_LIMIT / 4);
});

test('mempool and large requests cost points', () => {
  const bench = new PeerBench().greet();
  deepEqual(inShort(bench.receive('mempool', undefined)), ['message mempool']);
  equal(bench.score.at(bench.nowMs), 33);
  bench.receive('getdata', items(505));
  equal(bench.score.at(bench.nowMs), 33);
  bench.receive('getdata', items(506));
  equal(bench.score.at(bench.nowMs), 34);
  deepEqual(inShort(bench.receive('getdata', items(50_000))), ['ban too-many-items']);
  const local = {...REMOTE_VERSION.addrRecv, services: 9n};
  const plain = new PeerBench({local}).greet();
  deepEqual(plain.receive('mempool', undefined), []);
  equal(plain.score.at(plain.nowMs), 33);
});

test('more inventory than anyone needs is not passed on', () => {
  const bench = new PeerBench().greet();
  const invs = (): string[] => inShort(bench.receive('inv', items(50_000)));
  deepEqual([invs(), invs(), invs()], [['message inv'], ['message inv'], []]);
  equal(bench.score.at(bench.nowMs), 20);
  bench.nowMs += 10_000;
  deepEqual(invs(), ['message inv']);
  for (let i = 0; i < 5; i++) invs();
  deepEqual(invs(), ['ban too-many-items']);
  equal(bench.peer.isClosed, true);
});

test('a peer that sends too much is read more slowly', () => {
  const second = {perSecond: 1000, burst: 5000};
  const bench = new PeerBench({limits: {...PEER_LIMITS, bytes: second}}).greet();
  equal(bench.peer.pausedUntilMs(bench.nowMs), bench.nowMs);
  bench.push(encodeFrame(PKT.magic, 'unknown', new Uint8Array(10_000)));
  const untilMs = bench.peer.pausedUntilMs(bench.nowMs);
  equal(untilMs > bench.nowMs + 5000 && untilMs < bench.nowMs + 5500, true, `${untilMs - bench.nowMs}`);
  bench.nowMs = untilMs;
  equal(bench.peer.pausedUntilMs(bench.nowMs), bench.nowMs);

  const chatty = new PeerBench({limits: {...PEER_LIMITS, messages: {perSecond: 10, burst: 20}}}).greet();
  for (let i = 0; i < 28; i++) chatty.receive('ping', {nonce: 0n});
  equal(chatty.peer.pausedUntilMs(chatty.nowMs), chatty.nowMs + 1000);
});

test('a budget refills up to its burst', () => {
  const budget = new Budget({perSecond: 10, burst: 20}, 0);
  equal(budget.take(21, 0), false);
  equal(budget.take(15, 0), true);
  equal(budget.takeUpTo(9, 0), 5);
  equal(budget.takeUpTo(9, 50), 0);
  budget.spend(10, 100);
  equal(budget.solventAtMs(100), 1000);
  equal(budget.takeUpTo(9, 100), 0);
  // A clock that goes back refills nothing.
  equal(budget.solventAtMs(50), 950);
  equal(budget.takeUpTo(100, 1_000_000), 20);
});

test('a connection that sends for long takes no more memory', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const bench = new PeerBench().greet();
  const stream = Buffer.concat(
    COMMANDS.filter((command) => !['version', 'mempool'].includes(command)).map((command) =>
      encodeMessage(PKT.magic, command, MESSAGE_SAMPLES[command]),
    ),
  );
  const send = (times: number): void => {
    for (let i = 0; i < times; i++) {
      bench.push(stream);
      bench.push(encodeFrame(PKT.magic, 'unknown', new Uint8Array(100)));
      const ticked = bench.tickAfter(1000);
      if (ticked.length > 0) bench.receive('pong', sent(ticked, 'ping'));
    }
    collect();
  };
  send(200);
  const before = process.memoryUsage().heapUsed;
  send(2000);
  equal(bench.peer.isReady, true);
  const grown = process.memoryUsage().heapUsed - before;
  equal(grown < 1_000_000, true, `${grown} bytes more after ${2000 * (COMMANDS.length - 1)} messages`);
});
