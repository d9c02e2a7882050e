// Blocks and headers as answers show them.   chain spec §4.6.2
import {compactToBig, encodeHex} from '../../../core/bytes/index.ts';
import {outpointKey, type PlacedCoin, stewardShare, subsidy} from '../../../core/consensus/index.ts';
import {
  CURRENT_DIFFICULTY,
  type DifficultyRules,
  decodeCommitment,
  findCommitment,
  OLD_DIFFICULTY,
} from '../../../core/packetcrypt/index.ts';
import type {Network} from '../../../core/params/index.ts';
import {
  type Block,
  type BlockBody,
  type BlockHeader,
  blockSize,
  decodeHeader,
  type Transaction,
  transactionId,
} from '../../../core/primitives/index.ts';
import type {ChainEntry} from '../../chain/block-tree.ts';
import type {Chain} from '../../chain/chain.ts';
import {shownHash} from '../../chain/layout.ts';
import {addressOf} from './script.ts';
import {type SpentAt, type SpentOutput, transactionDocument} from './transaction.ts';

/** Announcements of this target count as difficulty 1. */
const EASIEST_TARGET_BITS = 0x207fffff;
const DECIMALS = 100_000_000n;

export function bitsHex(bits: number): string {
  return bits.toString(16).padStart(8, '0');
}

/** How many times harder a target is than another, to eight decimals; undefined for targets that cannot be met. */
export function difficultyOf(bits: number, easiestBits: number): number | undefined {
  const target = compactToBig(bits);
  const easiest = compactToBig(easiestBits);
  if (target === undefined || target <= 0n || easiest === undefined) return undefined;
  return Number((2n * easiest * DECIMALS + target) / (2n * target)) / Number(DECIMALS);
}

export function chainDifficulty(network: Network, bits: number): number | undefined {
  return difficultyOf(bits, network.difficulty.limitBits);
}

export function confirmationsOf(chain: Chain, {height, isBest}: ChainEntry): number {
  return isBest ? chain.height - height + 1 : -1;
}

/** What header and block objects have in common. */
export function headerMembers(chain: Chain, entry: ChainEntry, header: BlockHeader): Record<string, unknown> {
  const next = entry.isBest ? chain.hashAt(entry.height + 1) : undefined;
  return {
    hash: shownHash(entry.hash),
    confirmations: confirmationsOf(chain, entry),
    height: entry.height,
    version: header.version,
    versionHex: (header.version >>> 0).toString(16).padStart(8, '0'),
    merkleroot: shownHash(header.merkleRoot),
    time: header.time,
    nonce: header.nonce,
    bits: bitsHex(header.bits),
    difficulty: chainDifficulty(chain.network, header.bits),
    previousblockhash: shownHash(header.previous),
    ...(next && {nextblockhash: shownHash(next)}),
  };
}

/**
 * Difficulty of a block whose proof is there or was dropped; undefined where only the proof could tell.   packetcrypt spec §A.2
 */
function difficultyRules({proof}: Network, height: number, version: number | undefined): DifficultyRules | undefined {
  if (version !== undefined) return version < 2 ? OLD_DIFFICULTY : CURRENT_DIFFICULTY;
  if (height > proof.lastVersion1Height) return CURRENT_DIFFICULTY;
  return height < proof.firstVersion2Height ? OLD_DIFFICULTY : undefined;
}

function commitmentMembers(
  {header, transactions}: BlockBody,
  difficulty: DifficultyRules | undefined,
): Record<string, unknown> {
  const bytes = findCommitment(transactions[0]!.outputs.map(({script}) => script));
  if (bytes === undefined) return {};
  const {annLeastWorkTarget, numAnns} = decodeCommitment(bytes);
  const target = difficulty?.effectiveTarget(header.bits, annLeastWorkTarget, numAnns);
  return {
    packetcryptanncount: numAnns > BigInt(Number.MAX_SAFE_INTEGER) ? numAnns : Number(numAnns),
    packetcryptannbits: bitsHex(annLeastWorkTarget),
    packetcryptanndifficulty: difficultyOf(annLeastWorkTarget, EASIEST_TARGET_BITS),
    ...(target !== undefined && {
      packetcryptblkdifficulty: difficultyOf(target, EASIEST_TARGET_BITS),
      packetcryptblkbits: bitsHex(target),
    }),
  };
}

/** Who got the steward's share, by its amount. */
function stewardOf(network: Network, {outputs}: Transaction, height: number): string {
  const share = stewardShare(network.money, height);
  const paid = outputs.findLast(({value}) => value === share);
  return paid === undefined ? 'unknown' : addressOf(network, paid.script);
}

function retargetMembers(chain: Chain, entry: ChainEntry, header: BlockHeader): Record<string, unknown> {
  const {retargetBlocks, retargetSeconds, retargetFactor} = chain.network.difficulty;
  if (retargetBlocks === undefined) return {};
  const blocksuntilretarget = (retargetBlocks - (entry.height % retargetBlocks)) % retargetBlocks;
  if (entry.height <= retargetBlocks) return {blocksuntilretarget};
  const first = chain.find(chain.ancestorHash(entry.hash, entry.height - (retargetBlocks - 1))!)!;
  const seconds = header.time - decodeHeader(first.header).time;
  const span = Math.min(Math.max(seconds, retargetSeconds / retargetFactor), retargetSeconds * retargetFactor);
  return {blocksuntilretarget, retargetestimate: retargetSeconds / span};
}

/** Outputs that the transactions of a block spend: from before it, or created in it. */
export function spentInBlock(transactions: readonly Transaction[], spent: readonly PlacedCoin[]): SpentAt {
  const outputs = new Map<string, SpentOutput>();
  for (const {txid, index, coin} of spent) outputs.set(outpointKey(txid, index), coin);
  for (const transaction of transactions) {
    const txid = transactionId(transaction);
    for (const [index, output] of transaction.outputs.entries()) outputs.set(outpointKey(txid, index), output);
  }
  return ({txid, index}) => outputs.get(outpointKey(txid, index));
}

export interface BlockOptions {
  /** Whole transactions instead of their ids. */
  readonly transactions: boolean;
  /** With the proof section. */
  readonly proof: boolean;
}

/** block: with its proof, where that is still there. spent: what the block spent, where that is known. */
export function blockDocument(
  chain: Chain,
  entry: ChainEntry,
  body: BlockBody,
  block: Block | undefined,
  spent: readonly PlacedCoin[] | undefined,
  options: BlockOptions,
): object {
  const {header, transactions} = body;
  const {network} = chain;
  const {hash, confirmations, height, ...rest} = headerMembers(chain, entry, header);
  const size = block && blockSize(block);
  const version = block && Number(block.proof.version);
  const place = {blockHash: entry.hash, confirmations: confirmations as number, time: header.time};
  const spentAt = spentInBlock(transactions, spent ?? []);
  return {
    hash,
    confirmations,
    ...(size && {strippedsize: size.stripped, size: size.total, weight: size.weight}),
    height,
    ...(options.transactions
      ? {rawtx: transactions.map((transaction) => transactionDocument(network, transaction, spentAt, place))}
      : {tx: transactions.map((transaction) => shownHash(transactionId(transaction)))}),
    ...rest,
    ...(block && options.proof && {packetcryptproof: encodeHex(block.proofSection)}),
    ...(version !== undefined && {packetcryptversion: version}),
    ...commitmentMembers(body, difficultyRules(network, entry.height, version)),
    sblockreward: subsidy(network.money, entry.height).toString(),
    networksteward: stewardOf(network, transactions[0]!, entry.height),
    ...retargetMembers(chain, entry, header),
  };
}
