import {decodeHeader} from '../../../core/primitives/index.ts';
import type {ChainEntry} from '../../chain/block-tree.ts';
import type {Chain} from '../../chain/chain.ts';

/** Blocks that a rate is taken from when nothing is said. */
export const DEFAULT_RATE_BLOCKS = 120;

/** Hashes per second that the work of some blocks stands for. */
export function networkHashes(chain: Chain, blocks: number, height: number): number {
  const end = height < 0 || height > chain.height ? chain.height : height;
  const start = Math.max(0, end - (blocks > 0 ? blocks : end));
  if (end === 0) return 0;
  const [first, last] = [start, end].map((at) => chain.find(chain.hashAt(at)!)!) as [ChainEntry, ChainEntry];
  const times: number[] = [];
  for (let at = start; at <= end; at++) times.push(decodeHeader(chain.headerAt(at)!).time);
  const seconds = times.reduce((a, b) => Math.max(a, b)) - times.reduce((a, b) => Math.min(a, b));
  return seconds === 0 ? 0 : Number(last.work - first.work) / seconds;
}
