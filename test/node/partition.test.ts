// Whole nodes on loopback that are parted, mine on, and meet again.
import {deepEqual, equal, notDeepEqual, notEqual} from 'node:assert/strict';
import {type TestContext, test} from 'node:test';
import {encodeHex} from '../../src/core/bytes/index.ts';
import {createPktreg, type Network, PKTREG} from '../../src/core/params/index.ts';
import {type Block, type Transaction, transactionId} from '../../src/core/primitives/index.ts';
import type {NodeOptions} from '../../src/node/node.ts';
import {branch, genesisOf, mineOn} from '../support/easy-blocks.ts';
import {RpcTestNode} from '../support/rpc-node.ts';
import {testKey} from '../support/signing.ts';

const LOOPBACK = {host: '127.0.0.1', port: 0};
const WAIT_MS = 60_000;
const SHORT = createPktreg({money: {coinbaseMaturity: 5, stewardExpiry: 200}});
const GENESIS = genesisOf(SHORT);
const NO_PROOFS = {network: SHORT, checkProof: () => Promise.resolve()};

function open(t: TestContext, options: Partial<NodeOptions>): Promise<RpcTestNode> {
  return RpcTestNode.open(t, {p2pListen: [LOOPBACK], diskReserveBytes: 0, ...options});
}

function placeOf({node}: RpcTestNode): {readonly host: string; readonly port: number} {
  const [host, port] = node.addresses.p2p[0]!.split(':') as [string, string];
  return {host, port: Number(port)};
}

const tipOf = ({node}: RpcTestNode): string => encodeHex(node.parts.chain.tip.hash);

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (const begun = performance.now(); !isSo(); await new Promise((resolve) => setTimeout(resolve, 20))) {
    if (performance.now() - begun > WAIT_MS) throw new Error(`not within a minute: ${what}`);
  }
}

/** Joins two nodes and waits until they agree. */
async function join(a: RpcTestNode, b: RpcTestNode): Promise<void> {
  b.node.parts.peers.addNode(placeOf(a));
  await until('both have one tip', () => tipOf(a) === tipOf(b));
}

async function part(a: RpcTestNode, b: RpcTestNode): Promise<void> {
  b.node.parts.peers.removeNode(placeOf(a));
  await until(
    'they are apart',
    () => a.node.parts.peers.peers().length === 0 && b.node.parts.peers.peers().length === 0,
  );
}

/** All that must be alike where the tips are. */
async function stateOf(node: RpcTestNode): Promise<object> {
  return {
    tip: await node.call('getbestblock'),
    coins: await node.call('gettxoutsetinfo'),
    steward: await node.call('getnetworksteward'),
  };
}

/** Both nodes, and one that begins from scratch, are in one state. */
async function agree(t: TestContext, nodes: readonly RpcTestNode[], options: Partial<NodeOptions>): Promise<void> {
  const fresh = await open(t, options);
  await join(nodes[0]!, fresh);
  const expected = await stateOf(fresh);
  for (const node of nodes) deepEqual(await stateOf(node), expected);
}

async function take({node}: RpcTestNode, blocks: readonly Block[]): Promise<void> {
  await Promise.all(blocks.map((block) => node.parts.chain.accept(block)));
}

function reorganisationsOf({node}: RpcTestNode): {readonly removed: number} {
  const seen = {removed: 0};
  node.parts.chain.subscribe(({type}) => {
    if (type === 'disconnected') seen.removed++;
  });
  return seen;
}

test('true proofs: two nodes mine apart and meet; three blocks are taken back', async (t) => {
  const mining = {miningAddresses: ['pktr1qw508d6qejxtdg4y5r3zarvary0c5xw7k5u7zlc']};
  const [a, b] = [await open(t, mining), await open(t, mining)];
  await a.call('generate', 4);
  await join(a, b);
  await part(a, b);
  await a.call('generate', 3);
  await b.call('generate', 4);
  notEqual(tipOf(a), tipOf(b));
  const tip = tipOf(b);
  const [seenA, seenB] = [reorganisationsOf(a), reorganisationsOf(b)];
  await join(a, b);
  equal(tipOf(a), tip, 'the branch with more work');
  deepEqual([seenA.removed, seenB.removed], [3, 0]);
  await agree(t, [a, b], {network: PKTREG});
});

test('fifty blocks are taken back', async (t) => {
  const [a, b] = [await open(t, NO_PROOFS), await open(t, NO_PROOFS)];
  const common = branch({network: SHORT, tag: 0}, GENESIS, 0, 20);
  await take(a, common);
  await join(a, b);
  await part(a, b);
  const top = common.at(-1)!;
  await take(a, branch({network: SHORT, tag: 1}, top, 20, 50));
  await take(b, branch({network: SHORT, tag: 2}, top, 20, 51));
  const seen = reorganisationsOf(a);
  await join(a, b);
  equal(a.node.parts.chain.height, 71);
  equal(seen.removed, 50);
  await agree(t, [a, b], NO_PROOFS);
});

/** Spends the miner's coins of some blocks to one output that votes. */
function vote(network: Network, blocks: readonly Block[], candidate: Uint8Array): Transaction {
  const against = network.money.initialSteward;
  const inputs = blocks.map(({transactions: [coinbase]}) => ({
    txid: transactionId(coinbase!),
    index: 0,
    script: new Uint8Array(0),
    sequence: 0xffffffff,
    witness: [],
  }));
  const value = blocks.reduce((sum, {transactions: [coinbase]}) => sum + coinbase!.outputs[0]!.value, 0n);
  const script = Uint8Array.from([0x51, candidate.length, ...candidate, against.length, ...against, 0x66]);
  return {version: 1, inputs, outputs: [{value, script}], lockTime: 0};
}

for (const [title, aCount, bCount] of [
  ['the second has more work', 3, 5],
  ['the first has more work', 50, 3],
] as const) {
  test(`both sides of a partition elect stewards of their own: ${title}`, async (t) => {
    const [a, b] = [await open(t, NO_PROOFS), await open(t, NO_PROOFS)];
    const common = branch({network: SHORT, tag: 0}, GENESIS, 0, 30);
    await take(a, common);
    await join(a, b);
    const before = await a.call<{readonly script: string}>('getnetworksteward');
    await part(a, b);
    const top = common.at(-1)!;
    const sides = [
      {node: a, count: aCount, candidate: testKey(1).script, tag: 1},
      {node: b, count: bCount, candidate: testKey(2).script, tag: 2},
    ] as const;
    for (const {node, count, candidate, tag} of sides) {
      // The first block of the branch votes and elects; those above it pay the new steward.
      const first = mineOn({network: SHORT, tag}, top, 31, [vote(SHORT, common.slice(0, 24), candidate)]);
      await take(node, [first, ...branch({network: SHORT, tag, steward: candidate}, first, 31, count)]);
      equal(node.node.parts.chain.height, 31 + count);
      const {script} = await node.call<{readonly script: string}>('getnetworksteward');
      equal(script, encodeHex(candidate));
      notEqual(script, before.script);
    }
    notDeepEqual(await a.call('getnetworksteward'), await b.call('getnetworksteward'));
    const winner = aCount > bCount ? a : b;
    const expected = await stateOf(winner);
    await join(a, b);
    deepEqual(await stateOf(a), expected);
    deepEqual(await stateOf(b), expected);
    await agree(t, [a, b], NO_PROOFS);
  });
}

test('a clock that stands still, or is set back and forth, does not keep nodes from agreeing', async (t) => {
  let nowMs = Date.now();
  const options = {...NO_PROOFS, nowMs: () => nowMs};
  const [a, b] = [await open(t, options), await open(t, options)];
  const blocks = branch({network: SHORT, tag: 0}, GENESIS, 0, 60);
  await take(a, blocks.slice(0, 20));
  await join(a, b);
  nowMs -= 3 * 3_600_000;
  await take(a, blocks.slice(20, 40));
  await until('the clock is set back', () => b.node.parts.chain.height === 40);
  nowMs += 10 * 3_600_000;
  await take(a, blocks.slice(40));
  // Who has been silent for hours is left, and connected to again as time goes on.
  await until('the clock is set forward', () => {
    nowMs += 1000;
    return b.node.parts.chain.height === 60;
  });
  await agree(t, [a, b], options);
});
