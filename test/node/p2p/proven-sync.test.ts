import {deepEqual, equal} from 'node:assert/strict';
import {test} from 'node:test';
import {AnnouncementChecker} from '../../../src/core/packetcrypt/announcement/announcement-checker.ts';
import {AnnouncementKernel} from '../../../src/core/packetcrypt/announcement/announcement-kernel.ts';
import {CHECKER_PAGES} from '../../../src/core/packetcrypt/announcement/announcement-memory.ts';
import {checkNodeProof, encodeProof} from '../../../src/core/packetcrypt/index.ts';
import {PKTREG} from '../../../src/core/params/index.ts';
import {type Block, decodeBlock, encodeBlock, encodeHeader} from '../../../src/core/primitives/index.ts';
import {Chain} from '../../../src/node/chain/chain.ts';
import {createProofCheck} from '../../../src/node/chain/proof-check.ts';
import {createLabStore, hashOf, Lab, type Stranger} from '../../support/peer-lab.ts';
import {ProvenMiner} from '../../support/proven-miner.ts';

const BLOCKS = 8;

/** A chain that checks every proof; notes the heights at which a check began. */
function openProven(lab: Lab, heights: number[]): Promise<Chain> {
  const checker = new AnnouncementChecker(new AnnouncementKernel(CHECKER_PAGES));
  const check = createProofCheck(PKTREG.proof, (input, rules) =>
    checkNodeProof(input, rules, (ann, parent, context) => checker.validate(ann, parent, context)[0]!),
  );
  const {store, blocks} = createLabStore();
  return Chain.open({
    network: PKTREG,
    store,
    blocks: blocks.stored,
    nowSeconds: () => Math.floor(lab.nowMs / 1000),
    checkProof: (block, context) => {
      heights.push(context.height);
      return check(block, context);
    },
    checkScripts: () => Promise.resolve(),
  });
}

function mineChain(): Block[] {
  const miner = new ProvenMiner(PKTREG);
  const chain: Block[] = [decodeBlock(PKTREG.genesis)];
  for (let height = 0; height < BLOCKS; height++) {
    chain.push(miner.mine({height, header: chain[height]!.header, hashAt: (at) => hashOf(chain[at]!)}));
  }
  return chain.slice(1);
}

/** Damage that only a full check of the proof finds. */
function damaged(block: Block): Block {
  const treeProof = block.proof.treeProof.slice();
  treeProof[5] = treeProof[5]! ^ 1;
  const proof = {...block.proof, treeProof};
  return {...block, proof, proofSection: encodeProof(proof)};
}

/** Sends headers at once and blocks newest first, so that every one but the last waits for its parents. */
function serve(stranger: Stranger, blocks: readonly Block[], change: (block: Block) => Block): void {
  stranger.onMessage = ({command, payload}): void => {
    if (command === 'getheaders')
      stranger.send(
        'headers',
        blocks.map(({header}) => encodeHeader(header)),
      );
    if (command !== 'getdata') return;
    const wanted = payload.map(({hash}) => blocks.find((block) => Buffer.compare(hashOf(block), hash) === 0)!);
    for (const block of wanted.reverse()) stranger.send('block', encodeBlock(change(block)));
  };
}

test('true proofs are checked as soon as the headers before them are known, each once', async (t) => {
  const lab = new Lab(t, PKTREG);
  const blocks = mineChain();
  const heights: number[] = [];
  const node = await lab.node({}, await openProven(lab, heights));
  const peer = lab.stranger(node);
  serve(peer, blocks, (block) => block);
  await lab.run(500);
  deepEqual(node.chain.tip, {hash: hashOf(blocks.at(-1)!), height: BLOCKS});
  deepEqual(heights, [8, 7, 6, 5, 4, 3, 2, 1], 'before their turn, and not again when it has come');

  const later = await lab.node({}, await openProven(lab, []));
  const bad = lab.stranger(later);
  serve(bad, blocks, (block) => (block === blocks[4] ? damaged(block) : block));
  await lab.run(500);
  equal(bad.isConnected, false);
  equal(later.chain.height, 4);
  const good = lab.stranger(later);
  serve(good, blocks, (block) => block);
  await lab.run(500);
  equal(later.chain.height, BLOCKS);
});
