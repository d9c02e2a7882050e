// What distinguishes one network from another, as frozen data: every schedule is a constant here and nowhere code.
// chain spec §1
import type {ProofRules} from '../packetcrypt/index.ts';

/** Prefixes and version bytes of addresses and keys.   chain spec §1.6 */
export interface AddressParams {
  readonly bech32Prefix: string;
  readonly p2pkh: number;
  readonly p2sh: number;
  readonly wif: number;
  /** Version bytes of BIP 32 keys, u32. */
  readonly bip32Private: number;
  readonly bip32Public: number;
  readonly coinType: number;
}

/** Subsidy and steward.   chain spec §3.7–§3.10 */
export interface MoneyParams {
  /** Blocks between two cuts of the subsidy by a tenth. */
  readonly subsidyPeriod: number;
  /** Blocks before an output of a coinbase may be spent. */
  readonly coinbaseMaturity: number;
  /** Blocks after which a steward payment can no longer be spent. */
  readonly stewardExpiry: number;
  /** Script of the first steward. */
  readonly initialSteward: Uint8Array;
}

/** Difficulty and time.   chain spec §3.3–§3.5 */
export interface DifficultyParams {
  /** Compact target that no block may exceed. */
  readonly limitBits: number;
  /** Bits of the first block after genesis; undefined: those of genesis. */
  readonly startBits?: number | undefined;
  /** Blocks between retargets; undefined: the bits never change. */
  readonly retargetBlocks: number | undefined;
  readonly retargetSeconds: number;
  readonly retargetFactor: number;
  readonly medianTimeBlocks: number;
  readonly maxFutureSeconds: number;
  /** Up to this height a block that comes late may have the easiest target. */
  readonly lastMinimumDifficultyHeight: number;
  readonly minimumDifficultyAfterSeconds: number;
}

/** A block hash that the chain must have. Hash in internal byte order. */
export interface Checkpoint {
  readonly height: number;
  readonly hash: Uint8Array;
}

export interface Network {
  readonly name: 'pkt' | 'pkttest' | 'pktreg';
  /** First four bytes of every message, u32 little endian on the wire. */
  readonly magic: number;
  readonly p2pPort: number;
  readonly rpcPort: number;
  readonly walletPort: number;
  readonly dnsSeeds: readonly string[];
  /** The whole genesis block; its proof section is opaque and never verified. */
  readonly genesis: Uint8Array;
  readonly addresses: AddressParams;
  readonly money: MoneyParams;
  readonly difficulty: DifficultyParams;
  /** Which announcement and proof versions count where.   chain spec §3.13, §3.15 */
  readonly proof: ProofRules;
  readonly checkpoints: readonly Checkpoint[];
  readonly relayNonStandard: boolean;
  /** A chain whose tip is older than this is not current; undefined: age does not count.   chain spec §2.8.4 */
  readonly currentSeconds: number | undefined;
}
