import {deepEqual, equal, ok} from 'node:assert/strict';
import {RuleError} from '../../src/core/consensus/index.ts';
import {createPktreg} from '../../src/core/params/index.ts';
import {encodeBlock, encodeHeader, encodeTransaction, transactionId} from '../../src/core/primitives/index.ts';
import {
  COMMANDS,
  type Command,
  encodeFrame,
  encodeMessage,
  encodePayload,
  type InventoryItem,
  type Message,
  maxPayload,
} from '../../src/core/protocol/p2p/index.ts';
import {PolicyError} from '../../src/node/mempool/errors.ts';
import {MAX_QUEUED_BYTES} from '../../src/node/p2p/connection.ts';
import {MAX_BUFFERED_BYTES, MAX_REQUESTS} from '../../src/node/p2p/sync/block-fetch.ts';
import {createMemoryStore} from '../../src/service/stores/memory-store.ts';
import {branch, genesisOf, mineOn} from '../support/easy-blocks.ts';
import {FakeRelayPool, numbered} from '../support/fake-relay-pool.ts';
import {MemoryBlocks} from '../support/memory-blocks.ts';
import {MESSAGE_SAMPLES} from '../support/message-samples.ts';
import {
  acceptAll,
  createLabStore,
  hashOf,
  Lab,
  type LabNode,
  type LabStore,
  openLabChain,
  type Stranger,
  withDamagedProof,
} from '../support/peer-lab.ts';
import {mutateBytes} from './mutate.ts';
import type {Random} from './random.ts';
import type {FuzzTarget} from './target.ts';

const NETWORK = createPktreg({money: {coinbaseMaturity: 5, stewardExpiry: 60}});
/** Blocks that the node has, what follows them, another branch, and one whose first block is invalid. */
const COMMON = branch({network: NETWORK, tag: 0}, genesisOf(NETWORK), 0, 12);
const NEXT = branch({network: NETWORK, tag: 0}, COMMON[11]!, 12, 12);
const OTHER = branch({network: NETWORK, tag: 1}, COMMON[5]!, 6, 16);
const WRONG = mineOn({network: NETWORK, tag: 2, steward: Uint8Array.of(0x51)}, COMMON[11]!, 13);
const INVALID = [WRONG, ...branch({network: NETWORK, tag: 2}, WRONG, 13, 6)];
const CHAINS = [
  [...COMMON, ...NEXT],
  [...COMMON.slice(0, 6), ...OTHER],
  [...COMMON, ...INVALID],
];
const ALL = [...COMMON, ...NEXT, ...OTHER, ...INVALID];
const BY_HASH = new Map(ALL.map((block) => [Buffer.from(hashOf(block)).toString('hex'), block]));
const TRANSACTIONS = Array.from({length: 6}, (_, i) => numbered(i));
const MESSAGES = 40;
const NO_HASH = new Uint8Array(32);

let prepared: Promise<LabStore> | undefined;

async function prepare(): Promise<LabStore> {
  const store = createLabStore();
  const chain = await openLabChain(NETWORK, () => new Lab(undefined, NETWORK).nowMs, store);
  await acceptAll(chain, COMMON);
  await chain.close();
  return store;
}

/** A copy of the node's data: every case begins alike. */
async function copyStore(): Promise<LabStore> {
  prepared ??= prepare();
  const {store, blocks} = await prepared;
  const copy = createMemoryStore();
  const changes: {key: Uint8Array; value: Uint8Array}[] = [];
  for await (const [key, value] of store.entries({from: Uint8Array.of(0), to: Uint8Array.of(255)}))
    changes.push({key, value});
  await copy.write(changes);
  return {store: copy, blocks: new MemoryBlocks(blocks)};
}

function hashes(random: Random): Uint8Array {
  if (random.toss(5)) return random.bytes(32);
  return random.toss(4) ? transactionId(random.pick(TRANSACTIONS)) : hashOf(random.pick(ALL));
}

function inventory(random: Random): InventoryItem[] {
  return Array.from({length: random.below(8)}, () => ({
    type: random.pick([1, 2, 2, 3, 0x40000001, 0x40000002, random.edgeWord()]),
    hash: hashes(random),
  }));
}

function headers(random: Random): Uint8Array[] {
  const chain = random.pick(CHAINS);
  const from = random.below(chain.length);
  const run = chain.slice(from, from + 1 + random.below(12)).map(({header}) => encodeHeader(header));
  if (random.toss(4)) run.splice(random.below(run.length), 1);
  return random.toss(6)
    ? run.map((header) => (random.toss(3) ? mutateBytes(header, random).slice(0, 80) : header))
    : run;
}

function block(random: Random): Uint8Array {
  const chosen = random.pick(ALL);
  const changed = random.toss(3) ? withDamagedProof(chosen) : chosen;
  const bytes = encodeBlock(random.toss(4) ? {...changed, transactions: random.pick(ALL).transactions} : changed);
  return random.toss(4) ? mutateBytes(bytes, random) : bytes;
}

/** Something that means something to this node. */
function meaningful(random: Random): Uint8Array {
  const locator = Array.from({length: random.below(4)}, () => hashes(random));
  const question = {version: 0, locator, stop: random.toss(2) ? NO_HASH : hashes(random)};
  const filters = {filterType: random.below(2), startHeight: random.below(30), stop: hashes(random)};
  const {magic} = NETWORK;
  switch (random.below(10)) {
    case 0:
      return encodeMessage(magic, 'inv', inventory(random));
    case 1:
      return encodeMessage(magic, 'getdata', inventory(random));
    case 2:
      return encodeMessage(magic, 'notfound', inventory(random));
    case 3:
    case 4:
      return encodeMessage(
        magic,
        'headers',
        headers(random).filter(({length}) => length === 80),
      );
    case 5:
      return encodeMessage(magic, 'block', block(random));
    case 6:
      return encodeMessage(magic, 'tx', encodeTransaction(random.pick(TRANSACTIONS)));
    case 7:
      return encodeMessage(magic, random.toss(2) ? 'getheaders' : 'getblocks', question);
    case 8:
      return encodeMessage(magic, random.pick(['getcfilters', 'getcfheaders'] as const), filters);
    default:
      return encodeMessage(magic, 'feefilter', {unitsPerKb: random.edgeBig() >> 1n});
  }
}

function sample(random: Random): Uint8Array {
  const command: Command = random.pick(COMMANDS.filter((name) => name !== 'version' || random.toss(20)));
  const payload = encodePayload(command, MESSAGE_SAMPLES[command]);
  const changed = random.toss(2) ? mutateBytes(payload, random).subarray(0, maxPayload(command)) : payload;
  return encodeFrame(NETWORK.magic, command, changed);
}

/** Answers what the node asks, more or less. */
function answer(stranger: Stranger, message: Message, random: Random): void {
  if (random.toss(5)) return;
  if (message.command === 'getheaders') {
    stranger.send(
      'headers',
      random.pick(CHAINS).map(({header}) => encodeHeader(header)),
    );
  } else if (message.command === 'getblocks') {
    stranger.send(
      'inv',
      random.pick(CHAINS).map((found) => ({type: 2, hash: hashOf(found)})),
    );
  } else if (message.command === 'getdata') {
    for (const {hash} of message.payload) {
      const found = BY_HASH.get(Buffer.from(hash).toString('hex'));
      if (found === undefined || random.toss(8)) stranger.send('notfound', [{type: 2, hash}]);
      else stranger.send('block', encodeBlock(random.toss(8) ? withDamagedProof(found) : found));
    }
  }
}

function randomPool(random: Random): FakeRelayPool {
  const pool = new FakeRelayPool();
  pool.judge = () => {
    switch (random.below(4)) {
      case 0:
        return Promise.reject(random.toss(4) ? new RuleError('ErrSpendTooHigh') : new PolicyError('dust'));
      case 1:
        return Promise.resolve({accepted: false, missing: [hashes(random)], refused: []});
      default:
        return Promise.resolve({accepted: true, missing: [], refused: []});
    }
  };
  return pool;
}

function checkBounds({hub, failures}: LabNode, strangers: readonly Stranger[]): void {
  const {headers: kept, blocks, bytes, requests, waiting, transactions} = hub.load;
  deepEqual(failures, []);
  ok(kept <= strangers.length * 4 * 60, `${kept} headers`);
  ok(blocks <= ALL.length && bytes <= MAX_BUFFERED_BYTES, `${blocks} blocks`);
  ok(requests <= strangers.length * MAX_REQUESTS, `${requests} requests`);
  ok(waiting <= 50_064 * strangers.length && transactions <= 5000 * strangers.length);
  for (const {connection} of strangers) ok(connection.wire.queuedBytes <= MAX_QUEUED_BYTES);
}

/** One case: a node with up to three hostile peers. */
async function talk(random: Random): Promise<void> {
  const lab = new Lab(undefined, NETWORK);
  const chain = await openLabChain(NETWORK, () => lab.nowMs, await copyStore());
  const node = await lab.node({pool: randomPool(random), outboundTarget: 2}, chain);
  const open = (): Stranger => {
    const startHeight = random.toss(3) ? random.edgeWord() >> 1 : 30;
    const stranger = lab.stranger(node, random.pick(['inbound', 'outbound', 'manual'] as const), {
      version: {startHeight},
    });
    stranger.onMessage = (message) => answer(stranger, message, random);
    return stranger;
  };
  const strangers = Array.from({length: 1 + random.below(3)}, open);
  await lab.settle();
  for (let i = 0; i < MESSAGES; i++) {
    const from = random.pick(strangers);
    const bytes = random.toss(3) ? sample(random) : meaningful(random);
    from.end.send(random.toss(60) ? mutateBytes(bytes, random) : bytes);
    if (random.toss(6)) await lab.settle();
    if (random.toss(12)) {
      lab.nowMs += random.below(random.toss(4) ? 100_000 : 5000);
      node.hub.tick();
      checkBounds(node, strangers);
    }
    if (random.toss(10) && strangers.length < 12) strangers.push(open());
  }
  await lab.settle();
  checkBounds(node, strangers);
  ok(chain.height >= COMMON.length, 'nothing that is there is lost');
  equal(chain.find(hashOf(WRONG))?.isBest ?? false, false, 'no invalid block gets in');
  for (const {end} of strangers) end.close();
  await lab.settle();
  const left = node.hub.load;
  deepEqual({...left}, {headers: 0, blocks: 0, bytes: 0, requests: 0, waiting: 0, transactions: 0}, 'nothing stays');
  equal(node.hub.count, 0);
  await node.hub.close();
  await chain.close();
}

export const HUB_TARGETS: readonly FuzzTarget[] = [{name: 'peers of a node', cases: 60, run: talk}];
