import {deepEqual, equal, ok} from 'node:assert/strict';
import {type TestContext, test} from 'node:test';
import {RuleError} from '../../../src/core/consensus/index.ts';
import {PKTREG} from '../../../src/core/params/index.ts';
import {encodeTransaction, type Transaction, transactionId} from '../../../src/core/primitives/index.ts';
import {SERVICE} from '../../../src/core/protocol/p2p/index.ts';
import {PolicyError} from '../../../src/node/mempool/errors.ts';
import {MAX_PEER_ANNOUNCEMENTS, TX_DEADLINE_MS, TxRequests} from '../../../src/node/p2p/relay/tx-requests.ts';
import {FakeRelayPool, numbered} from '../../support/fake-relay-pool.ts';
import {Lab, type LabNode, type Stranger} from '../../support/peer-lab.ts';

const TX = 1;
const WITNESS_TX = 0x40000001;
/** Announcements wait for a random moment; by then all have been made. */
const TRICKLED_MS = 60_000;

interface Bench {
  readonly lab: Lab;
  readonly pool: FakeRelayPool;
  readonly node: LabNode;
  readonly stranger: (relay?: boolean) => Stranger;
}

async function bench(t: TestContext): Promise<Bench> {
  const lab = new Lab(t, PKTREG);
  const pool = new FakeRelayPool();
  const services = SERVICE.network | SERVICE.witness | SERVICE.bloom;
  const node = await lab.node({pool, services});
  const stranger = (relay = true): Stranger => {
    const peer = lab.stranger(node, 'inbound', {version: {relay, startHeight: 0}});
    peer.onMessage = ({command, payload}): void => {
      if (command === 'ping') peer.send('pong', payload);
    };
    return peer;
  };
  return {lab, pool, node, stranger};
}

const sendTx = (peer: Stranger, transaction: Transaction): void => peer.send('tx', encodeTransaction(transaction));
const items = (...transactions: readonly Transaction[]): {type: number; hash: Uint8Array}[] =>
  transactions.map((transaction) => ({type: TX, hash: transactionId(transaction)}));

test('a transaction is asked for once, taken, and told on at a random moment, not back', async (t) => {
  const {lab, pool, stranger} = await bench(t);
  const [a, b, c, deaf] = [stranger(), stranger(), stranger(), stranger(false)];
  await lab.run(250);
  const [tx] = [numbered(1)];
  for (const peer of [a, b]) {
    peer.send('inv', items(tx));
    await lab.run(250);
  }
  deepEqual(a.take('getdata'), [[{type: WITNESS_TX, hash: transactionId(tx)}]]);
  deepEqual(b.take('getdata'), []);
  sendTx(a, tx);
  await lab.run(250);
  ok(pool.has(transactionId(tx)));
  await lab.run(TRICKLED_MS);
  deepEqual(
    [a, b, c, deaf].map((peer) => peer.take('inv')),
    [[], [], [items(tx)], []],
  );
  c.send('getdata', [{type: WITNESS_TX, hash: transactionId(tx)}]);
  await lab.run(250);
  deepEqual(c.take('tx'), [encodeTransaction(tx)]);
});

test('announcements do not all come at the same moment, and many are spread', async (t) => {
  const {lab, pool, stranger} = await bench(t);
  const peers = Array.from({length: 8}, () => stranger());
  await lab.run(250);
  for (let i = 0; i < 1200; i++) pool.put(numbered(i));
  const moments = new Map<Stranger, number>();
  const sizes: number[] = [];
  for (let step = 0; step < 400; step++) {
    await lab.run(250);
    for (const peer of peers) {
      for (const inv of peer.take('inv')) {
        sizes.push(inv.length);
        if (!moments.has(peer)) moments.set(peer, step);
      }
    }
  }
  ok(new Set(moments.values()).size > 3, `${[...moments.values()]}`);
  equal(Math.max(...sizes), 500);
  equal(
    sizes.reduce((sum, size) => sum + size),
    8 * 1200,
  );
});

test('what a peer does not want for its fee is not told; our own minimum is', async (t) => {
  const {lab, pool, stranger} = await bench(t);
  pool.minimumUnitsPerKb = 5000n;
  const peer = stranger();
  await lab.run(250);
  deepEqual(peer.take('feefilter'), [{unitsPerKb: 5000n}]);
  peer.send('feefilter', {unitsPerKb: 2000n});
  await lab.run(250);
  pool.put(numbered(1), 1999n);
  const rich = pool.put(numbered(2), 2000n);
  pool.minimumUnitsPerKb = 5500n;
  await lab.run(TRICKLED_MS + 1000);
  deepEqual(peer.take('inv'), [[{type: TX, hash: rich}]]);
  deepEqual(peer.take('feefilter'), [], 'a small change is not told');
  pool.minimumUnitsPerKb = 10_000n;
  await lab.run(TRICKLED_MS + 1000);
  deepEqual(peer.take('feefilter'), [{unitsPerKb: 10_000n}]);
});

test('a transaction that does not come is asked of the next who has it', async (t) => {
  const {lab, node, stranger} = await bench(t);
  const [a, b, c] = [stranger(), stranger(), stranger()];
  await lab.run(250);
  const [tx] = [numbered(1)];
  for (const peer of [a, b, c]) {
    peer.send('inv', items(tx));
    await lab.run(250);
  }
  equal(a.take('getdata').length, 1);
  await lab.run(TX_DEADLINE_MS);
  equal(b.take('getdata').length, 1);
  b.send('notfound', items(tx));
  await lab.run(250);
  equal(c.take('getdata').length, 1);
  c.end.close();
  await lab.run(250);
  equal(node.hub.load.transactions, 0);
});

test('the parents of an orphan are asked for', async (t) => {
  const {lab, pool, stranger} = await bench(t);
  const parent = transactionId(numbered(7));
  pool.judge = () => Promise.resolve({accepted: false, missing: [parent], refused: []});
  const peer = stranger();
  await lab.run(250);
  sendTx(peer, numbered(1));
  await lab.run(250);
  deepEqual(peer.take('getdata'), [[{type: WITNESS_TX, hash: parent}]]);
  peer.end.close();
  await lab.run(250);
  deepEqual(pool.gone, [1]);
});

test('a refused transaction: the sender hears why, pays for it, and is not asked for it again until the next block', async (t) => {
  const {lab, pool, node, stranger} = await bench(t);
  let judged = 0;
  pool.judge = () => {
    judged++;
    return Promise.reject(new PolicyError('dust'));
  };
  const peer = stranger();
  await lab.run(250);
  const [tx] = [numbered(1)];
  sendTx(peer, tx);
  await lab.run(250);
  deepEqual(peer.take('reject'), [{message: 'tx', code: 0x41, reason: 'dust', hash: transactionId(tx)}]);
  peer.send('inv', items(tx));
  sendTx(peer, tx);
  await lab.run(250);
  deepEqual([peer.take('getdata').length, judged], [0, 1]);
  // The id says nothing of witnesses: another form of the same transaction may be good.
  const [signed] = [numbered(2, [Uint8Array.of(1)])];
  sendTx(peer, signed);
  await lab.run(250);
  peer.send('inv', items(signed));
  await lab.run(250);
  equal(peer.take('getdata').length, 1);
  pool.judge = () => Promise.reject(new RuleError('ErrSpendTooHigh'));
  sendTx(peer, numbered(3));
  await lab.run(250);
  equal(peer.isConnected, false);
  const other = stranger();
  await lab.run(250);
  other.send('tx', Uint8Array.of(1, 2, 3));
  await lab.run(250);
  equal(other.take('reject')[0]?.code, 1);
  ok(node.scores.of(other.connection.endpoint.ip).at(lab.nowMs) > 15);
});

test('an orphan that turns out bad is held against who sent it', async (t) => {
  const {lab, pool, stranger} = await bench(t);
  const [a, b] = [stranger(), stranger()];
  await lab.run(250);
  const error = new RuleError('ErrSpendTooHigh');
  pool.judge = () => Promise.resolve({accepted: true, missing: [], refused: [{peer: a.connection.id, error}]});
  sendTx(b, numbered(1));
  await lab.run(250);
  deepEqual([a.isConnected, b.isConnected], [false, true]);
});

test('local transactions are told again when they are due, to those as well who heard of them', async (t) => {
  const {lab, pool, stranger} = await bench(t);
  const peer = stranger();
  await lab.run(250);
  const txid = pool.put(numbered(1));
  await lab.run(TRICKLED_MS);
  equal(peer.take('inv').length, 1);
  pool.due.push(txid);
  await lab.run(TRICKLED_MS);
  deepEqual(peer.take('inv'), [[{type: TX, hash: txid}]]);
});

test('the whole pool is told who asks for it, at a price', async (t) => {
  const {lab, pool, node, stranger} = await bench(t);
  const txids = [pool.put(numbered(1)), pool.put(numbered(2))];
  const peer = stranger();
  await lab.run(250);
  peer.send('mempool', undefined);
  await lab.run(250);
  deepEqual(peer.take('inv'), [txids.map((hash) => ({type: TX, hash}))]);
  ok(node.scores.of(peer.connection.endpoint.ip).at(lab.nowMs) > 30);
});

test('a transaction that leaves the pool before its moment is not told', async (t) => {
  const {lab, pool, stranger} = await bench(t);
  const peer = stranger();
  await lab.run(250);
  pool.remove(pool.put(numbered(1)));
  await lab.run(TRICKLED_MS);
  deepEqual(peer.take('inv'), []);
});

test('a peer whose transactions wait to be judged is not read', async (t) => {
  const {lab, pool, stranger} = await bench(t);
  const peer = stranger();
  await lab.run(250);
  const waiting: (() => void)[] = [];
  pool.judge = () => new Promise((resolve) => waiting.push(() => resolve({accepted: true, missing: [], refused: []})));
  for (let i = 0; i < 40; i++) sendTx(peer, numbered(i));
  await lab.run(250);
  equal(
    peer.connection.wire instanceof Object && (peer.connection.wire as unknown as {reading: boolean}).reading,
    false,
  );
  for (const release of waiting.splice(0)) release();
  await lab.run(500);
  equal((peer.connection.wire as unknown as {reading: boolean}).reading, true);
});

test('what one peer announces is bounded', () => {
  const requests = new TxRequests();
  const asked: number[] = [];
  const hash = (number: number): Uint8Array => transactionId(numbered(number));
  const txids = Array.from({length: MAX_PEER_ANNOUNCEMENTS + 500}, (_, i) => hash(i));
  requests.announced(1, txids, 0, (_peer, batch) => asked.push(batch.length));
  deepEqual([asked, requests.size], [[MAX_PEER_ANNOUNCEMENTS], MAX_PEER_ANNOUNCEMENTS]);
  for (let peer = 2; peer < 20; peer++) requests.announced(peer, [txids[0]!], 0, () => {});
  equal(requests.received(1, txids[0]!), true);
  equal(requests.received(1, txids[0]!), false);
  requests.gone(1, 0, () => {});
  equal(requests.size, 0);
  requests.announced(1, txids, 0, () => {});
  equal(requests.size, MAX_PEER_ANNOUNCEMENTS, 'room again');
});
