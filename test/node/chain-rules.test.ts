// Rules of the chain that pktreg has no occasion for: checkpoints.   chain spec §3.2, §3.14
import {equal, rejects, throws} from 'node:assert/strict';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {type TestContext, test} from 'node:test';
import {checkSinceCheckpoint, RuleError} from '../../src/core/consensus/index.ts';
import {type Network, PKT, PKTREG} from '../../src/core/params/index.ts';
import {type Block, blockHash} from '../../src/core/primitives/index.ts';
import {Chain} from '../../src/node/chain/chain.ts';
import {StoredBlocks} from '../../src/node/chain/stored-blocks.ts';
import {type Log, NO_LOG} from '../../src/service/logs/log.ts';
import {createMemoryStore} from '../../src/service/stores/memory-store.ts';
import {branch, genesisOf} from '../support/easy-blocks.ts';

const MAIN = branch({network: PKTREG, tag: 1}, genesisOf(PKTREG), 0, 8);
const checkpoint = (height: number): Network['checkpoints'][number] => ({
  height,
  hash: blockHash(MAIN[height - 1]!.header),
});
const CHECKED: Network = {...PKTREG, checkpoints: [checkpoint(3), checkpoint(6), {...checkpoint(7), height: 100}]};

async function openChain(t: TestContext, network: Network, log: Log = NO_LOG): Promise<Chain> {
  const path = await mkdtemp(join(tmpdir(), 'pkt-rules-'));
  t.after(() => rm(path, {recursive: true, force: true}));
  const store = createMemoryStore();
  const blocks = await StoredBlocks.open({path, magic: network.magic, store});
  t.after(() => blocks.close());
  return await Chain.open({
    network,
    store,
    blocks,
    log,
    nowSeconds: () => 2_000_000_000,
    checkProof: () => Promise.resolve(),
    checkScripts: () => Promise.resolve(),
  });
}

const isRule =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof RuleError && error.code === code;

/** A branch of another miner that leaves the main one at a height, with times behind all of the main one. */
function side(height: number, count: number): Block[] {
  const parent = height === 0 ? genesisOf(PKTREG) : MAIN[height - 1]!;
  const late = (block: Block, previous: Block): Block => {
    const header = {...block.header, previous: blockHash(previous.header), time: block.header.time + 3600};
    return {...block, header};
  };
  const blocks: Block[] = [];
  for (const block of branch({network: PKTREG, tag: 2}, parent, height, count)) {
    blocks.push(late(block, blocks.at(-1) ?? parent));
  }
  return blocks;
}

test('at the height of a checkpoint only its block is taken', async (t) => {
  const chain = await openChain(t, CHECKED);
  for (const block of MAIN.slice(0, 2)) await chain.accept(block);
  await rejects(chain.accept(side(2, 1)[0]!), isRule('ErrBadCheckpoint'));
  for (const block of MAIN.slice(2, 5)) equal(await chain.accept(block), true);
  await rejects(chain.accept(side(5, 1)[0]!), isRule('ErrBadCheckpoint'));
  equal(await chain.accept(MAIN[5]!), true);
});

test('a branch that leaves below the last checkpoint that was reached is refused, one above is not', async (t) => {
  const chain = await openChain(t, CHECKED);
  for (const block of MAIN.slice(0, 5)) await chain.accept(block);
  // Checkpoint 3 is reached, 6 is not.
  const [above] = side(4, 1);
  equal(await chain.accept(above!), false);
  await rejects(chain.accept(side(1, 1)[0]!), isRule('ErrForkTooOld'));
  await rejects(chain.accept(side(0, 1)[0]!), isRule('ErrForkTooOld'));
  for (const block of MAIN.slice(5)) await chain.accept(block);
  await rejects(chain.accept(side(4, 2)[1]!), isRule('ErrBadCheckpoint'), 'the height of a checkpoint comes first');
  await rejects(chain.accept(side(3, 1)[0]!), isRule('ErrForkTooOld'));
  const [free] = side(7, 1);
  equal(await chain.accept(free!), false);
  equal(chain.height, 8);

  const unchecked = await openChain(t, PKTREG);
  for (const block of MAIN) await unchecked.accept(block);
  equal(await unchecked.accept(side(1, 1)[0]!), false);
});

test('a listener that throws is told in the log; the block is taken and others hear of it', async (t) => {
  const errors: string[] = [];
  const error = (message: string): void => {
    errors.push(message);
  };
  const chain = await openChain(t, PKTREG, {...NO_LOG, error});
  let heard = 0;
  chain.subscribe(({type}) => {
    if (type === 'connected') throw new Error('of the listener');
  });
  chain.subscribe(() => heard++);
  for (const block of MAIN.slice(0, 2)) equal(await chain.accept(block), true);
  equal(heard, 4);
  equal(errors.length, 2);
});

test('work that throws at once rejects, and the chain goes on', async (t) => {
  const chain = await openChain(t, PKTREG);
  const failing = (): Promise<never> => {
    throw new Error('at once');
  };
  await rejects(chain.exclusive(failing), /at once/);
  equal(await chain.accept(MAIN[0]!), true);
  equal(await chain.exclusive(() => Promise.resolve(5)), 5);
});

test('after a checkpoint no block is older than it', async (t) => {
  const chain = await openChain(t, CHECKED);
  for (const block of MAIN.slice(0, 6)) await chain.accept(block);
  const checkpointTime = MAIN[5]!.header.time;
  const [next] = branch({network: PKTREG, tag: 3}, MAIN[5]!, 6, 1);
  const at = (time: number): Block => ({...next!, header: {...next!.header, time}});
  await rejects(chain.accept(at(checkpointTime - 1)), isRule('ErrCheckpointTimeTooOld'));
  equal(await chain.accept(at(checkpointTime)), true);
});

test('since a checkpoint bits get easier fourfold in each four times the time of a window, and no faster', () => {
  const checkpoint = {...genesisOf(PKT).header, bits: 0x1c00ffff, time: 1_600_000_000};
  const after = (seconds: number, bits: number) => ({...checkpoint, time: checkpoint.time + seconds, bits});
  checkSinceCheckpoint(PKT, checkpoint, after(0, 0x1c00ffff));
  throws(() => checkSinceCheckpoint(PKT, checkpoint, after(0, 0x1c010000)), isRule('ErrDifficultyTooLow'));
  checkSinceCheckpoint(PKT, checkpoint, after(1, 0x1c03fffc));
  throws(() => checkSinceCheckpoint(PKT, checkpoint, after(483_840, 0x1c03fffd)), isRule('ErrDifficultyTooLow'));
  checkSinceCheckpoint(PKT, checkpoint, after(483_841, 0x1c0ffff0));
  checkSinceCheckpoint(PKTREG, checkpoint, after(0, 0x207fffff));
});
