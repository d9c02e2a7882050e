import {deepEqual, equal, rejects} from 'node:assert/strict';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from 'node:test';
import {RuleError} from '../../src/core/consensus/index.ts';
import {AnnouncementChecker} from '../../src/core/packetcrypt/announcement/announcement-checker.ts';
import {AnnouncementKernel} from '../../src/core/packetcrypt/announcement/announcement-kernel.ts';
import {CHECKER_PAGES} from '../../src/core/packetcrypt/announcement/announcement-memory.ts';
import {checkNodeProof, encodeProof} from '../../src/core/packetcrypt/index.ts';
import {PKTREG} from '../../src/core/params/index.ts';
import {type Block, decodeBlock, encodeBlock} from '../../src/core/primitives/index.ts';
import {Chain} from '../../src/node/chain/chain.ts';
import {createProofCheck} from '../../src/node/chain/proof-check.ts';
import {StoredBlocks} from '../../src/node/chain/stored-blocks.ts';
import {createMemoryStore} from '../../src/service/stores/memory-store.ts';
import {ProvenMiner} from '../support/proven-miner.ts';

test('a chain of pktreg with real proofs', async (t) => {
  const path = await mkdtemp(join(tmpdir(), 'pkt-proven-'));
  t.after(() => rm(path, {recursive: true, force: true}));
  const store = createMemoryStore();
  const blocks = await StoredBlocks.open({path, magic: PKTREG.magic, store});
  t.after(() => blocks.close());
  const checker = new AnnouncementChecker(new AnnouncementKernel(CHECKER_PAGES));
  const chain = await Chain.open({
    network: PKTREG,
    store,
    blocks,
    nowSeconds: () => 2_000_000_000,
    checkProof: createProofCheck(PKTREG.proof, (input, rules) =>
      checkNodeProof(input, rules, (ann, parent, context) => checker.validate(ann, parent, context)[0]!),
    ),
    checkScripts: () => Promise.resolve(),
  });
  const miner = new ProvenMiner(PKTREG);
  let {header} = decodeBlock(PKTREG.genesis);
  const refused = async (block: Block, code: string): Promise<void> => {
    const isRule = (error: unknown): boolean => error instanceof RuleError && error.code === code;
    await rejects(chain.accept(block), isRule);
  };
  for (let height = 1; height <= 6; height++) {
    const block = miner.mine({height: height - 1, header, hashAt: (at) => chain.hashAt(at)!});
    const {proof} = block;

    // A damaged proof in front of the good one: the hash is the same, and nothing is held against it.
    const treeProof = proof.treeProof.slice();
    treeProof[5] = treeProof[5]! ^ 1;
    const damaged = {...proof, treeProof};
    await refused({...block, proof: damaged, proofSection: encodeProof(damaged)}, 'ErrBadPow');
    const old = {...proof, version: 1n};
    await refused({...block, proof: old, proofSection: encodeProof(old)}, 'ErrBadPow');

    const decoded = decodeBlock(encodeBlock(block));
    deepEqual(decoded, block);
    equal(await chain.accept(decoded), true, `height ${height}`);
    equal(chain.height, height);
    header = block.header;
  }

  const block = miner.mine({height: 6, header, hashAt: (at) => chain.hashAt(at)!});
  const announcements = block.proof.announcements.map((ann, k) => {
    const changed = ann.slice();
    if (k === 2) changed.set([0xff, 0xff, 0xff, 0x7f], 12);
    return changed;
  });
  const orphaned = {...block.proof, announcements};
  await refused({...block, proof: orphaned, proofSection: encodeProof(orphaned)}, 'ErrPowCannotVerify');
});
