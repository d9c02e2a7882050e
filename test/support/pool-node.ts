import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {TestContext} from 'node:test';
import {checkSigops, checkTransactionScripts, PLAIN_VERIFIER} from '../../src/core/consensus/index.ts';
import type {Network} from '../../src/core/params/index.ts';
import {type Block, merkleRoot, type Transaction, transactionId} from '../../src/core/primitives/index.ts';
import {Chain, type ChainOptions} from '../../src/node/chain/chain.ts';
import {StoredBlocks} from '../../src/node/chain/stored-blocks.ts';
import {BlockTemplates, type BlockTemplatesOptions, type Template} from '../../src/node/mempool/block-templates.ts';
import {Mempool} from '../../src/node/mempool/mempool.ts';
import {PayoutBook} from '../../src/node/mempool/payout-book.ts';
import {type LogFields, NO_LOG} from '../../src/service/logs/log.ts';
import {createMemoryStore} from '../../src/service/stores/memory-store.ts';
import {branch, type EasyMiner, genesisOf, mineOn} from './easy-blocks.ts';

/** A chain whose proofs are not looked at unless that is given, its pool, payouts and templates. The clock stands still. */
export class PoolNode {
  readonly network: Network;
  readonly chain: Chain;
  readonly pool: Mempool;
  readonly payouts: PayoutBook;
  readonly templates: BlockTemplates;
  readonly errors: string[] = [];
  nowSeconds: number;

  private constructor(network: Network, chain: Chain, payouts: PayoutBook, options: Partial<BlockTemplatesOptions>) {
    this.network = network;
    this.chain = chain;
    this.payouts = payouts;
    this.nowSeconds = genesisOf(network).header.time + 1_000_000;
    const error = (message: string, fields?: LogFields): void => {
      this.errors.push(`${message} ${String(fields?.['error'])}`);
    };
    const log = {...NO_LOG, error};
    this.pool = new Mempool({
      chain,
      checkScripts: async (transaction, coins, flags) => {
        await Promise.resolve();
        checkTransactionScripts({transaction, coins}, PLAIN_VERIFIER, flags);
      },
      log,
      nowMs: () => this.nowSeconds * 1000,
      random: () => 0.5,
    });
    const nowSeconds = (): number => this.nowSeconds;
    this.templates = new BlockTemplates({chain, pool: this.pool, payouts, nowSeconds, log, ...options});
  }

  static async open(
    t: TestContext,
    network: Network,
    addresses: readonly string[] = [],
    options: Partial<BlockTemplatesOptions> = {},
    checkProof: ChainOptions['checkProof'] = () => Promise.resolve(),
  ): Promise<PoolNode> {
    const path = await mkdtemp(join(tmpdir(), 'pkt-templates-'));
    t.after(() => rm(path, {recursive: true, force: true}));
    const store = createMemoryStore();
    const blocks = await StoredBlocks.open({path, magic: network.magic, store});
    t.after(() => blocks.close());
    const chain = await Chain.open({
      network,
      store,
      blocks,
      nowSeconds: () => 4_000_000_000,
      checkProof,
      checkScripts: (block, spending) => {
        checkSigops(block, spending);
        for (const transaction of spending) checkTransactionScripts(transaction);
        return Promise.resolve();
      },
    });
    const payouts = await PayoutBook.open({network, log: NO_LOG, fallback: addresses});
    return new PoolNode(network, chain, payouts, options);
  }

  /** Blocks on genesis whose coinbases anyone can spend. */
  async grow(count: number, miner: Partial<EasyMiner> = {}): Promise<Block[]> {
    const blocks = branch({network: this.network, tag: 1, ...miner}, genesisOf(this.network), 0, count);
    for (const block of blocks) await this.chain.accept(block);
    return blocks;
  }

  /** One more block on the tip. */
  async mine(parent: Block, more: readonly Transaction[] = [], tag = 1): Promise<Block> {
    const block = mineOn({network: this.network, tag}, parent, this.chain.height + 1, more);
    await this.chain.accept(block);
    return block;
  }

  /** The template as a block with the section of genesis for a proof; true when it has become the tip. */
  submit({header, transactions}: Template): Promise<boolean> {
    const {proofSection, proof} = genesisOf(this.network);
    const root = merkleRoot(transactions.map(transactionId));
    return this.chain.accept({header: {...header, merkleRoot: root}, proofSection, proof, transactions});
  }
}
