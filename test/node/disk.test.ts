// What a node does with the disk: without room, and when old files may go.
import {deepEqual, equal, match, notEqual, ok} from 'node:assert/strict';
import {readdirSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import {encodeHex} from '../../src/core/bytes/index.ts';
import {createPktreg} from '../../src/core/params/index.ts';
import {encodeBlock} from '../../src/core/primitives/index.ts';
import {NO_LOG} from '../../src/service/logs/log.ts';
import {StoreError} from '../../src/service/stores/key-value-store.ts';
import {branch, genesisOf} from '../support/easy-blocks.ts';
import {RpcTestNode} from '../support/rpc-node.ts';

const SHORT = createPktreg({money: {coinbaseMaturity: 5, stewardExpiry: 200}});
const NO_PROOFS = {network: SHORT, checkProof: () => Promise.resolve(), diskReserveBytes: 0};
const LOOPBACK = {host: '127.0.0.1', port: 0};
const WAIT_MS = 60_000;

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (const begun = performance.now(); !isSo(); await new Promise((resolve) => setTimeout(resolve, 10))) {
    if (performance.now() - begun > WAIT_MS) throw new Error(`not within a minute: ${what}`);
  }
}

test('without room a node refuses blocks, answers all the same, and takes them when there is room', async (t) => {
  const blocks = branch({network: SHORT, tag: 0}, genesisOf(SHORT), 0, 20);
  const source = await RpcTestNode.open(t, {...NO_PROOFS, p2pListen: [LOOPBACK]});
  for (const block of blocks) await source.node.parts.chain.accept(block);
  const [host, port] = source.node.addresses.p2p[0]!.split(':') as [string, string];

  let hasRoom = false;
  let nowMs = Date.now();
  let failed = false;
  const lines: string[] = [];
  const node = await RpcTestNode.open(t, {
    ...NO_PROOFS,
    connect: [{host, port: Number(port)}],
    checkRoom: () => (hasRoom ? Promise.resolve() : Promise.reject(new StoreError('disk-full', {free: 1, reserve: 2}))),
    log: {...NO_LOG, error: (message) => lines.push(message), info: (message) => lines.push(message)},
    nowMs: () => nowMs,
    onFailure: () => {
      failed = true;
    },
  });
  await until('blocks are refused', () => lines.includes('no blocks are taken: the disk has too little room'));
  equal(await node.call('getblockcount'), 0);
  match(await node.refusal('submitblock', encodeHex(encodeBlock(blocks[0]!))), /disk-full/);
  hasRoom = true;
  nowMs += 11_000;
  await until('blocks are taken', () => node.node.parts.chain.height === 20);
  equal(failed, false);
  equal(lines.filter((line) => line === 'no blocks are taken: the disk has too little room').length, 1);
  ok(lines.includes('the disk has room again, blocks are taken'));
});

for (const part of ['bodies', 'proofs'] as const) {
  test(`old ${part} go while blocks come in large groups, and indexes lack nothing`, async (t) => {
    const blocks = branch({network: SHORT, tag: 0}, genesisOf(SHORT), 0, 350);
    const options = {...NO_PROOFS, blockFileBytes: 10_000, prune: {part, keep: 30}};
    const node = await RpcTestNode.open(t, options);
    const {chain, indexes} = node.node.parts;
    const files = (): string[] => readdirSync(join(node.dataDir, 'blocks', part)).sort();
    // Groups that never end at a round height.
    for (const [from, to] of [
      [0, 130],
      [130, 250],
      [250, 349],
      [349, 350],
    ] as const) {
      await Promise.all(blocks.slice(from, to).map((block) => chain.accept(block)));
      await indexes.settled();
    }
    await until('files have gone', () => files()[0] !== '000000.dat');
    notEqual(await indexes.filterHeader(chain.tip.hash), undefined);
    for (let height = 320; height <= 350; height++) notEqual(await chain.block(chain.hashAt(height)!), undefined);
    equal(await chain.block(chain.hashAt(1)!), undefined);
    equal((await chain.blockBody(chain.hashAt(1)!)) === undefined, part === 'bodies');
    const plain = await RpcTestNode.open(t, NO_PROOFS);
    await Promise.all(blocks.map((block) => plain.node.parts.chain.accept(block)));
    await plain.node.parts.indexes.settled();
    deepEqual(await node.call('gettxoutsetinfo'), await plain.call('gettxoutsetinfo'));
    const best = await plain.call('getbestblockhash');
    equal(await node.call('getcfilterheader', best, 0), await plain.call('getcfilterheader', best, 0));
  });
}
