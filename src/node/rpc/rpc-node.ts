import type {NodeProofInput, ProofResult, ProofRules} from '../../core/packetcrypt/index.ts';
import type {LogLevel} from '../../service/logs/pino-log.ts';
import type {CoinSet} from '../chain/audit.ts';
import type {Chain} from '../chain/chain.ts';
import type {ChainIndexes} from '../chain/indexes/index.ts';
import type {BlockTemplates} from '../mempool/block-templates.ts';
import type {FeeEstimator} from '../mempool/fee-estimator.ts';
import type {Mempool} from '../mempool/mempool.ts';
import type {PayoutBook} from '../mempool/payout-book.ts';
import type {PeerNetwork} from '../p2p/peer-network.ts';

/** Everything of the node that methods ask for or act on. */
export interface RpcNode {
  readonly chain: Chain;
  readonly indexes: ChainIndexes;
  readonly mempool: Mempool;
  readonly fees: FeeEstimator;
  readonly templates: BlockTemplates;
  readonly payouts: PayoutBook;
  readonly peers: PeerNetwork;
  /** What this node offers to peers. */
  readonly services: bigint;
  /** All unspent outputs at the tip. */
  readonly coinSet: () => Promise<CoinSet>;
  /** Judges the proof of a block or share. Throws BlockError. */
  readonly checkProof: (input: NodeProofInput, rules: ProofRules) => Promise<ProofResult>;
  /** Mines blocks on this machine, one after another; gives their hashes. */
  readonly generate: (blocks: number, signal: AbortSignal) => Promise<Uint8Array[]>;
  /** Version of this program. */
  readonly version: string;
  /** Wall clock, milliseconds. */
  readonly nowMs: () => number;
  /** Wall clock, seconds. */
  readonly nowSeconds: () => number;
  /** When the node was started, seconds. */
  readonly startedSeconds: number;
  /** How much is logged; undefined where whoever runs the node does not let that be changed. */
  readonly log: {level: LogLevel} | undefined;
  /** Begins an orderly stop. */
  readonly stop: () => void;
}
