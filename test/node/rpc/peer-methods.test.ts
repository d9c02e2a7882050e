import {deepEqual, equal, ok} from 'node:assert/strict';
import {test} from 'node:test';
import {PKTREG} from '../../../src/core/params/index.ts';
import {branch, genesisOf} from '../../support/easy-blocks.ts';
import {RpcTestNode} from '../../support/rpc-node.ts';

const LISTEN = {p2pListen: [{host: '127.0.0.1', port: 0}], checkProof: () => Promise.resolve()};

interface PeerShown {
  readonly id: number;
  readonly addr: string;
  readonly inbound: boolean;
  readonly version: number;
  readonly subver: string;
  readonly bytesrecv: number;
  readonly pingtime: number;
}

/** Waits for something that another node brings about; the test's own time limit ends a wait in vain. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

const peersOf = (rpc: RpcTestNode): Promise<PeerShown[]> => rpc.call<PeerShown[]>('getpeerinfo');

test('nodes are added, tried, disconnected, banned', {timeout: 60_000}, async (t) => {
  const [one, two] = [await RpcTestNode.open(t, LISTEN), await RpcTestNode.open(t, LISTEN)];
  const [address] = two.node.addresses.p2p as [string];
  const blocks = branch({network: PKTREG, tag: 1}, genesisOf(PKTREG), 0, 5);
  for (const block of blocks) await two.node.parts.chain.accept(block);

  equal(await one.call('addnode', address, 'add'), null);
  equal((await one.ask('addnode', [address, 'add'])).error?.code, -8);
  await until(async () => (await one.call('getblockcount')) === 5);
  const [peer] = await peersOf(one);
  deepEqual([peer!.addr, peer!.inbound, peer!.version, peer!.subver], [address, false, 70013, '/pktstack:9.9.9/']);
  ok(peer!.bytesrecv > 5 * 4000);
  const [inbound] = await peersOf(two);
  deepEqual([inbound!.inbound, await two.call('getconnectioncount')], [true, 1]);
  const info = await one.call<{networkactive: boolean; connections: number}>('getnetworkinfo');
  deepEqual([info.networkactive, info.connections], [true, 1]);
  deepEqual(await one.call('getaddednodeinfo'), [{addednode: address, connected: true}]);
  deepEqual(await one.call('getaddednodeinfo', false), [address]);
  deepEqual(await one.call('getaddednodeinfo', true, '127.0.0.1:1'), []);
  const totals = await one.call<{totalbytesrecv: number}>('getnettotals');
  ok(totals.totalbytesrecv >= peer!.bytesrecv);
  equal(await one.call('ping'), null);
  await until(async () => (await peersOf(one))[0]!.pingtime > 0);

  equal(await one.call('addnode', address, 'remove'), null);
  await until(async () => (await peersOf(one)).length === 0);
  equal((await one.ask('addnode', [address, 'remove'])).error?.code, -8);
  deepEqual(await one.call('getaddednodeinfo'), []);

  equal(await one.call('node', 'connect', address, 'temp'), null);
  await until(async () => (await peersOf(one)).length === 1);
  const [again] = await peersOf(one);
  equal(await one.call('node', 'disconnect', String(again!.id)), null);
  await until(async () => (await peersOf(one)).length === 0);
  equal((await one.ask('node', ['disconnect', '4711'])).error?.code, -8);
  equal((await one.ask('node', ['disconnect', '192.0.2.1:5'])).error?.code, -8);
  equal((await one.ask('node', ['explode', address])).error?.code, -32602);
  equal((await one.ask('addnode', ['host:99999', 'add'])).error?.code, -8);

  await until(async () => (await peersOf(two)).length === 0);
  equal(await two.call('setban', '127.0.0.1', 'add', 1000), null);
  const bans = await two.call<{address: string; banned_until: number}[]>('listbanned');
  equal(bans.length, 1);
  ok(bans[0]!.address.startsWith('127.0.0.1'));
  equal(await one.call('node', 'connect', address, 'temp'), null);
  await until(async () => (await one.call<unknown[]>('getaddednodeinfo')).length === 0);
  equal((await peersOf(two)).length, 0, 'a banned address is not let in');
  equal(await two.call('setban', '127.0.0.1', 'remove'), null);
  equal((await two.ask('setban', ['127.0.0.1', 'remove'])).error?.code, -8);
  deepEqual(await two.call('listbanned'), []);
});
