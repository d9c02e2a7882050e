import {encodeHex} from '../../src/core/bytes/index.ts';
import {blockHash, decodeBlock} from '../../src/core/primitives/index.ts';
import {blockCases} from './block-cases.ts';

/** Calls a method of a node and gives its result. */
export type CallNode = (method: string, params: readonly unknown[]) => Promise<unknown>;

export interface CaseRow {
  readonly name: string;
  readonly rule: string;
  /** Rule that the node names for the bad block; "accepted", or its words where they are others. */
  readonly bad: string;
  /** What became of the twin: "accepted" and the new tip, or the node's words. */
  readonly good: string;
  /** They differ in nothing but their proofs. */
  readonly hasSameHash: boolean;
  readonly isRight: boolean;
}

const shown = (bytes: Uint8Array): string => encodeHex(blockHash(decodeBlock(bytes).header).reverse());

async function submit(call: CallNode, bytes: Uint8Array): Promise<string> {
  const answer = await call('submitblock', [encodeHex(bytes)]);
  if (answer === null) return 'accepted';
  return /^rejected: (?:\S+ )?(Err\w+)/.exec(String(answer))?.[1] ?? String(answer);
}

/** Submits every case to a node at genesis of pktreg; gives a row for each. Throws Error where the chain before is refused. */
export async function* replayCases(call: CallNode, nowSeconds: number): AsyncGenerator<CaseRow> {
  if ((await call('getblockcount', [])) !== 0) throw new Error('the node has blocks; the list wants a new chain');
  for (const {name, rule, before, bad, good} of blockCases(nowSeconds)) {
    for (const bytes of before) {
      const answer = await submit(call, bytes);
      if (answer !== 'accepted') throw new Error(`a block of the chain before is refused: ${answer}`);
    }
    const tip = await call('getbestblockhash', []);
    const refused = await submit(call, bad);
    const isSame = (await call('getbestblockhash', [])) === tip;
    const taken = await submit(call, good);
    const isTip = (await call('getbestblockhash', [])) === shown(good);
    const isRight = refused === rule && isSame && taken === 'accepted' && isTip;
    const hasSameHash = shown(bad) === shown(good);
    yield {
      hasSameHash,
      name,
      rule,
      bad: isSame ? refused : `${refused}, but the tip moved`,
      good: isTip ? 'accepted' : taken,
      isRight,
    };
  }
}
