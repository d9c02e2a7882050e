import {deepEqual, equal} from 'node:assert/strict';
import {test} from 'node:test';
import {findWitnessCommitment} from '../../../src/core/consensus/index.ts';
import {AnnouncementChecker} from '../../../src/core/packetcrypt/announcement/announcement-checker.ts';
import {AnnouncementKernel} from '../../../src/core/packetcrypt/announcement/announcement-kernel.ts';
import {CHECKER_PAGES} from '../../../src/core/packetcrypt/announcement/announcement-memory.ts';
import {checkNodeProof} from '../../../src/core/packetcrypt/index.ts';
import {createPktreg} from '../../../src/core/params/index.ts';
import {decodeBlock, encodeBlock, type Transaction, transactionId} from '../../../src/core/primitives/index.ts';
import {createProofCheck} from '../../../src/node/chain/proof-check.ts';
import {input, output, transaction} from '../../support/pool-fixture.ts';
import {PoolNode} from '../../support/pool-node.ts';
import {ProvenMiner} from '../../support/proven-miner.ts';

const NETWORK = createPktreg({money: {coinbaseMaturity: 1}});
/** OP_1: whoever comes may spend it. */
const ANYONE = 'script:UQ==';

/** Spends the first output of a transaction, with a witness where it asks for one. */
function spend(parent: Transaction, witness: readonly Uint8Array[]): Transaction {
  const {value} = parent.outputs[0]!;
  return transaction([input({txid: transactionId(parent), witness})], [output(value - 5000n)]);
}

test('templates mined with real proofs are blocks, with witnesses and without', async (t) => {
  const checker = new AnnouncementChecker(new AnnouncementKernel(CHECKER_PAGES));
  const checkProof = createProofCheck(NETWORK.proof, (find, rules) =>
    checkNodeProof(find, rules, (ann, parent, context) => checker.validate(ann, parent, context)[0]!),
  );
  const node = await PoolNode.open(t, NETWORK, [ANYONE], {}, checkProof);
  const miner = new ProvenMiner(NETWORK);
  const mine = async (): Promise<readonly Transaction[]> => {
    const template = await node.templates.template();
    const block = miner.mineTemplate(template, (height) => node.chain.hashAt(height)!);
    equal(await node.chain.accept(decodeBlock(encodeBlock(block))), true);
    deepEqual(block.transactions.slice(1), template.transactions.slice(1));
    return block.transactions;
  };
  const [coinbase] = await mine();
  const first = spend(coinbase!, []);
  await node.pool.accept(first, {source: 'local'});
  equal((await mine()).length, 2);
  await node.pool.accept(spend(first, [Uint8Array.of(0x51)]), {source: 'local'});
  const [committed, ...others] = await mine();
  equal(others.length, 1);
  equal(findWitnessCommitment(committed!)?.length, 32);
  equal(node.pool.count, 0);
  deepEqual(node.errors, []);
});
