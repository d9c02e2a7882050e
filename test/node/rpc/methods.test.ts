// Every method at least once with a call that goes well and one that does not.
import {deepEqual, equal, match, ok} from 'node:assert/strict';
import {Writable} from 'node:stream';
import {type TestContext, test} from 'node:test';
import {decodeHex, encodeHex} from '../../../src/core/bytes/index.ts';
import {encodeAddress, stewardShare, subsidy} from '../../../src/core/consensus/index.ts';
import {createPktreg, PKT} from '../../../src/core/params/index.ts';
import {
  type Block,
  blockHash,
  decodeTransaction,
  encodeBlock,
  encodeHeader,
  encodeTransaction,
  type Transaction,
  transactionId,
} from '../../../src/core/primitives/index.ts';
import {RPC_METHODS} from '../../../src/node/rpc/methods/index.ts';
import {createLog} from '../../../src/service/logs/pino-log.ts';
import {branch, genesisOf, mineOn} from '../../support/easy-blocks.ts';
import {RpcTestNode} from '../../support/rpc-node.ts';
import {signAll, testKey} from '../../support/signing.ts';
import {readVectors} from '../../support/vectors.ts';

const NETWORK = createPktreg({money: {coinbaseMaturity: 2}});
const KEY = testKey(1);
const ADDRESS = encodeAddress(KEY.script, NETWORK.addresses);
const OTHER = encodeAddress(testKey(2).script, NETWORK.addresses);
const NOW_MS = 1_800_000_000_000;
const NO_HASH = '00'.repeat(32);

const shown = (hash: Uint8Array): string => encodeHex(hash.slice().reverse());
const idOf = (transaction: Transaction): string => shown(transactionId(transaction));
const hexOf = (transaction: Transaction): string => encodeHex(encodeTransaction(transaction));
const hashOf = ({header}: Block): string => shown(blockHash(header));

/** Spends the miner's output of a block, which anyone can, to our key. */
function payFrom(block: Block, height: number, fee = 10_000n): Transaction {
  const value = subsidy(NETWORK.money, height) - stewardShare(NETWORK.money, height) - fee;
  const txid = transactionId(block.transactions[0]!);
  const inputs = [{txid, index: 0, script: new Uint8Array(0), sequence: 0xffffffff, witness: []}];
  return {version: 1, inputs, outputs: [{value, script: KEY.script}], lockTime: 0};
}

function spend(from: Transaction, fee = 10_000n): Transaction {
  const {value} = from.outputs[0]!;
  const inputs = [{txid: transactionId(from), index: 0, script: new Uint8Array(0), sequence: 0xffffffff, witness: []}];
  return signAll({version: 1, inputs, outputs: [{value: value - fee, script: KEY.script}], lockTime: 0}, KEY, [value]);
}

interface Fixture {
  readonly rpc: RpcTestNode;
  readonly blocks: readonly Block[];
  /** Mined in block 6, spent by `waiting`. */
  readonly paid: Transaction;
  /** In the pool. */
  readonly waiting: Transaction;
}

/** Six blocks, the last with a payment; one transaction waits. */
async function openFixture(t: TestContext): Promise<Fixture> {
  const rpc = await RpcTestNode.open(t, {
    network: NETWORK,
    checkProof: () => Promise.resolve(),
    nowMs: () => NOW_MS,
    miningAddresses: [ADDRESS],
    logLevel: {level: 'info'},
    indexes: new Set(['transactions', 'addresses', 'filters']),
  });
  const blocks = branch({network: NETWORK, tag: 1}, genesisOf(NETWORK), 0, 5);
  const paid = payFrom(blocks[0]!, 1);
  blocks.push(mineOn({network: NETWORK, tag: 1}, blocks[4]!, 6, [paid]));
  for (const block of blocks) await rpc.node.parts.chain.accept(block);
  const waiting = spend(paid);
  await rpc.call('sendrawtransaction', hexOf(waiting));
  return {rpc, blocks, paid, waiting};
}

interface Row {
  readonly good: readonly unknown[];
  /** Result of the good call; anything when left out. */
  readonly result?: unknown;
  /** Parameters of a call that is refused, and its code; too many parameters when left out. */
  readonly bad?: readonly unknown[];
  readonly code?: number;
}

function rows({blocks, paid, waiting}: Fixture): Record<string, Row> {
  const tip = hashOf(blocks[5]!);
  const unknown = {bad: [NO_HASH], code: -5};
  const block = mineOn({network: NETWORK, tag: 9}, blocks[5]!, 7);
  const raw = hexOf(paid);
  const unsigned = hexOf({...waiting, inputs: waiting.inputs.map((input) => ({...input, witness: []}))});
  return {
    getblockcount: {good: [], result: 6},
    getbestblockhash: {good: [], result: tip},
    getbestblock: {good: [], result: {hash: tip, height: 6}},
    getblockhash: {good: [6], result: tip, bad: [7], code: -8},
    getblockheader: {good: [tip, false], result: encodeHex(encodeHeader(blocks[5]!.header)), ...unknown},
    getblock: {good: [tip, 0], result: encodeHex(encodeBlock(blocks[5]!)), ...unknown},
    getheaders: {
      good: [[hashOf(blocks[3]!)]],
      result: blocks.slice(4).map(({header}) => encodeHex(encodeHeader(header))),
      bad: ['x'],
    },
    getdifficulty: {good: [], result: 1},
    getnetworkhashps: {good: [2], result: 2 / 60, bad: ['x']},
    getblockchaininfo: {good: []},
    getchaintips: {good: [], result: [{height: 6, hash: tip, branchlen: 0, status: 'active'}]},
    getcurrentnet: {good: [], result: 0x0a1011fc},
    getnetworksteward: {good: []},
    getcfilter: {good: [tip], ...unknown},
    getcfilterheader: {good: [tip], ...unknown},
    verifychain: {good: [3, 3], result: true, bad: [3, 0]},
    gettxoutsetinfo: {good: []},
    getrawtransaction: {good: [idOf(paid)], result: raw, ...unknown},
    gettxout: {good: [idOf(paid), 0], result: null, bad: [idOf(paid), -1]},
    searchrawtransactions: {good: [ADDRESS, 0], result: [raw, hexOf(waiting)], bad: [OTHER], code: -5},
    decoderawtransaction: {good: [raw], bad: [raw.slice(2)], code: -22},
    decodescript: {good: ['51'], bad: ['5'], code: -22},
    createrawtransaction: {
      good: [[{txid: idOf(paid), vout: 0}], {[ADDRESS]: 1.5}],
      bad: [[{txid: idOf(paid), vout: 0}], {[encodeAddress(KEY.script, PKT.addresses)]: 1}],
      code: -5,
    },
    validateaddress: {good: [ADDRESS], result: {isvalid: true, address: ADDRESS}},
    verifymessage: {good: [ADDRESS, 'AA==', 'hello'], result: false, bad: ['x', 'AA==', 'hello'], code: -5},
    getrawmempool: {good: [], result: [idOf(waiting)], bad: ['x']},
    getmempoolentry: {good: [idOf(waiting)], ...unknown},
    getmempoolinfo: {good: []},
    sendrawtransaction: {
      good: [hexOf(payFrom(blocks[1]!, 2))],
      result: idOf(payFrom(blocks[1]!, 2)),
      bad: [unsigned],
      code: -26,
    },
    estimatefee: {good: [3], result: 1000 / 2 ** 30, bad: [0]},
    estimatesmartfee: {good: [3], result: {feerate: 1000 / 2 ** 30, blocks: 3}, bad: [0]},
    getrawblocktemplate: {good: []},
    getblocktemplate: {good: [], bad: [{mode: 'x'}], code: -8},
    submitblock: {good: [encodeHex(encodeBlock(block))], result: null, bad: ['00'], code: -22},
    checkpcshare: {good: [], bad: [{}]},
    checkpcann: {good: [], bad: ['00'], code: -22},
    configureminingpayouts: {good: [{[ADDRESS]: 1}], result: null, bad: [{}], code: -32603},
    getminingpayouts: {good: []},
    getmininginfo: {good: []},
    getgenerate: {good: [], result: false},
    setgenerate: {good: [false], result: null, bad: [true], code: -1},
    gethashespersec: {good: [], result: 0},
    generate: {good: [1], bad: [0]},
    getinfo: {good: []},
    getnetworkinfo: {good: []},
    getpeerinfo: {good: [], result: []},
    getconnectioncount: {good: [], result: 0},
    getnettotals: {good: [], result: {totalbytesrecv: 0, totalbytessent: 0, timemillis: NOW_MS}},
    getaddednodeinfo: {good: [], result: []},
    addnode: {good: ['127.0.0.1:1', 'add'], result: null, bad: ['127.0.0.1:1', 'add'], code: -8},
    node: {good: ['remove', '127.0.0.1:1'], result: null, bad: ['remove', '127.0.0.1:1'], code: -8},
    ping: {good: [], result: null},
    listbanned: {good: [], result: []},
    setban: {good: ['192.0.2.0/24', 'add', 60], result: null, bad: ['nowhere', 'add'], code: -8},
    version: {good: []},
    uptime: {good: [], result: 0},
    echo: {good: [{a: [1]}], result: {a: [1]}},
    debuglevel: {good: ['show'], result: 'info', bad: ['loud']},
    help: {good: ['getblock'], bad: ['nosuch'], code: -8},
    stop: {good: []},
  };
}

/** Their good call has a test of its own. */
const ELSEWHERE: ReadonlySet<string> = new Set(['checkpcshare', 'checkpcann', 'stop']);

test('every method', async (t) => {
  const fixture = await openFixture(t);
  const {rpc} = fixture;
  const table = rows(fixture);
  const offered = RPC_METHODS.filter(({result}) => result !== 'never').map(({name}) => name);
  deepEqual(Object.keys(table).sort(), offered.toSorted());
  for (const [name, row] of Object.entries(table)) {
    if (!ELSEWHERE.has(name)) {
      const {result, error} = await rpc.ask(name, row.good);
      equal(error, null, `${name}: ${error?.message}`);
      if ('result' in row) deepEqual(result, row.result, name);
    }
    const {result, error} = await rpc.ask(name, row.bad ?? new Array(20).fill(0));
    deepEqual([result, error?.code], [null, row.code ?? -32602], name);
  }
  for (const {name} of RPC_METHODS.filter((method) => method.result === 'never')) {
    equal((await rpc.ask(name)).error?.code, -1, name);
  }
});

test('blocks and headers as objects', async (t) => {
  const {rpc, blocks, paid} = await openFixture(t);
  const tip = hashOf(blocks[5]!);
  const header = await rpc.call<Record<string, unknown>>('getblockheader', tip);
  deepEqual(
    [header['height'], header['confirmations'], header['previousblockhash'], header['nextblockhash']],
    [6, 1, hashOf(blocks[4]!), undefined],
  );
  const below = await rpc.call<Record<string, unknown>>('getblockheader', hashOf(blocks[4]!));
  deepEqual([below['confirmations'], below['nextblockhash']], [2, tip]);
  const whole = await rpc.call<{rawtx: {txid: string; vin: {prevOut?: {svalue: string}}[]}[]}>('getblock', tip, 1, 1);
  const spentValue = paid.outputs[0]!.value + 10_000n;
  deepEqual(
    whole.rawtx.map(({txid, vin}) => [txid, vin[0]!.prevOut?.svalue]),
    [
      [idOf(blocks[5]!.transactions[0]!), undefined],
      [idOf(paid), spentValue.toString()],
    ],
  );
  const {chain} = rpc.node.parts;
  const side = mineOn({network: NETWORK, tag: 2}, blocks[4]!, 6);
  await chain.accept(side);
  equal((await rpc.call<{confirmations: number}>('getblock', hashOf(side))).confirmations, -1);
  const tips = await rpc.call<{status: string; branchlen: number}[]>('getchaintips');
  deepEqual(
    tips.map(({status, branchlen}) => [status, branchlen]),
    [
      ['active', 0],
      ['valid-fork', 1],
    ],
  );
});

test('outputs: unspent ones, those of the pool, those that the pool spends', async (t) => {
  const {rpc, blocks, paid, waiting} = await openFixture(t);
  const seen = async (transaction: Transaction, pool?: boolean): Promise<unknown[] | null> => {
    const params = [idOf(transaction), 0, ...(pool === undefined ? [] : [pool])];
    const found = await rpc.call<Record<string, unknown> | null>('gettxout', ...params);
    return found && [found['confirmations'], found['svalue'], found['address'], found['coinbase']];
  };
  const value = ({outputs}: Transaction): string => outputs[0]!.value.toString();
  deepEqual(await seen(waiting), [0, value(waiting), ADDRESS, false]);
  equal(await seen(waiting, false), null);
  equal(await seen(paid), null);
  deepEqual(await seen(paid, false), [1, value(paid), ADDRESS, false]);
  const [coinbase] = blocks[4]!.transactions;
  deepEqual(await seen(coinbase!), [2, value(coinbase!), 'script:UQ==', true]);
  equal(await seen(blocks[0]!.transactions[0]!), null);
});

test('transactions of an address, both ways, page by page, with those of the pool', async (t) => {
  const {rpc, blocks, paid, waiting} = await openFixture(t);
  const all = [paid, waiting];
  for (let i = 0; i < 3; i++) {
    const next = spend(all.at(-1)!);
    all.push(next);
    await rpc.call('sendrawtransaction', hexOf(next));
  }
  const block = mineOn({network: NETWORK, tag: 1}, blocks[5]!, 7, all.slice(1, 3));
  await rpc.node.parts.chain.accept(block);
  equal((await rpc.call<string[]>('getrawmempool')).length, 2);
  const ids = async (skip: number, count: number, reverse: boolean): Promise<string[]> => {
    const {result, error} = await rpc.ask('searchrawtransactions', [ADDRESS, 1, skip, count, 0, reverse]);
    if (error !== null) {
      equal(error.code, -5);
      return [];
    }
    return (result as {txid: string}[]).map(({txid}) => txid);
  };
  const forward = all.map(idOf);
  deepEqual(await ids(0, 100, false), forward);
  const backward = await ids(0, 100, true);
  deepEqual(backward.toSorted(), forward.toSorted());
  deepEqual(backward.slice(2), forward.slice(0, 3).toReversed());
  for (const [reverse, order] of [
    [false, forward],
    [true, backward],
  ] as const) {
    for (const size of [1, 2, 3]) {
      const pages: string[] = [];
      for (let skip = 0; skip < 5; skip += size) pages.push(...(await ids(skip, size, reverse)));
      deepEqual(pages, order, `${reverse} ${size}`);
    }
    deepEqual(await ids(5, 1, reverse), []);
  }
  const [first] = await rpc.call<Record<string, unknown>[]>('searchrawtransactions', ADDRESS, 1, 0, 1, 1);
  deepEqual([first!['confirmations'], first!['blockhash']], [2, hashOf(blocks[5]!)]);
  const [vin] = first!['vin'] as {prevOut: {address: string}}[];
  equal(vin!.prevOut.address, 'script:UQ==');
  const [filtered] = await rpc.call<{vin: unknown[]; vout: unknown[]}[]>(
    'searchrawtransactions',
    ...[ADDRESS, 1, 0, 1, 1, false, [OTHER]],
  );
  deepEqual([filtered!.vin, filtered!.vout], [[], []]);

  const plain = await RpcTestNode.open(t, {network: NETWORK, checkProof: () => Promise.resolve()});
  ok((await plain.ask('searchrawtransactions', [ADDRESS])).error !== null, 'there is no index');
  match(await plain.refusal('getrawtransaction', idOf(paid)), /^ErrRPCNoTxInfo\(-5\).*use the transaction index/);
});

test('transactions are made, read, refused', async (t) => {
  const {rpc, paid, waiting} = await openFixture(t);
  const txid = idOf(paid);
  const made = await rpc.call<string>(
    'createrawtransaction',
    [{txid, vout: 0}],
    {[ADDRESS]: 1.5, [OTHER]: 2 ** -30},
    7,
  );
  const {outputs, inputs, lockTime} = decodeTransaction(decodeHex(made));
  deepEqual(
    outputs.map(({value}) => value),
    [3n * 2n ** 29n, 1n],
  );
  deepEqual([inputs[0]!.sequence, lockTime], [0xfffffffe, 7]);
  for (const [params, code] of [
    [[[], {[ADDRESS]: 1}], -8],
    [[[{txid, vout: 0}], {}], -8],
    [[[{txid, vout: 0}], {[ADDRESS]: 0}], -8],
    [[[{txid, vout: 0}], {nonsense: 1}], -5],
    [[[{txid: 'x', vout: 0}], {[ADDRESS]: 1}], -32602],
  ] as const) {
    equal((await rpc.ask('createrawtransaction', params)).error?.code, code);
  }
  const read = await rpc.call<{sfee: string; vin: {prevOut?: {address: string}}[]}>(
    'decoderawtransaction',
    hexOf(waiting),
    1,
  );
  deepEqual([read.sfee, read.vin[0]!.prevOut?.address], ['10000', ADDRESS]);
  equal((await rpc.call<{sfee: string}>('decoderawtransaction', hexOf(waiting))).sfee, 'unknown');
  match(await rpc.refusal('sendrawtransaction', hexOf(waiting)), /^ErrRPCTxRejected\(-26\): ErrRejectDuplicate/);
  match(await rpc.refusal('sendrawtransaction', 'zz'), /^ErrRPCDecodeHexString\(-22\)/);
  const rich = spend(waiting, 2n ** 40n);
  match(await rpc.refusal('sendrawtransaction', hexOf(rich)), /^ErrRPCTxRejected\(-26\)/);
  equal(await rpc.call('sendrawtransaction', hexOf(rich), true), idOf(rich));
  const entry = await rpc.call<Record<string, unknown>>('getmempoolentry', idOf(rich));
  deepEqual([entry['sfee'], entry['depends']], [String(2n ** 40n), [idOf(waiting)]]);
  const verbose = await rpc.call<Record<string, unknown>>('getrawmempool', true);
  deepEqual(Object.keys(verbose).sort(), [idOf(rich), idOf(waiting)].sort());
  deepEqual(verbose[idOf(rich)], entry);
});

interface SignedMessage {
  readonly address: string;
  readonly message: string;
  readonly signature: string;
}

test('messages that the existing wallet has signed', async (t) => {
  const {messageSignatures} = readVectors<{messageSignatures: readonly SignedMessage[]}>('wallet');
  const rpc = await RpcTestNode.open(t, {network: {...PKT, checkpoints: []}, checkProof: () => Promise.resolve()});
  ok(messageSignatures.length >= 2);
  const [first, second] = messageSignatures as [SignedMessage, SignedMessage];
  for (const {address, message, signature} of messageSignatures) {
    equal(await rpc.call('verifymessage', address, signature, message), true);
    equal(await rpc.call('verifymessage', address, signature, `${message} `), false);
    equal(
      await rpc.call('verifymessage', address, `${signature.slice(0, 20)}AAAA${signature.slice(24)}`, message),
      false,
    );
  }
  equal(await rpc.call('verifymessage', first.address, second.signature, first.message), false);
  equal(await rpc.call('verifymessage', first.address, 'no signature', first.message), false);
  equal((await rpc.ask('verifymessage', [ADDRESS, first.signature, 'x'])).error?.code, -5, 'of another network');
});

test('a node is asked to stop', async (t) => {
  let stopped = 0;
  const rpc = await RpcTestNode.open(t, {onStop: () => stopped++});
  equal(await rpc.call('stop'), 'pktstack stopping.');
  equal(stopped, 1);
  equal(await rpc.call('getblockcount'), 0, 'who runs the node closes it');
});

test('how much is logged', async (t) => {
  const lines: string[] = [];
  const out = new Writable({
    write: (line: Buffer, _encoding, done) => {
      lines.push((JSON.parse(line.toString()) as {msg: string}).msg);
      done();
    },
  });
  const log = createLog({level: 'error', format: 'json', out});
  const rpc = await RpcTestNode.open(t, {log, logLevel: log});
  log.info('one');
  equal(await rpc.call('debuglevel', 'info'), 'Done.');
  log.info('two');
  equal(await rpc.call('debuglevel', 'show'), 'info');
  await rpc.call('debuglevel', 'silent');
  log.error('three');
  deepEqual(lines, ['two']);
  const fixed = await RpcTestNode.open(t);
  equal((await fixed.ask('debuglevel', ['debug'])).error?.code, -1);
});

test('coins add up to the subsidies', async (t) => {
  const {rpc} = await openFixture(t);
  const set = await rpc.call<{height: number; stotal_amount: string; hash_serialized: string}>('gettxoutsetinfo');
  // The fee of the payment in block 6 is nobody's: its coinbase claims none.
  deepEqual([set.height, set.stotal_amount], [6, (6n * subsidy(NETWORK.money, 1) - 10_000n).toString()]);
  match(set.hash_serialized, /^[0-9a-f]{64}$/);
});
