// Rules on a header at its place in the chain.   chain spec §3.2
import {compactToBig, equalBytes} from '../bytes/index.ts';
import type {Network} from '../params/index.ts';
import {type BlockHeader, blockHash} from '../primitives/index.ts';
import {RuleError} from './errors.ts';
import {type AncestorAt, type ChainPoint, requiredBits} from './required-bits.ts';

const MIN_VERSION = 4;

/** Throws RuleError 'ErrTimeTooNew' for a time too far ahead of the clock (seconds); the block may become valid. */
export function checkNotTooNew(network: Network, header: BlockHeader, nowSeconds: number): void {
  const latest = nowSeconds + network.difficulty.maxFutureSeconds;
  if (header.time > latest) throw new RuleError('ErrTimeTooNew', {time: header.time, latest});
}

/** What a header's place in the chain says of it. */
export interface HeaderContext<Point extends ChainPoint> {
  readonly network: Network;
  readonly previous: Point;
  /** Median time of `previous` and the blocks before it. */
  readonly medianTime: number;
  readonly ancestorAt: AncestorAt<Point>;
}

/** Throws RuleError unless the header may follow its parent. The clock is looked at by checkNotTooNew. */
export function checkHeader<Point extends ChainPoint>(context: HeaderContext<Point>, header: BlockHeader): void {
  const {network, previous, medianTime, ancestorAt} = context;
  if (header.version < MIN_VERSION) throw new RuleError('ErrBlockVersionTooOld', {version: header.version});
  const bits = requiredBits(network.difficulty, previous, header.time, ancestorAt);
  if (header.bits !== bits) throw new RuleError('ErrUnexpectedDifficulty', {bits: header.bits, required: bits});
  if (header.time <= medianTime) throw new RuleError('ErrTimeTooOld', {time: header.time, medianTime});
  const height = previous.height + 1;
  const checkpoint = network.checkpoints.find((entry) => entry.height === height);
  if (checkpoint !== undefined && !equalBytes(checkpoint.hash, blockHash(header))) {
    throw new RuleError('ErrBadCheckpoint', {height});
  }
}

/**
 * Holds a header to the last checkpoint that the chain has reached: no older than it, and no easier than bits can have become
 * since. Throws RuleError 'ErrCheckpointTimeTooOld', 'ErrDifficultyTooLow'.   chain spec §3.14
 */
export function checkSinceCheckpoint(network: Network, checkpoint: BlockHeader, header: BlockHeader): void {
  const {retargetBlocks, retargetSeconds, retargetFactor, limitBits} = network.difficulty;
  if (header.time < checkpoint.time) {
    throw new RuleError('ErrCheckpointTimeTooOld', {time: header.time, checkpoint: checkpoint.time});
  }
  if (retargetBlocks === undefined) return;
  const [target, start, limit] = [header.bits, checkpoint.bits, limitBits].map((bits) => compactToBig(bits) ?? 0n);
  let easiest = start!;
  for (let seconds = header.time - checkpoint.time; seconds > 0 && easiest < limit!; ) {
    easiest *= BigInt(retargetFactor);
    seconds -= retargetSeconds * retargetFactor;
  }
  if (target! > easiest && target! > 0n) throw new RuleError('ErrDifficultyTooLow', {bits: header.bits});
}
