// What goes on in a private network, asked of its programs as anyone could.
import {httpRequest} from '../../service/http/http-client.ts';
import type {RpcClient} from '../../service/rpc-client.ts';
import type {Home, PaidSoFar} from './home.ts';

export interface Figures {
  readonly height: number;
  /** Sums over all runs. */
  readonly announcements: number;
  readonly shares: number;
  readonly annsPerSecond: number;
  /** Of announcements that were taken. */
  readonly megabitsPerSecond: number;
  readonly difficulty: number;
  /** Parts of the next block by address, largest first; they sum to about 1. */
  readonly next: readonly (readonly [address: string, part: number])[];
  /** The newest first. */
  readonly blocks: readonly BlockFigures[];
}

export interface BlockFigures {
  readonly height: number;
  /** Shown order. */
  readonly hash: string;
  readonly time: number;
  /** Units by address, without the steward's. */
  readonly paid: ReadonlyMap<string, bigint>;
  readonly stewardUnits: bigint;
}

interface ShownBlock {
  readonly height: number;
  readonly time: number;
  readonly previousblockhash: string;
  readonly rawtx: readonly {readonly vout: readonly {readonly address: string; readonly svalue: string}[]}[];
}

const TIMEOUT_MS = 5000;
const MAX_BYTES = 2 ** 20;
/** Rates are means over so long. */
const RATE_MS = 10_000;
const SHOWN_BLOCKS = 10;
const ANN_BITS = 8192;

interface Sample {
  readonly atMs: number;
  readonly announcements: number;
}

/** The value of a metric without labels, 0 where it is missing. */
export function metricValue(text: string, name: string): number {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.slice(name.length + 1));
}

export interface FigureSources {
  readonly home: Home;
  readonly node: RpcClient;
  /** host:port of the status servers. */
  readonly annStatus: string;
  readonly blockStatus: string;
}

/** Asks again and again; what does not answer keeps its last value. */
export class FigureReader {
  readonly #sources: FigureSources;
  #paid: PaidSoFar = {height: 0, hash: '', units: new Map(), stewardUnits: 0n};
  #blocks: readonly BlockFigures[] = [];
  #samples: readonly Sample[] = [];
  #next: Figures['next'] = [];
  #difficulty = 0;
  #steward = '';
  /** Counters of the programs as last read: they begin anew when a program does. */
  readonly #counters = {announcements: 0, shares: 0};

  constructor(sources: FigureSources) {
    this.#sources = sources;
  }

  get figures(): Figures {
    const {announcements, shares} = this.#sources.home.totals;
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    const seconds = first === undefined || last === undefined ? 0 : (last.atMs - first.atMs) / 1000;
    const annsPerSecond = seconds === 0 ? 0 : (last!.announcements - first!.announcements) / seconds;
    return {
      height: this.#paid.height,
      announcements,
      shares,
      annsPerSecond,
      megabitsPerSecond: (annsPerSecond * ANN_BITS) / 1e6,
      difficulty: this.#difficulty,
      next: this.#next,
      blocks: this.#blocks,
    };
  }

  get paid(): PaidSoFar {
    return this.#paid;
  }

  /** Takes up the sums of earlier runs, if the chain still has the block that they end with. Throws RpcClientError. */
  async open(): Promise<void> {
    const {home, node} = this.#sources;
    const {script} = (await node.call('getnetworksteward')) as {script: string};
    const {addresses} = (await node.call('decodescript', [script])) as {addresses?: readonly string[]};
    this.#steward = addresses?.[0] ?? '';
    if (home.paid === undefined) return;
    const height = (await node.call('getblockcount')) as number;
    if (home.paid.height > height) return;
    if ((await node.call('getblockhash', [home.paid.height])) === home.paid.hash) this.#paid = home.paid;
  }

  /** Blocks that are new. Throws RpcClientError. */
  async readChain(): Promise<readonly BlockFigures[]> {
    const {node} = this.#sources;
    const fresh: BlockFigures[] = [];
    const best = (await node.call('getblockcount')) as number;
    if (this.#paid.height > best) this.#forget();
    for (let height = this.#paid.height + 1; height <= best; height++) {
      const hash = (await node.call('getblockhash', [height])) as string;
      const {vout, block} = await this.#coinbase(hash);
      // Another branch has won: everything is summed anew.
      if (this.#paid.height > 0 && block.previousblockhash !== this.#paid.hash) {
        this.#forget();
        return this.readChain();
      }
      const figures = this.#count({height, hash, time: block.time}, vout);
      fresh.push(figures);
      this.#blocks = [figures, ...this.#blocks].slice(0, SHOWN_BLOCKS);
    }
    if (fresh.length > 0) this.#sources.home.paid = this.#paid;
    return fresh;
  }

  async #coinbase(hash: string): Promise<{block: ShownBlock; vout: ShownBlock['rawtx'][number]['vout']}> {
    const block = (await this.#sources.node.call('getblock', [hash, true, true])) as ShownBlock;
    return {block, vout: block.rawtx[0]!.vout};
  }

  #count(
    about: {readonly height: number; readonly hash: string; readonly time: number},
    vout: ShownBlock['rawtx'][number]['vout'],
  ): BlockFigures {
    const paid = new Map<string, bigint>();
    let stewardUnits = 0n;
    for (const {address, svalue} of vout) {
      const units = BigInt(svalue);
      if (units === 0n) continue;
      if (address === this.#steward) stewardUnits += units;
      else paid.set(address, (paid.get(address) ?? 0n) + units);
    }
    const units = new Map(this.#paid.units);
    for (const [address, more] of paid) units.set(address, (units.get(address) ?? 0n) + more);
    const {height, hash} = about;
    this.#paid = {height, hash, units, stewardUnits: this.#paid.stewardUnits + stewardUnits};
    return {...about, paid, stewardUnits};
  }

  #forget(): void {
    this.#paid = {height: 0, hash: '', units: new Map(), stewardUnits: 0n};
    this.#blocks = [];
  }

  /** Sums of the handlers. Throws HttpError. */
  async readCounters(nowMs: number): Promise<void> {
    const {home, annStatus, blockStatus} = this.#sources;
    const text = async (address: string): Promise<string> => {
      const {body} = await httpRequest(`http://${address}/metrics`, {timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES});
      return new TextDecoder().decode(body);
    };
    const announcements = metricValue(await text(annStatus), 'pkt_ann_handler_accepted_total');
    const shares = metricValue(await text(blockStatus), 'pkt_block_handler_shares_total');
    const more = (name: 'announcements' | 'shares', value: number): number => {
      const before = this.#counters[name];
      this.#counters[name] = value;
      return value < before ? value : value - before;
    };
    const {totals} = home;
    home.totals = {
      announcements: totals.announcements + more('announcements', announcements),
      shares: totals.shares + more('shares', shares),
    };
    const sample = {atMs: nowMs, announcements: home.totals.announcements};
    this.#samples = [...this.#samples.filter(({atMs}) => atMs > nowMs - RATE_MS), sample];
  }

  /** Whom the next block pays. Throws RpcClientError. */
  async readNext(): Promise<void> {
    const {node} = this.#sources;
    const payouts = Object.entries((await node.call('getminingpayouts')) as Readonly<Record<string, number>>);
    const sum = payouts.reduce((total, [, pkt]) => total + pkt, 0);
    this.#next = payouts
      .map(([address, pkt]) => [address, sum === 0 ? 0 : pkt / sum] as const)
      .sort(([, a], [, b]) => b - a);
    this.#difficulty = (await node.call('getdifficulty')) as number;
  }
}
