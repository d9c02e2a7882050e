import {deepEqual, equal, ok, rejects} from 'node:assert/strict';
import {readdir, writeFile} from 'node:fs/promises';
import {connect, createServer, type Socket} from 'node:net';
import {join} from 'node:path';
import {type TestContext, test} from 'node:test';
import {createPktreg} from '../../../src/core/params/index.ts';
import {type Transaction, transactionId} from '../../../src/core/primitives/index.ts';
import {SERVICE} from '../../../src/core/protocol/p2p/index.ts';
import type {Chain} from '../../../src/node/chain/chain.ts';
import {Mempool} from '../../../src/node/mempool/mempool.ts';
import {parseIp} from '../../../src/node/p2p/addresses/ip.ts';
import {PeerNetwork, type PeerNetworkOptions} from '../../../src/node/p2p/peer-network.ts';
import {relayOf} from '../../../src/node/p2p/relay/mempool-relay.ts';
import {NO_LOG} from '../../../src/service/logs/log.ts';
import {branch, genesisOf} from '../../support/easy-blocks.ts';
import {acceptAll, openLabChain, temporaryFolder} from '../../support/peer-lab.ts';

const SHORT = createPktreg({money: {coinbaseMaturity: 5, stewardExpiry: 60}});
const GENESIS = genesisOf(SHORT);
const LONG = branch({network: SHORT, tag: 0}, GENESIS, 0, 400);
const LOCAL = '127.0.0.1';

interface Node {
  readonly chain: Chain;
  readonly network: PeerNetwork;
  readonly pool: Mempool;
  readonly at: {readonly host: string; readonly port: number};
}

/** Time runs, but can be pushed on: waiting a minute for the next attempt is no test. */
class Clock {
  skippedMs = 0;
  readonly nowMs = (): number => Date.now() + this.skippedMs;
}

async function open(t: TestContext, clock: Clock, options: Partial<PeerNetworkOptions> = {}): Promise<Node> {
  const chain = await openLabChain(SHORT, clock.nowMs);
  const pool = new Mempool({
    chain,
    checkScripts: () => Promise.resolve(),
    log: NO_LOG,
    nowMs: clock.nowMs,
    random: Math.random,
    relayNonStandard: true,
  });
  const network = await PeerNetwork.open({
    chain,
    pool: relayOf(pool),
    filters: undefined,
    services: SERVICE.network | SERVICE.witness,
    userAgent: '/test:1/',
    nowMs: clock.nowMs,
    listen: [{host: LOCAL, port: 0}],
    outboundTarget: 0,
    onFailure: (error) => {
      throw error;
    },
    ...options,
  });
  t.after(async () => {
    await network.close();
    await pool.close();
  });
  return {chain, network, pool, at: {host: LOCAL, port: network.ports[0] ?? 0}};
}

/** Waits for something that will be; the test's own deadline ends it otherwise. */
async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 10));
}

const agree = (...nodes: readonly Node[]): boolean => {
  const [first, ...rest] = nodes.map(({chain}) => Buffer.from(chain.tip.hash).toString('hex'));
  return rest.every((tip) => tip === first);
};

test('two nodes: one fetches from the other, they part, both go on, they meet and agree', {
  timeout: 60_000,
}, async (t) => {
  const clock = new Clock();
  const [a, b] = [await open(t, clock), await open(t, clock)];
  await acceptAll(a.chain, LONG.slice(0, 300));
  b.network.addNode(a.at);
  await until(() => b.chain.height === 300);
  ok(b.network.removeNode(a.at));
  await until(() => a.network.peers().length === 0 && b.network.peers().length === 0);
  // Fifty blocks on one side, one more on the other: the side that is behind is reorganised.
  await acceptAll(a.chain, LONG.slice(300, 350));
  await acceptAll(b.chain, branch({network: SHORT, tag: 5}, LONG[299]!, 300, 51));
  equal(agree(a, b), false);
  let undone = 0;
  a.chain.subscribe(({type}) => {
    if (type === 'disconnected') undone++;
  });
  b.network.addNode(a.at);
  await until(() => agree(a, b));
  equal(a.chain.height, 351);
  equal(undone, 50);
  const [info] = b.network.peers();
  equal(info?.kind, 'manual');
  equal(info?.userAgent, '/test:1/');
  ok(info!.bytesReceived > 1000 && b.network.totals.bytesReceived > 1_000_000);
});

test('three nodes pass on a transaction and a block', {timeout: 60_000}, async (t) => {
  const clock = new Clock();
  const [a, b, c] = [await open(t, clock), await open(t, clock), await open(t, clock)];
  for (const {chain} of [a, b, c]) await acceptAll(chain, LONG.slice(0, 20));
  b.network.addNode(a.at);
  c.network.addNode(b.at);
  await until(() => b.network.peers().filter(({isReady}) => isReady).length === 2);
  const coin = LONG[2]!.transactions[0]!;
  const transaction: Transaction = {
    version: 1,
    inputs: [{txid: transactionId(coin), index: 0, script: new Uint8Array(0), sequence: 0xffffffff, witness: []}],
    outputs: [{value: coin.outputs[0]!.value - 2n ** 20n, script: Uint8Array.of(0x51)}],
    lockTime: 0,
  };
  await a.pool.accept(transaction, {source: 'local'});
  await until(() => {
    // Announcements wait for random moments: time is pushed on.
    clock.skippedMs += 100;
    return c.pool.has(transactionId(transaction));
  });
  ok(b.pool.has(transactionId(transaction)));
  await a.chain.accept(LONG[20]!);
  await until(() => c.chain.height === 21 && b.chain.height === 21);
});

test('a node that comes back is connected again; one that is not there is tried again', {
  timeout: 60_000,
}, async (t) => {
  const clock = new Clock();
  const probe = createServer();
  const port = await new Promise<number>((resolve) => {
    probe.listen(0, LOCAL, () => resolve((probe.address() as {port: number}).port));
  });
  await new Promise((resolve) => probe.close(resolve));
  const a = await open(t, clock, {connect: [{host: LOCAL, port}], connectOnly: true});
  deepEqual(a.network.nodes(), [{host: LOCAL, port, connection: undefined}]);
  const b = await open(t, clock, {listen: [{host: LOCAL, port}]});
  clock.skippedMs += 61_000;
  await until(() => a.network.nodes()[0]!.connection !== undefined && a.network.peers()[0]!.isReady);
  equal(b.network.disconnectFrom(parseIp(LOCAL)!), 1);
  await until(() => a.network.peers().length === 0);
  clock.skippedMs += 61_000;
  await until(() => a.network.peers().length === 1);
  equal(a.network.addNode({host: LOCAL, port}), false, 'on the list already');
  equal(a.network.disconnect(a.network.peers()[0]!.id), true);
  equal(a.network.disconnect(999), false);
});

test('a node that is led to itself notices and leaves it', {timeout: 60_000}, async (t) => {
  const clock = new Clock();
  const a = await open(t, clock);
  a.network.tryNode(a.at);
  await until(() => a.network.totals.bytesReceived > 100);
  await until(() => a.network.peers().length === 0);
});

test('a host that is banned does not get in, until the ban is lifted', {timeout: 60_000}, async (t) => {
  const clock = new Clock();
  const a = await open(t, clock);
  const join = (): Promise<Socket> =>
    new Promise((resolve) => {
      const socket = connect(a.at, () => resolve(socket));
      socket.on('error', () => {});
      t.after(() => socket.destroy());
    });
  const first = await join();
  await until(() => a.network.peers().length === 1);
  const subnet = {ip: parseIp(LOCAL)!, bits: 128};
  a.network.ban(subnet, clock.nowMs() + 60_000);
  await new Promise((resolve) => first.once('close', resolve).resume());
  const second = await join();
  await new Promise((resolve) => second.once('close', resolve).resume());
  equal(a.network.bans().length, 1);
  equal(a.network.unban(subnet), true);
  await join();
  await until(() => a.network.peers().length === 1);
});

test('addresses and bans outlive the program; damaged files are begun anew', {timeout: 60_000}, async (t) => {
  const clock = new Clock();
  const path = await temporaryFolder(t);
  const warnings: string[] = [];
  const log = {...NO_LOG, warn: (message: string) => warnings.push(message)};
  const seeds = {...SHORT, dnsSeeds: ['a.seed', 'b.seed']};
  const asked: string[] = [];
  const options = {
    path,
    log,
    resolveSeed: (name: string) => {
      asked.push(name);
      return Promise.resolve(['8.8.8.8', '8.8.4.4']);
    },
  };
  const chain = await openLabChain(seeds, clock.nowMs);
  const first = await open(t, clock, {...options, chain});
  await until(() => first.network.knownAddresses === 2);
  deepEqual(asked, ['a.seed', 'b.seed']);
  first.network.ban({ip: parseIp('8.8.8.8')!, bits: 128}, clock.nowMs() + 1e6);
  await first.network.close();
  deepEqual((await readdir(path)).sort(), ['bans.dat', 'peers.dat']);
  const second = await open(t, clock, {...options, noDnsSeed: true, chain});
  deepEqual([second.network.knownAddresses, second.network.bans().length, asked.length], [2, 1, 2]);
  await second.network.close();
  await writeFile(join(path, 'peers.dat'), 'rubbish');
  const third = await open(t, clock, {...options, noDnsSeed: true, chain});
  deepEqual([third.network.knownAddresses, third.network.bans().length, warnings.length], [0, 1, 1]);
  await third.network.close();
});

test('pktreg asks no seeds', {timeout: 60_000}, async (t) => {
  await open(t, new Clock(), {resolveSeed: () => Promise.reject(new Error('must not be asked'))});
  equal(SHORT.dnsSeeds.length, 0);
});

test('an address that is taken cannot be listened on', {timeout: 60_000}, async (t) => {
  const clock = new Clock();
  const a = await open(t, clock);
  await rejects(open(t, clock, {listen: [{host: LOCAL, port: 0}, a.at]}), /EADDRINUSE/);
});
