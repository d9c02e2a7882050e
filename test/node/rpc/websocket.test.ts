import {deepEqual, equal, match, ok, rejects} from 'node:assert/strict';
import {once} from 'node:events';
import {test} from 'node:test';
import {WebSocket} from 'ws';
import {encodeHex} from '../../../src/core/bytes/index.ts';
import {encodeAddress, stewardShare, subsidy} from '../../../src/core/consensus/index.ts';
import {createPktreg} from '../../../src/core/params/index.ts';
import {
  type Block,
  blockHash,
  encodeHeader,
  encodeTransaction,
  type Transaction,
  transactionId,
} from '../../../src/core/primitives/index.ts';
import {branch, genesisOf, mineOn} from '../../support/easy-blocks.ts';
import {ADMIN, authorization, LIMITED, RpcTestNode} from '../../support/rpc-node.ts';
import {RpcSocket} from '../../support/rpc-socket.ts';
import {signAll, testKey} from '../../support/signing.ts';

const NETWORK = createPktreg({money: {coinbaseMaturity: 2}});
const genesis = genesisOf(NETWORK);
const KEY = testKey(1);
const OTHER = testKey(2);
const ADDRESS = encodeAddress(KEY.script, NETWORK.addresses);
const unproved = {network: NETWORK, checkProof: () => Promise.resolve()};

const shown = (hash: Uint8Array): string => encodeHex(hash.slice().reverse());
const hexOf = (transaction: Transaction): string => encodeHex(encodeTransaction(transaction));
const headerHex = ({header}: Block): string => encodeHex(encodeHeader(header));

/** Spends the miner's output of a block, which anyone can, to a key. */
function payFrom(block: Block, height: number, script: Uint8Array): Transaction {
  const value = subsidy(NETWORK.money, height) - stewardShare(NETWORK.money, height) - 10_000n;
  const txid = transactionId(block.transactions[0]!);
  return {
    version: 1,
    inputs: [{txid, index: 0, script: new Uint8Array(0), sequence: 0xffffffff, witness: []}],
    outputs: [{value, script}],
    lockTime: 0,
  };
}

function spend(from: Transaction, script: Uint8Array): Transaction {
  const {value} = from.outputs[0]!;
  const inputs = [{txid: transactionId(from), index: 0, script: new Uint8Array(0), sequence: 0xffffffff, witness: []}];
  return signAll({version: 1, inputs, outputs: [{value: value - 10_000n, script}], lockTime: 0}, KEY, [value]);
}

const point = (transaction: Transaction, index = 0): object => ({hash: shown(transactionId(transaction)), index});

test('who a client is: by header or as its first call, in time', async (t) => {
  const rpc = await RpcTestNode.open(t, unproved);
  const byHeader = await RpcSocket.open(t, rpc, ADMIN);
  equal(await byHeader.call('getblockcount'), 0);
  const {sessionid} = await byHeader.call<{sessionid: number}>('session');
  ok(Number.isSafeInteger(sessionid));
  const byCall = await RpcSocket.open(t, rpc);
  equal(await byCall.call('authenticate', LIMITED.user, LIMITED.password), null);
  equal(await byCall.call('getblockcount'), 0);
  match((await byCall.ask('stop')).error!.message, /limited user/);
  equal((await byCall.ask('nosuch')).error?.code, -32601);

  for (const params of [['admin', 'wrong'], ['admin'], []]) {
    const client = await RpcSocket.open(t, rpc);
    const closed = client.closed();
    await rejects(client.ask('authenticate', ...params), /closed/);
    equal(await closed, 1008);
  }
  const hasty = await RpcSocket.open(t, rpc);
  const ended = hasty.closed();
  await rejects(hasty.ask('getblockcount'), /closed/);
  equal(await ended, 1008);
  const impatient = await RpcTestNode.open(t, {...unproved, rpcLimits: {authenticateMs: 300}});
  const silent = await RpcSocket.open(t, impatient);
  equal(await silent.closed(), 1008, 'the time is up');

  const wrong = new WebSocket(`ws://${rpc.address}/ws`, {
    headers: {authorization: authorization({user: 'admin', password: 'no'})},
  });
  const [error] = (await once(wrong, 'error')) as [Error];
  match(error.message, /401/);
  const elsewhere = new WebSocket(`ws://${rpc.address}/other`);
  const [missing] = (await once(elsewhere, 'error')) as [Error];
  match(missing.message, /404/);
});

test('no more sessions than there may be; one that ends makes room', async (t) => {
  const rpc = await RpcTestNode.open(t, {...unproved, rpcLimits: {sessions: 2}});
  const first = await RpcSocket.open(t, rpc, ADMIN);
  await RpcSocket.open(t, rpc, ADMIN);
  const third = new WebSocket(`ws://${rpc.address}/ws`, {headers: {authorization: authorization(ADMIN)}});
  const [error] = (await once(third, 'error')) as [Error];
  match(error.message, /503/);
  first.socket.close();
  await once(first.socket, 'close');
  const again = await RpcSocket.open(t, rpc, ADMIN);
  equal(await again.call('getblockcount'), 0);
});

async function opens(rpc: RpcTestNode): Promise<boolean> {
  const socket = new WebSocket(`ws://${rpc.address}/ws`, {headers: {authorization: authorization(ADMIN)}});
  socket.on('error', () => {});
  const isOpen = await new Promise<boolean>((resolve) => {
    socket.once('open', () => resolve(true));
    socket.once('close', () => resolve(false));
  });
  socket.close();
  return isOpen;
}

test('frames that are too large, answers that nobody reads', async (t) => {
  const rpc = await RpcTestNode.open(t, {...unproved, rpcLimits: {bufferedBytes: 2 ** 20, sessions: 2}});
  const large = await RpcSocket.open(t, rpc, ADMIN);
  const closed = large.closed();
  large.socket.send(Buffer.alloc(33 * 2 ** 20, ' '));
  equal(await closed, 1009);
  const slow = await RpcSocket.open(t, rpc, ADMIN);
  slow.socket.pause();
  const dropped = slow.closed();
  const body = JSON.stringify({id: 1, method: 'echo', params: ['x'.repeat(2 ** 20)]});
  for (let i = 0; i < 30; i++) slow.socket.send(body);
  const other = await RpcSocket.open(t, rpc, ADMIN);
  // Once the node has dropped the client there is room for one more.
  while (!(await opens(rpc))) equal(await other.call('getblockcount'), 0);
  slow.socket.resume();
  equal(await dropped, 1006);
  equal(await other.call('getblockcount'), 0);
});

test('an answer that cannot be written is refused', async (t) => {
  const rpc = await RpcTestNode.open(t, unproved);
  const client = await RpcSocket.open(t, rpc, ADMIN);
  const depth = 100_000;
  const told = new Promise<string>((resolve) => {
    client.socket.once('message', (data: Buffer) => resolve(data.toString()));
  });
  client.socket.send(`{"id":"deep","method":"echo","params":[${'['.repeat(depth)}${']'.repeat(depth)}]}`);
  match(await told, /"code":-32603.*"id":"deep"/);
  equal(await client.call('getblockcount'), 0);
});

test('blocks, and what of them the filter wants, over a reorganisation', async (t) => {
  const rpc = await RpcTestNode.open(t, unproved);
  const {chain} = rpc.node.parts;
  const client = await RpcSocket.open(t, rpc, ADMIN);
  const deaf = await RpcSocket.open(t, rpc, ADMIN);
  await client.call('notifyblocks');
  await client.call('loadtxfilter', true, [ADDRESS], []);
  const main = branch({network: NETWORK, tag: 1}, genesis, 0, 3);
  const pay = payFrom(main[0]!, 1, KEY.script);
  const onward = spend(pay, OTHER.script);
  const witnessless = {...onward, inputs: onward.inputs.map((input) => ({...input, witness: []}))};
  equal(shown(transactionId(onward)), shown(transactionId(witnessless)));
  main.push(mineOn({network: NETWORK, tag: 1}, main[2]!, 4, [pay]));
  for (const block of main) await chain.accept(block);
  const place = (block: Block, height: number): unknown[] => [
    shown(blockHash(block.header)),
    height,
    block.header.time,
  ];
  deepEqual(
    await client.told(8),
    main.flatMap((block, i) => [
      {method: 'blockconnected', params: place(block, i + 1)},
      {method: 'filteredblockconnected', params: [i + 1, headerHex(block), i === 3 ? [hexOf(pay)] : []]},
    ]),
  );
  const side = branch({network: NETWORK, tag: 2}, main[2]!, 3, 2);
  for (const block of side) await chain.accept(block);
  deepEqual(await client.told(7), [
    {method: 'blockdisconnected', params: place(main[3]!, 4)},
    {method: 'filteredblockdisconnected', params: [4, headerHex(main[3]!)]},
    ...side.flatMap((block, i) => [
      {method: 'blockconnected', params: place(block, i + 4)},
      {method: 'filteredblockconnected', params: [i + 4, headerHex(block), []]},
    ]),
    // It waits in the pool again.
    {method: 'relevanttxaccepted', params: [hexOf(pay)]},
  ]);
  const found = await client.call<object[]>(
    'rescanblocks',
    [main[3]!, side[0]!].map(({header}) => shown(blockHash(header))),
  );
  deepEqual(found, [{hash: shown(blockHash(main[3]!.header)), transactions: [hexOf(pay)]}]);
  equal((await client.ask('rescanblocks', ['00'.repeat(32)])).error?.code, -5);
  equal((await client.ask('loadtxfilter', false, ['nonsense'], [])).error?.code, -5);
  equal((await client.ask('loadtxfilter', false, ADDRESS, [])).error?.code, -32602);

  await client.call('stopnotifyblocks');
  await chain.accept(mineOn({network: NETWORK, tag: 2}, side[1]!, 6));
  equal(await client.call('getblockcount'), 6);
  deepEqual(client.notices, []);
  equal(await deaf.call('getblockcount'), 6);
  deepEqual(deaf.notices, []);
});

test('a filter of outputs hears of their spending; loading anew forgets', async (t) => {
  const rpc = await RpcTestNode.open(t, unproved);
  const {chain} = rpc.node.parts;
  const client = await RpcSocket.open(t, rpc, ADMIN);
  await client.call('notifyblocks');
  const main = branch({network: NETWORK, tag: 1}, genesis, 0, 3);
  const pay = payFrom(main[0]!, 1, OTHER.script);
  await client.call('loadtxfilter', false, [], [point(main[0]!.transactions[0]!)]);
  main.push(mineOn({network: NETWORK, tag: 1}, main[2]!, 4, [pay]));
  for (const block of main) await chain.accept(block);
  const notices = await client.told(8);
  deepEqual(notices[7], {method: 'filteredblockconnected', params: [4, headerHex(main[3]!), [hexOf(pay)]]});
  await client.call('loadtxfilter', true, [], []);
  deepEqual(await client.call('rescanblocks', [shown(blockHash(main[3]!.header))]), []);
});

test('transactions of the pool: ids, objects, and those that the filter wants', async (t) => {
  const rpc = await RpcTestNode.open(t, unproved);
  const {chain} = rpc.node.parts;
  const blocks = branch({network: NETWORK, tag: 1}, genesis, 0, 4);
  for (const block of blocks) await chain.accept(block);
  const ids = await RpcSocket.open(t, rpc, ADMIN);
  const objects = await RpcSocket.open(t, rpc, ADMIN);
  const wanting = await RpcSocket.open(t, rpc, ADMIN);
  await ids.call('notifynewtransactions');
  await objects.call('notifynewtransactions', true);
  await wanting.call('loadtxfilter', true, [ADDRESS], []);
  await wanting.call('notifyreceived', [ADDRESS]);
  const pay = payFrom(blocks[0]!, 1, KEY.script);
  const txid = shown(transactionId(pay));
  equal(await ids.call('sendrawtransaction', hexOf(pay)), txid);
  const amount = Number(pay.outputs[0]!.value) / 2 ** 30;
  deepEqual(await ids.told(1), [{method: 'txaccepted', params: [txid, amount]}]);
  const [notice] = await objects.told(1);
  equal(notice!.method, 'txacceptedverbose');
  const [shownObject] = notice!.params as [{txid: string; hex: string; vin: {prevOut: {address: string}}[]}];
  deepEqual([shownObject.txid, shownObject.hex], [txid, hexOf(pay)]);
  ok(shownObject.vin[0]!.prevOut.address.length > 0);
  deepEqual(await wanting.told(2), [
    {method: 'recvtx', params: [hexOf(pay)]},
    {method: 'relevanttxaccepted', params: [hexOf(pay)]},
  ]);
  const onward = spend(pay, OTHER.script);
  await ids.call('stopnotifynewtransactions');
  await objects.call('stopnotifynewtransactions');
  await ids.call('sendrawtransaction', hexOf(onward));
  deepEqual(await wanting.told(2), [
    {method: 'redeemingtx', params: [hexOf(onward)]},
    {method: 'relevanttxaccepted', params: [hexOf(onward)]},
  ]);
  equal(await ids.call('getblockcount'), 4);
  deepEqual([ids.notices, objects.notices], [[], []]);
});

test('the older calls: watched addresses and outputs, and a rescan', async (t) => {
  const rpc = await RpcTestNode.open(t, unproved);
  const {chain} = rpc.node.parts;
  const client = await RpcSocket.open(t, rpc, ADMIN);
  const main = branch({network: NETWORK, tag: 1}, genesis, 0, 3);
  const pay = payFrom(main[0]!, 1, KEY.script);
  const other = payFrom(main[1]!, 2, OTHER.script);
  await client.call('notifyreceived', [ADDRESS]);
  await client.call('notifyspent', [point(main[1]!.transactions[0]!)]);
  main.push(mineOn({network: NETWORK, tag: 1}, main[2]!, 4, [pay, other]));
  const hashOf = (height: number): string => shown(blockHash(main[height - 1]!.header));
  for (const block of main) await chain.accept(block);
  const {time} = main[3]!.header;
  const place = (index: number): object => ({height: 4, hash: hashOf(4), index, time});
  const received = {method: 'recvtx', params: [hexOf(pay), place(1)]};
  const redeemed = {method: 'redeemingtx', params: [hexOf(other), place(2)]};
  deepEqual(await client.told(2), [received, redeemed]);

  await client.call('stopnotifyreceived', [ADDRESS]);
  await client.call('stopnotifyspent', [point(main[1]!.transactions[0]!)]);
  const more = branch({network: NETWORK, tag: 1}, main[3]!, 4, 120);
  const again = payFrom(main[2]!, 3, KEY.script);
  more[0] = mineOn({network: NETWORK, tag: 1}, main[3]!, 5, [again]);
  for (let i = 1; i < 120; i++) more[i] = mineOn({network: NETWORK, tag: 1}, more[i - 1]!, 5 + i);
  for (const block of more) await chain.accept(block);
  equal(await client.call('getblockcount'), 124);
  deepEqual(client.notices, [], 'nothing is watched any more');
  main.push(...more);

  const begin = hashOf(1);
  equal(await client.call('rescan', begin, [ADDRESS], [point(main[1]!.transactions[0]!)]), null);
  const mark = (method: string, height: number): object => ({
    method,
    params: [hashOf(height), height, main[height - 1]!.header.time],
  });
  const late = {height: 5, hash: hashOf(5), index: 1, time: main[4]!.header.time};
  deepEqual(await client.told(5), [
    received,
    redeemed,
    {method: 'recvtx', params: [hexOf(again), late]},
    mark('rescanprogress', 100),
    mark('rescanfinished', 124),
  ]);
  await client.call('rescan', begin, [ADDRESS], [], hashOf(4));
  deepEqual(await client.told(2), [received, mark('rescanfinished', 4)]);
  equal((await client.ask('rescan', '00'.repeat(32), [], [])).error?.code, -5);
  equal((await client.ask('rescan', hashOf(4), [], [], hashOf(3))).error?.code, -8);
  equal((await client.ask('rescan', begin, ['nonsense'], [])).error?.code, -5);
  equal((await client.ask('notifyreceived', ['nonsense'])).error?.code, -5);
  const both = await Promise.all([client.ask('rescan', begin, [], []), client.ask('rescan', begin, [], [])]);
  deepEqual(
    both.map(({error}) => error?.code),
    [undefined, -32603],
  );
});

test('a node that stops tells its clients', async (t) => {
  const rpc = await RpcTestNode.open(t, unproved);
  const client = await RpcSocket.open(t, rpc, ADMIN);
  const closed = client.closed();
  await rpc.node.close();
  equal(await closed, 1001);
});
