import {dsha256} from '../../core/crypto/index.ts';
import {
  AnnouncementMiner,
  AnnouncementValidator,
  BlockMiner,
  type FoundShare,
  type ThreadCrash,
} from '../../core/engines/index.ts';
import {
  ANN_BYTES,
  ANN_WAIT_BLOCKS,
  type AnnouncementChoice,
  chooseAnnouncements,
  degradedTarget,
  effectiveTarget,
  effectiveWork,
  MAX_TARGET,
  minAnnDiffOk,
  powerMultiplier,
  workForCompact,
} from '../../core/packetcrypt/index.ts';
import {spawnNodeThread} from '../../service/threads/node-threads.ts';
import {EXIT_INTERRUPTED} from '../exit-codes.ts';
import type {CommandContext} from '../options.ts';
import {formatBits, formatNumber, type Terminal} from '../terminal.ts';
import {randomU32} from '../threads.ts';
import {type BlockDraft, bitsForHashes, draftBlock} from './block.ts';
import {verifyFind} from './verify.ts';

export interface DemoOptions {
  readonly untilBlock: number;
  readonly announcements: number;
  readonly bits: number;
  /** Hashes that a block takes on average. */
  readonly blockHashes: number;
  readonly threads: number;
}

/** The made-up chain begins here: past the heights at which the rules of today came into force. */
const FIRST_HEIGHT = 200_000;
/** Shares on the way to a block, on average. */
const SHARES = 10;
/** Announcements of so many blocks are held, for those that are worth using for longer. */
const HELD_BLOCKS = 4;
/** Announcements judged at once. */
const CHECK_BATCH = 16_384;

/** Sums over all blocks, for the last line. */
interface Summary {
  height: number;
  announcements: number;
  shares: number;
  blocks: number;
  hashes: number;
  announcementHashes: number;
}

/** Runs the main job and prints what was proved. Returns the exit code. */
export async function runDemo(options: DemoOptions, {terminal, interrupted}: CommandContext): Promise<number> {
  const demo = new Demo(options, terminal, interrupted);
  try {
    for (let i = 0; i < options.untilBlock; i++) await demo.mineNextBlock();
  } catch (error) {
    if (interrupted.aborted) return EXIT_INTERRUPTED;
    throw error;
  } finally {
    await demo.close();
  }
  await terminal.print(JSON.stringify(demo.summary()));
  return 0;
}

class Demo {
  readonly #options: DemoOptions;
  readonly #terminal: Terminal;
  readonly #announcements: AnnouncementMiner;
  readonly #validator: AnnouncementValidator;
  readonly #blocks: BlockMiner;
  readonly #hashes = new Map<number, Uint8Array>();
  readonly #begun: number = now();
  readonly #failed: Promise<never>;
  #fail: (error: Error) => void = () => {};
  #onAnnouncements: (anns: Uint8Array) => void = () => {};
  #onShare: (share: FoundShare) => void = () => {};
  readonly #sum: Summary = {height: 0, announcements: 0, shares: 0, blocks: 0, hashes: 0, announcementHashes: 0};

  constructor(options: DemoOptions, terminal: Terminal, interrupted: AbortSignal) {
    this.#options = options;
    this.#terminal = terminal;
    for (let i = 0; i < ANN_WAIT_BLOCKS; i++) {
      this.#hashes.set(FIRST_HEIGHT + i, crypto.getRandomValues(new Uint8Array(32)));
    }
    this.#failed = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    // Without a wait in progress there is nobody to tell.
    this.#failed.catch(() => {});
    interrupted.addEventListener('abort', () => this.#fail(new Error('interrupted')));
    const engine = {
      threads: options.threads,
      spawn: spawnNodeThread,
      now,
      onCrash: (crash: ThreadCrash) => this.#crashed(crash),
    };
    this.#announcements = new AnnouncementMiner({
      ...engine,
      firstHardNonce: randomU32(),
      onFound: (anns) => this.#onAnnouncements(anns),
    });
    this.#validator = new AnnouncementValidator(engine);
    this.#blocks = new BlockMiner({
      ...engine,
      capacity: HELD_BLOCKS * options.announcements,
      onFound: (share) => this.#onShare(share),
    });
  }

  summary(): object {
    const wallSeconds = Math.round((now() - this.#begun) / 10) / 100;
    return {...this.#sum, seconds: wallSeconds, verified: true};
  }

  async close(): Promise<void> {
    await Promise.all([this.#announcements.close(), this.#validator.close(), this.#blocks.close()]);
  }

  #crashed({thread, error, replaced}: ThreadCrash): void {
    this.#terminal.note(`thread ${thread} died: ${error.message}`);
    if (!replaced) this.#fail(error);
  }

  /** A wait that a failure or Ctrl-C ends. */
  #wait<Result>(work: Promise<Result>): Promise<Result> {
    return Promise.race([work, this.#failed]);
  }

  async mineNextBlock(): Promise<void> {
    const height = FIRST_HEIGHT + this.#hashes.size;
    const anns = await this.#mineAnnouncements(height);
    await this.#checkAnnouncements(anns, height);
    this.#blocks.drop(({parentBlockHeight, workBits}) => {
      return !minAnnDiffOk(degradedTarget(workBits, height, parentBlockHeight));
    });
    this.#blocks.add(anns);
    await this.#mineBlock(height);
  }

  async #mineAnnouncements(height: number): Promise<Uint8Array> {
    const {announcements: wanted, bits, threads} = this.#options;
    const parentBlockHeight = height - ANN_WAIT_BLOCKS;
    const parentHash = this.#hashes.get(parentBlockHeight)!;
    const found = new Uint8Array(wanted * ANN_BYTES);
    let filled = 0;
    const hashesBefore = this.#announcements.stats.hashes;
    const watch = new Watch();
    const describe = (): string => {
      const [count, hashes] = [filled / ANN_BYTES, this.#announcements.stats.hashes - hashesBefore];
      return (
        `mining announcements: ${formatNumber(count)} of ${formatNumber(wanted)}, ${watch.rate(count)}/s, ` +
        `${watch.rate(hashes)} hashes/s, ${watch.rate((filled * 8) / 1e6)} Mbit/s`
      );
    };
    this.#terminal.note(
      `Block ${height}: mining ${formatNumber(wanted)} announcements on block ${parentBlockHeight} ` +
        `at ${formatBits(bits)} with ${threads} threads`,
    );
    const stopWatching = this.#terminal.watch(describe);
    try {
      const full = new Promise<void>((resolve) => {
        this.#onAnnouncements = (anns) => {
          const part = anns.subarray(0, found.length - filled);
          found.set(part, filled);
          filled += part.length;
          if (filled === found.length) resolve();
        };
      });
      this.#announcements.start({parentHash, parentBlockHeight, workBits: bits});
      await this.#wait(full);
      await this.#wait(this.#announcements.stop());
    } finally {
      stopWatching();
    }
    this.#terminal.note(`  ${describe().replace('mining announcements', 'mined')} in ${watch.seconds} s`);
    this.#sum.announcementHashes += this.#announcements.stats.hashes - hashesBefore;
    return found;
  }

  async #checkAnnouncements(anns: Uint8Array, height: number): Promise<void> {
    const parentHash = this.#hashes.get(height - ANN_WAIT_BLOCKS)!;
    const watch = new Watch();
    let done = 0;
    const total = anns.length / ANN_BYTES;
    const stopWatching = this.#terminal.watch(() => `checking announcements: ${formatNumber(done)} of ${total}`);
    try {
      for (let at = 0; at < anns.length; at += CHECK_BATCH * ANN_BYTES) {
        const piece = anns.subarray(at, at + CHECK_BATCH * ANN_BYTES);
        const verdicts = await this.#wait(this.#validator.validate(piece, parentHash));
        const bad = verdicts.find(({verdict}) => verdict !== 'OK');
        if (bad !== undefined) throw new Error(`bug: an announcement of ours was refused: ${bad.verdict}`);
        done += verdicts.length;
      }
    } finally {
      stopWatching();
    }
    this.#sum.announcements += total;
    this.#terminal.note(`  checked: all ${formatNumber(done)} are valid, ${watch.rate(done)}/s in ${watch.seconds} s`);
  }

  async #mineBlock(height: number): Promise<void> {
    const watch = new Watch();
    const {classes} = this.#blocks;
    const choice = chooseAnnouncements(classes, height, MAX_TARGET)!;
    const set = this.#blocks.prepare((entry) => {
      return classes.some(
        ({parentBlockHeight, workBits}, i) =>
          choice.taken[i]! > 0 && parentBlockHeight === entry.parentBlockHeight && workBits === entry.workBits,
      );
    })!;
    const {annLeastWorkTarget} = choice;
    const {blockHashes} = this.#options;
    const bits = bitsForHashes(blockHashes, annLeastWorkTarget, set.count);
    const shareTarget = bitsForHashes(Math.ceil(blockHashes / SHARES), annLeastWorkTarget, set.count);
    const previous = this.#hashes.get(height - 1)!;
    const timeSeconds = Math.floor(Date.now() / 1000);
    const draft = draftBlock({height, previous, bits, timeSeconds, annLeastWorkTarget, ...set});
    this.#terminal.note(
      `  tree over ${formatNumber(set.count)} announcements built in ${watch.seconds} s; mining the block`,
    );
    await this.#searchBlock(height, draft, {shareTarget, bits, choice, count: set.count});
  }

  async #searchBlock(height: number, draft: BlockDraft, target: BlockTarget): Promise<void> {
    const {shareTarget, bits, choice, count} = target;
    const watch = new Watch();
    const hashesBefore = this.#blocks.stats.hashes;
    const hashes = (): number => this.#blocks.stats.hashes - hashesBefore;
    let shares = 0;
    const stopWatching = this.#terminal.watch(
      () => `mining block ${height}: ${formatNumber(hashes())} hashes, ${watch.rate(hashes())}/s, ${shares} shares`,
    );
    let block: {find: FoundShare; wire: Uint8Array};
    try {
      block = await this.#wait(
        new Promise((resolve, reject) => {
          let done = false;
          this.#onShare = (find) => {
            if (done) return;
            try {
              const {outcome, wire} = verifyFind(find, draft, height, shareTarget, (at) => this.#hashes.get(at));
              if (outcome === 'SHARE_OK') shares++;
              else resolve({find, wire});
              done = outcome === 'OK';
            } catch (error) {
              reject(error);
            }
          };
          this.#blocks.mine(draft.header, effectiveTarget(shareTarget, choice.annLeastWorkTarget, count));
        }),
      );
      await this.#wait(this.#blocks.stop());
    } finally {
      stopWatching();
    }
    this.#hashes.set(height, dsha256(block.find.header));
    this.#sum.height = height;
    this.#sum.blocks++;
    this.#sum.shares += shares;
    this.#sum.hashes += hashes();
    this.#terminal.note(`  found: ${formatNumber(hashes())} hashes, ${watch.rate(hashes())}/s in ${watch.seconds} s`);
    await this.#report(height, block.wire, hashes(), shares, {shareTarget, bits, choice, count});
  }

  /** Says in plain words what the proof shows. */
  async #report(height: number, wire: Uint8Array, hashes: number, shares: number, target: BlockTarget): Promise<void> {
    const {bits, choice, count} = target;
    const {annLeastWorkTarget} = choice;
    const multiplier = powerMultiplier(annLeastWorkTarget, count);
    const needed = effectiveWork(bits, annLeastWorkTarget, count);
    const saved = multiplier === 0n ? 0n : BigInt(hashes) * (multiplier - 1n);
    const lines = [
      `Block ${height} is proved and verified, with the rules of miners and pools and with those of nodes:`,
      `  announcements           ${formatNumber(count)}, of which the proof shows 4`,
      `  least effective work    ${formatNumber(workForCompact(annLeastWorkTarget)!)} hashes an announcement (${formatBits(annLeastWorkTarget)})`,
      `  power multiplier        ${formatNumber(multiplier)}: what the announcements make of each block hash`,
      `  block hashes            ${formatNumber(hashes)}, ${formatNumber(needed)} expected; ${shares} shares on the way`,
      `  encryptions saved       ${formatNumber(saved)}`,
      `  proof                   ${formatNumber(wire.length)} bytes`,
    ];
    for (const line of lines) await this.#terminal.print(line);
  }
}

interface BlockTarget {
  readonly shareTarget: number;
  readonly bits: number;
  readonly choice: AnnouncementChoice;
  readonly count: number;
}

class Watch {
  readonly #begun = now();

  get seconds(): string {
    return ((now() - this.#begun) / 1000).toFixed(1);
  }

  rate(amount: number): string {
    return formatNumber((amount * 1000) / Math.max(1, now() - this.#begun));
  }
}

function now(): number {
  return performance.now();
}
