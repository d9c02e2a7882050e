import {deepEqual, equal, ok} from 'node:assert/strict';
import {test} from 'node:test';
import {createPktreg} from '../../../src/core/params/index.ts';
import {type Block, encodeBlock, encodeHeader} from '../../../src/core/primitives/index.ts';
import type {Message, Payloads} from '../../../src/core/protocol/p2p/index.ts';
import {Chain} from '../../../src/node/chain/chain.ts';
import {BLOCK_DEADLINE_MS, MAX_REQUESTS} from '../../../src/node/p2p/sync/block-fetch.ts';
import {HEADERS_DEADLINE_MS} from '../../../src/node/p2p/sync/header-sync.ts';
import {NO_LOG} from '../../../src/service/logs/log.ts';
import {StoreError} from '../../../src/service/stores/key-value-store.ts';
import {branch, genesisOf, mineOn} from '../../support/easy-blocks.ts';
import {
  acceptAll,
  createLabStore,
  hashOf,
  Lab,
  type LabNode,
  type Stranger,
  withDamagedProof,
} from '../../support/peer-lab.ts';

const SHORT = createPktreg({money: {coinbaseMaturity: 5, stewardExpiry: 60}});
const GENESIS = genesisOf(SHORT);
const LONG = branch({network: SHORT, tag: 0}, GENESIS, 0, 700);
const OTHER = branch({network: SHORT, tag: 9}, LONG[649]!, 650, 60);
const BLOCK_TYPE = 2;

const headersOf = (blocks: readonly Block[]): Uint8Array[] => blocks.map(({header}) => encodeHeader(header));
const isEmpty = ({hub}: LabNode): void => {
  const {headers, blocks, bytes, requests} = hub.load;
  deepEqual({headers, blocks, bytes, requests}, {headers: 0, blocks: 0, bytes: 0, requests: 0});
};

/** Answers like a node that has these blocks; `change` may alter or hold back what is sent. */
function serve(
  stranger: Stranger,
  blocks: readonly Block[],
  change: (block: Block) => Block | undefined = (b) => b,
): void {
  const byHash = new Map(blocks.map((block, i) => [Buffer.from(hashOf(block)).toString('hex'), i]));
  stranger.onMessage = ({command, payload}: Message): void => {
    if (command === 'getheaders') {
      const found = payload.locator.map((hash) => byHash.get(Buffer.from(hash).toString('hex')));
      const from = (found.find((index) => index !== undefined) ?? -1) + 1;
      stranger.send('headers', headersOf(blocks.slice(from, from + 2000)));
    } else if (command === 'getdata') {
      for (const item of payload) {
        const index = byHash.get(Buffer.from(item.hash).toString('hex'));
        const block = index === undefined ? undefined : change(blocks[index]!);
        if (index === undefined) stranger.send('notfound', [item]);
        else if (block !== undefined) stranger.send('block', encodeBlock(block));
      }
    } else if (command === 'ping') {
      stranger.send('pong', payload);
    }
  };
}

test('a node fetches a chain from several at once, each asked for a part', async (t) => {
  const lab = new Lab(t, SHORT);
  const node = await lab.node();
  const asked = [0, 0, 0];
  const strangers = asked.map((_, i) => {
    const stranger = lab.stranger(node);
    serve(stranger, LONG, (block) => {
      asked[i]!++;
      return block;
    });
    return stranger;
  });
  await lab.run(5000);
  deepEqual(node.chain.tip, {hash: hashOf(LONG.at(-1)!), height: 700});
  equal(
    asked.reduce((sum, count) => sum + count),
    700,
    'no block is asked for twice',
  );
  ok(
    asked.every((count) => count > 100),
    `${asked}`,
  );
  ok(strangers.every(({isConnected}) => isConnected));
  deepEqual(node.failures, []);
  isEmpty(node);
});

test('two nodes that were apart agree on the better branch', async (t) => {
  const lab = new Lab(t, SHORT);
  const [a, b] = [await lab.node(), await lab.node()];
  await acceptAll(a.chain, LONG);
  await acceptAll(b.chain, [...LONG.slice(0, 650), ...OTHER]);
  equal(b.chain.height, 710);
  lab.connect(b, a);
  await lab.run(2000);
  deepEqual(a.chain.tip, b.chain.tip);
  equal(a.chain.height, 710);
  isEmpty(a);
});

test('a new block is told, fetched and told on, but not back', async (t) => {
  const lab = new Lab(t, SHORT);
  const nodes = [await lab.node(), await lab.node(), await lab.node()];
  for (const {chain} of nodes) await acceptAll(chain, LONG.slice(0, 5));
  lab.connect(nodes[0]!, nodes[1]!);
  lab.connect(nodes[1]!, nodes[2]!);
  const watcher = lab.stranger(nodes[2]!, 'inbound');
  await lab.run(1000);
  await nodes[0]!.chain.accept(LONG[5]!);
  await lab.run(1000);
  for (const {chain} of nodes) equal(chain.height, 6);
  const told = watcher.take('inv');
  deepEqual(told, [[{type: BLOCK_TYPE, hash: hashOf(LONG[5]!)}]]);
  await nodes[0]!.chain.accept(LONG[6]!);
  await lab.run(1000);
  equal(nodes[2]!.chain.height, 7);
  for (const {hub} of nodes.slice(0, 2)) {
    deepEqual(
      hub.peers().map(({height}) => height),
      hub.peers().map(() => 7),
      'what they have is seen',
    );
  }
});

test('headers are announced to who asked for that and has the block before', async (t) => {
  const lab = new Lab(t, SHORT);
  const node = await lab.node();
  const watcher = lab.stranger(node, 'inbound');
  watcher.send('sendheaders', undefined);
  await lab.run(500);
  for (const block of LONG.slice(0, 2)) {
    await node.chain.accept(block);
    await lab.run(500);
  }
  equal(watcher.take('inv').length, 1);
  deepEqual(watcher.take('headers'), [headersOf([LONG[1]!])]);
});

test('blocks announced during a reorganisation reach the peers', async (t) => {
  const lab = new Lab(t, SHORT);
  const node = await lab.node();
  await acceptAll(node.chain, LONG.slice(0, 652));
  const watcher = lab.stranger(node, 'inbound');
  await lab.run(500);
  await acceptAll(node.chain, OTHER.slice(0, 3));
  await lab.run(500);
  const told = watcher.take('inv').flat();
  deepEqual(
    told.map(({hash}) => hash),
    OTHER.slice(0, 3).map(hashOf),
  );
});

test('a damaged proof from one peer: it is disconnected, the block comes from another, the hash is not poisoned', async (t) => {
  const lab = new Lab(t, SHORT);
  const node = await lab.node();
  const [bad, good] = [lab.stranger(node), lab.stranger(node)];
  serve(bad, LONG, (block) => withDamagedProof(block));
  serve(good, LONG);
  await lab.run(5000);
  equal(bad.isConnected, false);
  const [reject] = bad.take('reject');
  equal(reject?.message, 'block');
  equal(reject?.code, 0x10);
  ok(reject?.reason.startsWith('ErrBadPow'));
  equal(good.isConnected, true);
  equal(node.chain.height, 700);
  isEmpty(node);
});

test('a body that does not belong to the header is held against the sender alone', async (t) => {
  const lab = new Lab(t, SHORT);
  const node = await lab.node();
  const [bad, good] = [lab.stranger(node), lab.stranger(node)];
  serve(bad, LONG, (block) => ({...block, transactions: LONG[300]!.transactions}));
  serve(good, LONG);
  await lab.run(5000);
  deepEqual([bad.isConnected, good.isConnected, node.chain.height], [false, true, 700]);
});

test('an invalid block: who sent it goes, the branches that contain it are dropped, others stay', async (t) => {
  const lab = new Lab(t, SHORT);
  const node = await lab.node();
  await acceptAll(node.chain, LONG.slice(0, 10));
  const wrong = mineOn({network: SHORT, tag: 3, steward: Uint8Array.of(0x51)}, LONG[9]!, 11);
  const liars = [...LONG.slice(0, 10), wrong, ...branch({network: SHORT, tag: 3}, wrong, 11, 900)];
  const [bad, alsoBad] = [lab.stranger(node), lab.stranger(node)];
  serve(bad, liars);
  serve(alsoBad, liars, () => undefined);
  await lab.run(2000);
  equal(bad.isConnected, false);
  equal(node.chain.height, 10);
  isEmpty(node);
  equal(alsoBad.isConnected, true, 'who did not send it is not to blame yet');
  const honest = lab.stranger(node);
  serve(honest, LONG);
  await lab.run(5000);
  equal(node.chain.height, 700);
});

test('a lying chain of headers wins nothing and is given up', async (t) => {
  const lab = new Lab(t, SHORT);
  const node = await lab.node();
  const lies = branch({network: SHORT, tag: 66}, GENESIS, 0, 2500);
  const liar = lab.stranger(node);
  serve(liar, lies, () => undefined);
  const honest = lab.stranger(node);
  serve(honest, LONG);
  await lab.run(10_000);
  equal(node.chain.height, 700, 'the chain with blocks is fetched at once');
  ok(node.hub.load.headers <= 2000, 'headers are taken only so far ahead');
  ok(liar.isConnected);
  await lab.run(2 * BLOCK_DEADLINE_MS + 5000);
  equal(liar.isConnected, false);
  equal(honest.isConnected, true);
  isEmpty(node);
});

test('a peer that stalls: its blocks come from another, and it goes when it does so again', async (t) => {
  const lab = new Lab(t, SHORT);
  const node = await lab.node();
  const stalling = lab.stranger(node);
  serve(stalling, LONG, () => undefined);
  await lab.run(500);
  equal(node.hub.load.requests, MAX_REQUESTS);
  const good = lab.stranger(node);
  serve(good, LONG);
  await lab.run(500);
  ok(node.chain.height < 700);
  await lab.run(BLOCK_DEADLINE_MS);
  equal(node.chain.height, 700);
  deepEqual([stalling.isConnected, good.isConnected], [true, true], 'once is no reason');
  isEmpty(node);
});

test('a block that comes late is no offence, one that was never asked for is', async (t) => {
  const lab = new Lab(t, SHORT);
  const node = await lab.node();
  const [late, good] = [lab.stranger(node), lab.stranger(node)];
  serve(late, LONG.slice(0, 8), () => undefined);
  await lab.run(1000);
  serve(good, LONG.slice(0, 8));
  await lab.run(BLOCK_DEADLINE_MS + 1000);
  late.send('block', encodeBlock(LONG[0]!));
  await lab.run(500);
  equal(late.isConnected, true);
  late.send('block', encodeBlock(LONG[500]!));
  await lab.run(500);
  equal(late.isConnected, false);
  const noisy = lab.stranger(node);
  noisy.send('block', Uint8Array.of(1, 2, 3));
  await lab.run(500);
  equal(noisy.isConnected, false);
});

test('headers that were not asked for: an announcement is fine, more is not', async (t) => {
  const lab = new Lab(t, SHORT);
  const node = await lab.node();
  const peer = lab.stranger(node, 'inbound', {version: {startHeight: 0}});
  await lab.run(500);
  serve(peer, LONG);
  peer.send('headers', headersOf(LONG.slice(0, 1)));
  await lab.run(1000);
  equal(node.chain.height, 1);
  equal(peer.isConnected, true);
  peer.send('headers', headersOf(LONG.slice(1, 100)));
  await lab.run(500);
  equal(peer.isConnected, false);
});

test('a header whose parent is unknown makes the node ask for what lies between', async (t) => {
  const lab = new Lab(t, SHORT);
  const node = await lab.node();
  const peer = lab.stranger(node, 'inbound', {version: {startHeight: 0}});
  await lab.run(500);
  serve(peer, LONG);
  peer.send('headers', headersOf(LONG.slice(650, 651)));
  await lab.run(5000);
  equal(node.chain.height, 700);
});

test('announcements that outrun what lies before them cost an honest peer nothing', async (t) => {
  const lab = new Lab(t, SHORT);
  const [node, other] = [await lab.node(), await lab.node()];
  const peer = lab.stranger(node, 'inbound', {version: {startHeight: 0}});
  await lab.run(500);
  // The question that the first one leads to is not answered before the others have come.
  for (const block of LONG.slice(1, 40)) peer.send('headers', headersOf([block]));
  await lab.run(500);
  equal(peer.take('getheaders').length, 1);
  equal(node.scores.of(peer.connection.endpoint.ip).at(lab.nowMs), 0);
  peer.send('headers', headersOf(LONG.slice(0, 1)));
  peer.send('headers', headersOf(LONG.slice(0, 40)));
  serve(peer, LONG);
  await lab.run(2000);
  equal(peer.isConnected, true);
  // Many new blocks at once, as on a private network.
  await acceptAll(other.chain, LONG.slice(0, 40));
  lab.connect(other, node);
  await lab.run(500);
  for (const block of LONG.slice(40, 400)) await other.chain.accept(block);
  await lab.run(5000);
  ok(node.chain.height >= 400);
  equal(other.hub.count, 1);
});

test('headers that follow nothing, though asked for, cost points; wrong ones end the connection', async (t) => {
  const lab = new Lab(t, SHORT);
  const node = await lab.node();
  const orphan = lab.stranger(node);
  orphan.onMessage = ({command}): void => {
    if (command === 'getheaders') orphan.send('headers', headersOf(OTHER.slice(5, 20)));
  };
  await lab.run(2000);
  equal(orphan.isConnected, false, 'it does so again and again');
  const wrong = lab.stranger(node);
  const header = {...LONG[0]!.header, bits: 0x1f0fffff};
  wrong.send('headers', [encodeHeader(header)]);
  await lab.run(500);
  equal(wrong.isConnected, false);
});

test('headers from the future are left for later', async (t) => {
  const lab = new Lab(t, SHORT);
  const node = await lab.node();
  const peer = lab.stranger(node);
  const early = {...LONG[0]!, header: {...LONG[0]!.header, time: Math.floor(lab.nowMs / 1000) + 800}};
  serve(peer, [early]);
  await lab.run(5000);
  deepEqual([peer.isConnected, node.chain.height], [true, 0]);
  await lab.run(120_000);
  equal(node.chain.height, 1);
});

test('a peer that answers only getblocks serves as well', async (t) => {
  const lab = new Lab(t, SHORT);
  const node = await lab.node();
  const peer = lab.stranger(node);
  serve(peer, LONG);
  const answer = peer.onMessage;
  const byHash = new Map(LONG.map((block, i) => [Buffer.from(hashOf(block)).toString('hex'), i]));
  peer.onMessage = (message): void => {
    if (message.command === 'getblocks') {
      const found = message.payload.locator.map((hash) => byHash.get(Buffer.from(hash).toString('hex')));
      const from = (found.find((index) => index !== undefined) ?? -1) + 1;
      const items = LONG.slice(from, from + 500).map((block) => ({type: BLOCK_TYPE, hash: hashOf(block)}));
      if (items.length > 0) peer.send('inv', items);
    } else if (message.command !== 'getheaders') {
      answer(message);
    }
  };
  await lab.run(HEADERS_DEADLINE_MS - 500);
  equal(node.chain.height, 0);
  await lab.run(5000);
  equal(node.chain.height, 700);
  equal(peer.isConnected, true);
});

test('a peer without the blocks it was asked for is passed over', async (t) => {
  const lab = new Lab(t, SHORT);
  const node = await lab.node();
  const poor = lab.stranger(node);
  serve(poor, LONG);
  const answer = poor.onMessage;
  poor.onMessage = (message): void => {
    if (message.command === 'getdata') poor.send('notfound', message.payload);
    else answer(message);
  };
  const rich = lab.stranger(node);
  serve(rich, LONG);
  await lab.run(5000);
  deepEqual([node.chain.height, poor.isConnected], [700, true]);
});

test('blocks that wait for their turn are bounded in bytes', async (t) => {
  const lab = new Lab(t, SHORT);
  const maxBufferedBytes = 1_000_000;
  const node = await lab.node({maxBufferedBytes});
  let head: Block | undefined = LONG[0];
  const peers = [lab.stranger(node), lab.stranger(node), lab.stranger(node)];
  let most = 0;
  for (const peer of peers) {
    serve(peer, LONG, (block) => {
      most = Math.max(most, node.hub.load.bytes);
      return block === head ? undefined : block;
    });
  }
  await lab.run(2000);
  equal(node.chain.height, 0);
  ok(most > 500_000 && node.hub.load.bytes <= maxBufferedBytes, `${most}`);
  head = undefined;
  await lab.run(2 * BLOCK_DEADLINE_MS);
  equal(node.chain.height, 700, 'and the rest comes when there is room');
  ok(most <= maxBufferedBytes + 10_000, `${most}`);
});

test('while the node is behind, peers that have nothing make room for others', async (t) => {
  const network = {...SHORT, currentSeconds: 86_400};
  const lab = new Lab(t, network);
  const node = await lab.node();
  const peers = [3, 1, 2, 0].map((startHeight) => {
    const peer = lab.stranger(node, 'outbound', {version: {startHeight}});
    serve(peer, []);
    return peer;
  });
  const named = lab.stranger(node, 'manual', {version: {startHeight: 0}});
  serve(named, []);
  await lab.run(55_000);
  ok(peers.every(({isConnected}) => isConnected));
  await lab.run(10_000);
  deepEqual(
    peers.map(({isConnected}) => isConnected),
    [true, true, true, false],
  );
  await lab.run(300_000);
  equal(peers.filter(({isConnected}) => isConnected).length, 3, 'the last ones stay');
  equal(named.isConnected, true);
});

test('the progress of synchronisation in numbers', async (t) => {
  const lab = new Lab(t, SHORT);
  const node = await lab.node();
  deepEqual(node.hub.progress(), {height: 0, target: 0, blocksPerSecond: 0, secondsLeft: 0});
  const peer = lab.stranger(node, 'outbound', {version: {startHeight: 700}});
  const gate = LONG.slice(0, 20);
  serve(peer, LONG, (block) => (gate.includes(block) ? block : undefined));
  await lab.run(10_000);
  const {height, target, blocksPerSecond, secondsLeft} = node.hub.progress();
  deepEqual([height, target], [20, 700]);
  equal(blocksPerSecond, 2);
  equal(secondsLeft, 340);
});

test('serving: headers, inventories with continuation, blocks with and without witnesses, what is not there', async (t) => {
  const lab = new Lab(t, SHORT);
  const node = await lab.node();
  await acceptAll(node.chain, LONG);
  const peer = lab.stranger(node, 'inbound', {version: {startHeight: 0}});
  const zero = new Uint8Array(32);
  peer.send('getheaders', {version: 0, locator: [hashOf(LONG[9]!), hashOf(GENESIS)], stop: zero});
  await lab.run(500);
  deepEqual(peer.take('headers'), [headersOf(LONG.slice(10))]);
  peer.send('getheaders', {version: 0, locator: [], stop: hashOf(LONG[3]!)});
  peer.send('getheaders', {version: 0, locator: [hashOf(GENESIS)], stop: hashOf(LONG[2]!)});
  await lab.run(500);
  deepEqual(peer.take('headers'), [headersOf(LONG.slice(3, 4)), headersOf(LONG.slice(0, 3))]);
  peer.send('getblocks', {version: 0, locator: [zero], stop: zero});
  await lab.run(500);
  const [inventory] = peer.take('inv') as [Payloads['inv']];
  deepEqual(
    inventory.map(({hash}) => hash),
    LONG.slice(0, 500).map(hashOf),
  );
  peer.send('getdata', [
    inventory.at(-1)!,
    {type: 2, hash: zero},
    {type: 1, hash: zero},
    {type: 0x40000002, hash: hashOf(LONG[0]!)},
  ]);
  await lab.run(500);
  deepEqual(peer.take('block'), [encodeBlock(LONG[499]!), encodeBlock(LONG[0]!)]);
  deepEqual(peer.take('notfound'), [
    [
      {type: 2, hash: zero},
      {type: 1, hash: zero},
    ],
  ]);
  deepEqual(peer.take('inv'), [[{type: 2, hash: hashOf(LONG.at(-1)!)}]], 'the continuation');
});

test('blocks are sent as the peer takes them, and one that never reads is dropped', async (t) => {
  const lab = new Lab(t, SHORT);
  const node = await lab.node();
  await acceptAll(node.chain, LONG);
  const peer = lab.stranger(node, 'inbound', {version: {startHeight: 0}});
  await lab.run(500);
  peer.end.reading = false;
  for (let i = 0; i < 4; i++)
    peer.send(
      'getdata',
      LONG.map((block) => ({type: 2, hash: hashOf(block)})),
    );
  await lab.run(2000);
  const {queuedBytes} = peer.connection.wire;
  ok(queuedBytes > 2 ** 20 && queuedBytes < 2 ** 21, `${queuedBytes}`);
  ok(node.hub.load.waiting > 2000);
  peer.end.reading = true;
  await lab.run(1000);
  equal(peer.take('block').length, 2800);
  peer.end.reading = false;
  peer.send(
    'getdata',
    LONG.map((block) => ({type: 2, hash: hashOf(block)})),
  );
  await lab.run(70_000);
  equal(peer.isConnected, false);
  equal(node.hub.load.waiting, 0);
});

test('with too little room on the disk a node takes no blocks, says so once, and goes on when there is room', async (t) => {
  const lab = new Lab(t, SHORT);
  const {store, blocks} = createLabStore();
  let hasRoom = true;
  let asked = 0;
  const chain = await Chain.open({
    network: SHORT,
    store,
    blocks: blocks.stored,
    nowSeconds: () => Math.floor(lab.nowMs / 1000),
    checkProof: () => Promise.resolve(),
    checkScripts: () => Promise.resolve(),
    checkRoom: () => {
      asked++;
      return hasRoom ? Promise.resolve() : Promise.reject(new StoreError('disk-full', {free: 1, reserve: 2}));
    },
  });
  const lines: string[] = [];
  const log = {
    ...NO_LOG,
    error: (message: string) => lines.push(message),
    info: (message: string) => lines.push(message),
  };
  const node = await lab.node({log}, chain);
  const stranger = lab.stranger(node);
  let sent = 0;
  serve(stranger, LONG, (block) => {
    sent++;
    hasRoom = sent < 200;
    return block;
  });
  await lab.run(30_000);
  const {height} = chain;
  ok(height < 300 && height > 0, `${height}`);
  ok(asked < 100, 'it is not tried all the time');
  ok(stranger.isConnected);
  deepEqual(node.failures, []);
  deepEqual(
    lines.filter((line) => line.includes('room')),
    ['no blocks are taken: the disk has too little room'],
  );
  hasRoom = true;
  serve(stranger, LONG);
  // A clock that is set back does not hold it up.
  lab.nowMs -= 3_600_000;
  await lab.run(30_000);
  equal(chain.height, 700);
  equal(lines.filter((line) => line.includes('the disk has room again')).length, 1);
  deepEqual(node.failures, []);
  isEmpty(node);
});
