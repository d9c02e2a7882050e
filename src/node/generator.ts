import {randomInt} from 'node:crypto';
import {availableParallelism} from 'node:os';
import {equalBytes} from '../core/bytes/index.ts';
import {
  AnnouncementMiner,
  BlockMiner,
  type FoundShare,
  type SpawnThread,
  type ThreadCrash,
} from '../core/engines/index.ts';
import {
  ANN_BYTES,
  ANN_WAIT_BLOCKS,
  chooseAnnouncements,
  commitmentScript,
  degradedTarget,
  effectiveTarget,
  encodeCommitment,
  encodeProof,
  MAX_TARGET,
  minAnnDiffOk,
  type PacketCryptProof,
} from '../core/packetcrypt/index.ts';
import {
  type Block,
  blockHash,
  decodeHeader,
  encodeHeader,
  merkleRoot,
  type Transaction,
  transactionId,
} from '../core/primitives/index.ts';
import type {ChainBlock} from './chain/block-tree.ts';
import type {Chain} from './chain/chain.ts';
import type {BlockTemplates, Template} from './mempool/block-templates.ts';

const ANNOUNCEMENTS = 40;
/** So hard that announcements are good for eight heights: mining them takes longer than the blocks. */
const ANNOUNCEMENT_BITS = 0x2000ffff;
const PROOF_VERSION = 2n;
/** At easier targets the miner would drown in finds of which one is wanted. */
const EASIEST_SEARCH = 0x2001ffff;
const BLOCK_MS = 120_000;
const NO_HASH: Uint8Array = new Uint8Array(0);

export interface GeneratorOptions {
  readonly chain: Chain;
  readonly templates: BlockTemplates;
  readonly spawn: SpawnThread;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** A block to be proved: the template with a coinbase that commits to the announcements. */
interface Draft {
  readonly coinbase: Transaction;
  readonly header: Uint8Array;
}

/** The template's coinbase with the commitment in its place, and the header over it. */
function draftBlock({transactions, header}: Template, commitment: Uint8Array): Draft {
  const [plain, ...others] = transactions as [Transaction, ...Transaction[]];
  const outputs = [...plain.outputs.slice(0, -1), {value: 0n, script: commitmentScript(commitment)}];
  const coinbase = {...plain, outputs};
  const root = merkleRoot([coinbase, ...others].map(transactionId));
  return {coinbase, header: encodeHeader({...header, merkleRoot: root})};
}

function assemble({transactions}: Template, {coinbase}: Draft, found: FoundShare): Block {
  const proof: PacketCryptProof = {
    version: PROOF_VERSION,
    nonce2: found.nonce2,
    announcements: [0, 1, 2, 3].map((k) => found.announcements.slice(ANN_BYTES * k, ANN_BYTES * (k + 1))),
    treeProof: found.treeProof,
    signatures: [undefined, undefined, undefined, undefined],
    contentProofs: undefined,
  };
  return {
    header: decodeHeader(found.header),
    proofSection: encodeProof(proof),
    proof,
    transactions: [coinbase, ...transactions.slice(1)],
  };
}

/**
 * Mines blocks on this machine, for the private network: announcements and blocks with the same engines as the miners, one block
 * after another. Threads live for one call.
 */
export class Generator {
  readonly #options: GeneratorOptions;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: GeneratorOptions) {
    this.#options = options;
  }

  /** Mines blocks and has the chain take them; gives their hashes. Throws TemplateError, EngineError, RuleError. */
  generate(blocks: number, signal: AbortSignal): Promise<Uint8Array[]> {
    const done = this.#queue.then(() => this.#generate(blocks, signal));
    this.#queue = done.catch(() => {});
    return done;
  }

  async #generate(blocks: number, signal: AbortSignal): Promise<Uint8Array[]> {
    const run = new MiningRun(this.#options, signal);
    const hashes: Uint8Array[] = [];
    try {
      while (hashes.length < blocks) {
        signal.throwIfAborted();
        const block = await run.mine();
        await this.#options.chain.accept(block);
        hashes.push(blockHash(block.header));
      }
    } finally {
      await run.close();
    }
    return hashes;
  }

  /** Waits for what is being mined; its signal must have been aborted. */
  async close(): Promise<void> {
    await this.#queue;
  }
}

/** Engines for some blocks. */
class MiningRun {
  readonly #options: GeneratorOptions;
  readonly #announcements: AnnouncementMiner;
  readonly #blocks: BlockMiner;
  readonly #ended: Promise<never>;
  /** Parent of the announcements at hand. */
  #held: ChainBlock | undefined;
  #end: (error: unknown) => void = () => {};
  #onAnnouncements: (anns: Uint8Array) => void = () => {};
  #onFound: (found: FoundShare) => void = () => {};

  constructor(options: GeneratorOptions, signal: AbortSignal) {
    this.#options = options;
    this.#ended = new Promise<never>((_, reject) => {
      this.#end = reject;
    });
    this.#ended.catch(() => {});
    signal.addEventListener('abort', () => this.#end(signal.reason), {once: true});
    const engine = {
      threads: Math.min(2, availableParallelism()),
      spawn: options.spawn,
      now: options.now,
      onCrash: ({error, replaced}: ThreadCrash) => {
        if (!replaced) this.#end(error);
      },
    };
    this.#announcements = new AnnouncementMiner({
      ...engine,
      firstHardNonce: randomInt(2 ** 32),
      onFound: (anns) => this.#onAnnouncements(anns),
    });
    this.#blocks = new BlockMiner({...engine, capacity: 4 * ANNOUNCEMENTS, onFound: (found) => this.#onFound(found)});
  }

  #wait<Result>(work: Promise<Result>): Promise<Result> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('mining takes too long')), BLOCK_MS);
    });
    return Promise.race([work, this.#ended, late]).finally(() => clearTimeout(timer));
  }

  async mine(): Promise<Block> {
    const template = await this.#options.templates.template();
    const {height, header} = template;
    await this.#holdAnnouncements(height);
    const {annLeastWorkTarget} = chooseAnnouncements(this.#blocks.classes, height, MAX_TARGET)!;
    const set = this.#blocks.prepare(() => true)!;
    const commitment = encodeCommitment({annLeastWorkTarget, root: set.root, numAnns: BigInt(set.count)});
    const draft = draftBlock(template, commitment);
    const found = new Promise<FoundShare>((resolve) => {
      this.#onFound = resolve;
    });
    const target = effectiveTarget(header.bits, annLeastWorkTarget, set.count);
    this.#blocks.mine(draft.header, Math.min(target, EASIEST_SEARCH));
    const share = await this.#wait(found);
    await this.#blocks.stop();
    return assemble(template, draft, share);
  }

  /** Keeps the announcements while they are worth something at this height and their parent is in the chain. */
  async #holdAnnouncements(height: number): Promise<void> {
    const held = this.#held;
    const isGood =
      held !== undefined &&
      minAnnDiffOk(degradedTarget(ANNOUNCEMENT_BITS, height, held.height)) &&
      equalBytes(this.#options.chain.hashAt(held.height) ?? NO_HASH, held.hash);
    if (isGood) return;
    const parentHeight = Math.max(0, height - ANN_WAIT_BLOCKS);
    this.#held = {height: parentHeight, hash: this.#options.chain.hashAt(parentHeight)!};
    this.#blocks.drop(() => true);
    this.#blocks.add(await this.#mineAnnouncements(this.#held));
  }

  async #mineAnnouncements({height: parentBlockHeight, hash: parentHash}: ChainBlock): Promise<Uint8Array> {
    const found = new Uint8Array(ANNOUNCEMENTS * ANN_BYTES);
    let filled = 0;
    const full = new Promise<void>((resolve) => {
      this.#onAnnouncements = (anns) => {
        const part = anns.subarray(0, found.length - filled);
        found.set(part, filled);
        filled += part.length;
        if (filled === found.length) resolve();
      };
    });
    this.#announcements.start({parentHash, parentBlockHeight, workBits: ANNOUNCEMENT_BITS});
    await this.#wait(full);
    await this.#announcements.stop();
    return found;
  }

  async close(): Promise<void> {
    await Promise.all([this.#announcements.close(), this.#blocks.close()]);
  }
}
