import {ed25519} from '@noble/curves/ed25519.js';
import {concatBytes, decodeHex, encodeHex, encodeVarint, equalBytes, readU32} from '../../../core/bytes/index.ts';
import {AddressError, decodeAddress} from '../../../core/consensus/index.ts';
import {dsha256} from '../../../core/crypto/index.ts';
import {EngineError} from '../../../core/engines/index.ts';
import {
  annParentBlockHeight,
  annSigningKey,
  BlockError,
  decodeCommitment,
  decodeShare,
  encodeProof,
  fillPlaceholder,
  type PacketCryptProof,
  ProofWireError,
  type Share,
} from '../../../core/packetcrypt/index.ts';
import type {Network} from '../../../core/params/index.ts';
import {
  type BlockEvent,
  decodeTemplateFile,
  PoolError,
  type PoolWork,
  type ShareEvent,
  shareEncryptions,
  shareId,
  type TemplateFile,
  workHeader,
} from '../../../core/protocol/pool/index.ts';
import {HttpError, httpRequest} from '../../../service/http/http-client.ts';
import type {Log} from '../../../service/logs/log.ts';
import type {EventLog} from '../../../service/pool/event-log.ts';
import type {PoolState} from '../../../service/pool/pool-follower.ts';
import {signingSeed} from '../../../service/pool/signing-seed.ts';
import {type RpcClient, RpcClientError} from '../../../service/rpc-client.ts';
import type {BlockVerifier} from '../../../service/threads/block-verifier.ts';
import type {BlockSubmitter} from './block-submitter.ts';
import {ShareError} from './errors.ts';
import type {ShareBook, ShareBooks} from './share-books.ts';

export interface BlockHandlerOptions {
  readonly network: Network;
  /** The first one is asked about blocks. */
  readonly nodes: readonly RpcClient[];
  readonly verifier: BlockVerifier;
  readonly submitter: BlockSubmitter;
  readonly events: EventLog;
  /** What was answered before a restart. */
  readonly shares: ShareBooks;
  /** Of the keys that announcements are signed with; null: they are not. */
  readonly privateSeed: string | null;
  /** Wall clock, milliseconds. */
  readonly nowMs: () => number;
  readonly log: Log;
  /** After a block was taken, further ones on the same work count as shares for so long. */
  readonly quietMs?: number;
  /** So long a block waits for the answer about the one before. */
  readonly turnMs?: number;
  /** Between attempts to fetch a template. */
  readonly templateRetryMs?: number;
}

const PREVIOUS_END = 36;
const ROOT_END = 68;
const NONCE_OFFSET = 76;
const QUIET_MS = 120_000;
const TURN_MS = 10_000;
const TEMPLATE_LIMITS = Object.freeze({timeoutMs: 10_000, maxBytes: 8 * 2 ** 20});
const TEMPLATE_TRIES = 4;
const TEMPLATE_RETRY_MS = 500;
const MAX_REMEMBERED = 100_000;
const MIN_AGE = 3;
const NO_PROOF = 'First element after header must be Pcp';

/** Everything about the present work. */
interface Current {
  readonly work: PoolWork;
  /** Of masters, the preferred one first. */
  readonly urls: readonly string[];
  /** Answers by share id. */
  readonly answers: Map<string, Promise<ShareEvent>>;
  readonly book: Promise<ShareBook>;
  template: Promise<TemplateFile> | undefined;
  /** Ends with the submission at hand. */
  submitting: Promise<unknown>;
  /** Until then blocks count as shares; monotonic milliseconds. */
  quietUntil: number;
  /** Id of the share whose block was taken last. */
  taken: string | undefined;
}

/**
 * Takes shares of block miners: verified here before any node hears of them, each credited once, winning ones submitted to all
 * nodes.   pool spec §8
 */
export class BlockHandler {
  readonly #options: BlockHandlerOptions;
  readonly #parents = new Map<number, Promise<Uint8Array | undefined>>();
  #current: Current | undefined;
  #counts = {shares: 0, blocks: 0, refused: 0, duplicates: 0};

  constructor(options: BlockHandlerOptions) {
    this.#options = options;
  }

  get counts(): {
    readonly shares: number;
    readonly blocks: number;
    readonly refused: number;
    readonly duplicates: number;
  } {
    return this.#counts;
  }

  get isReady(): boolean {
    return this.#current !== undefined;
  }

  /** Takes what the pool says. masterUrls: where the template file is, the preferred one first. */
  follow({config, blocks, work}: PoolState, masterUrls: readonly string[]): void {
    if (work === undefined) return;
    const before = this.#current?.work;
    if (before !== undefined && equalBytes(before.header, work.header) && equalBytes(before.coinbase, work.coinbase))
      return;
    const current = {
      work,
      urls: masterUrls,
      answers: new Map(),
      book: this.#options.shares.of(work.height, encodeHex(previousOf(work.header).reverse())),
      template: undefined,
      submitting: Promise.resolve(),
      quietUntil: 0,
      taken: undefined,
    };
    this.#current = current;
    this.#parents.clear();
    if (config.tipHash === encodeHex(previousOf(work.header).reverse())) {
      for (const [height, {header}] of blocks) {
        this.#parents.set(height, Promise.resolve(decodeHex(header.hash).reverse()));
      }
    }
    // Before it is needed: then a block waits for nobody but the nodes.
    void this.#template(current).catch(() => {});
    const hasNewBlock = before !== undefined && !equalBytes(previousOf(before.header), previousOf(work.header));
    if (hasNewBlock) void this.#tellOfBlock(encodeHex(previousOf(work.header).reverse()));
  }

  /** Tells the paymaker of a block that has joined the chain. */
  async #tellOfBlock(hash: string): Promise<void> {
    const {nodes, events, nowMs, log} = this.#options;
    try {
      const {height, difficulty} = (await nodes[0]!.call('getblock', [hash])) as {height: number; difficulty: number};
      const event: BlockEvent = {type: 'block', hash, height, difficulty, time: nowMs(), eventId: hash.slice(0, 32)};
      await events.append(event);
    } catch (error) {
      log.warn('a block cannot be told to the paymaker', {hash, error});
    }
  }

  /** What a miner should know, whatever becomes of its share. Empty where all is well. */
  warnings(payTo: string): string[] {
    const {addresses, name} = this.#options.network;
    try {
      decodeAddress(payTo, addresses);
      return [];
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
      return [`Address [${payTo}] is not a valid ${name} address, WORK WILL NOT BE CREDITED`];
    }
  }

  /** Judges an upload; gives what is told of it, which is on disk. Throws ShareError, StoreError. */
  async submit(upload: unknown, payTo: string): Promise<ShareEvent> {
    const current = this.#current;
    if (current === undefined) throw new ShareError('no-work', undefined, 500);
    try {
      const share = readShare(upload);
      const header = restoredHeader(current.work, share.header);
      const id = shareId(header, share.proof.nonce2);
      const known = current.answers.get(id);
      if (known !== undefined) {
        this.#counts.duplicates++;
        return await known;
      }
      if (current.answers.size >= MAX_REMEMBERED) throw new ShareError('invalid', 'more shares than any work has');
      const answer = this.#answer(current, share, header, id, payTo);
      current.answers.set(id, answer);
      // What was refused may be better in another message with the same id.
      answer.catch(() => current.answers.delete(id));
      return await answer;
    } catch (error) {
      this.#counts.refused++;
      throw error;
    }
  }

  async #answer(current: Current, share: Share, header: Uint8Array, id: string, payTo: string): Promise<ShareEvent> {
    const book = await current.book;
    const before = book.find(id);
    if (before !== undefined) {
      this.#counts.duplicates++;
      return before;
    }
    const answer = await this.#judge(current, share, header, id, payTo);
    // The event that pays is on disk; now the same can be said again.
    await book.add(answer);
    return answer;
  }

  async #judge(current: Current, share: Share, header: Uint8Array, id: string, payTo: string): Promise<ShareEvent> {
    const {work} = current;
    const coinbase = fillPlaceholder(work.coinbase, share.commitment);
    if (!equalBytes(workHeader(work, coinbase, readU32(header, NONCE_OFFSET)), header)) {
      throw new ShareError(
        'invalid',
        'Failed validation of share [merkle root mismatch: it does not commit to these announcements]',
      );
    }
    const proof = this.#signed(share.proof, work.height);
    const outcome = await this.#verify(current, header, proof, share.commitment);
    const {annLeastWorkTarget, numAnns} = decodeCommitment(share.commitment);
    const event: ShareEvent = {
      type: 'share',
      payTo,
      block: false,
      time: this.#options.nowMs(),
      eventId: id,
      target: work.shareTarget,
      annCount: numAnns.toString(),
      annMinWork: annLeastWorkTarget,
      encryptions: Number(shareEncryptions(work.shareTarget, annLeastWorkTarget, numAnns)),
    };
    const won = outcome === 'OK' ? await this.#submitInTurn(current, {...share, header, proof}, event) : undefined;
    if (won === undefined) await this.#options.events.append(event);
    const result = won ?? event;
    this.#counts.shares++;
    if (result.block) this.#counts.blocks++;
    return result;
  }

  /** The proof with the signatures that announcements of this pool need. */
  #signed(proof: PacketCryptProof, height: number): PacketCryptProof {
    const {privateSeed} = this.#options;
    const signatures = proof.announcements.map((ann, i) => {
      const parent = annParentBlockHeight(ann);
      if (height > MIN_AGE && parent > height - MIN_AGE) {
        throw new ShareError('parent-out-of-range', `announcement parent block [${parent}] out of range`);
      }
      const key = annSigningKey(ann);
      if (key === undefined) return undefined;
      if (privateSeed === null) throw new ShareError('signing-key', `announcement [${i}] needs signing key [none]`);
      const seed = signingSeed(privateSeed, parent + 1);
      const wanted = ed25519.getPublicKey(seed);
      if (!equalBytes(key, wanted)) {
        throw new ShareError('signing-key', `announcement [${i}] invalid signing key want [${encodeHex(wanted)}]`);
      }
      return ed25519.sign(ann, seed);
    });
    return {...proof, signatures};
  }

  async #verify(
    {work}: Current,
    header: Uint8Array,
    proof: PacketCryptProof,
    commitment: Uint8Array,
  ): Promise<'OK' | 'SHARE_OK'> {
    const parentHashes = await Promise.all(
      proof.announcements.map((ann) => this.#parentHash(annParentBlockHeight(ann))),
    );
    const input = {header, proof, commitment, blockHeight: work.height, shareTarget: work.shareTarget, parentHashes};
    try {
      return (await this.#options.verifier.checkProof(input, this.#options.network.proof)).outcome;
    } catch (error) {
      if (error instanceof BlockError) throw new ShareError('invalid', `Failed validation of share [${error.message}]`);
      if (error instanceof EngineError) throw new ShareError('not-connected', 'overloaded', 503);
      throw error;
    }
  }

  /** Hash of the block of the chain at a height, internal order. */
  #parentHash(height: number): Promise<Uint8Array | undefined> {
    let known = this.#parents.get(height);
    if (known === undefined) {
      known = this.#askParent(height);
      this.#parents.set(height, known);
      known.catch(() => this.#parents.delete(height));
    }
    return known;
  }

  async #askParent(height: number): Promise<Uint8Array | undefined> {
    let failure: unknown;
    for (const node of this.#options.nodes) {
      try {
        const hash = (await node.call('getblockhash', [height])) as string;
        return Uint8Array.from(Buffer.from(hash, 'hex')).reverse();
      } catch (error) {
        if (!(error instanceof RpcClientError)) throw error;
        if (error.code === 'rpc-refused') return undefined;
        failure = error;
      }
    }
    this.#options.log.error('no node tells the hash of a block', {height, error: failure});
    throw new ShareError('not-connected', undefined, 500);
  }

  /**
   * One block of a work at a time: once one is taken, the others count as shares. Gives what was told of the share; undefined
   * where it was not submitted.
   */
  #submitInTurn(current: Current, share: Share, event: ShareEvent): Promise<ShareEvent | undefined> {
    const {turnMs = TURN_MS} = this.#options;
    const turn = current.submitting.then(() =>
      // One whose share could not be told is submitted again: the node has it already.
      performance.now() < current.quietUntil && current.taken !== event.eventId
        ? undefined
        : this.#submitBlock(current, share, event),
    );
    // Nodes that do not answer keep the next one waiting for a while, not for ever.
    current.submitting = current.submitting.then(() => settledWithin(turn, turnMs));
    return turn;
  }

  async #submitBlock(current: Current, {header, proof, commitment}: Share, share: ShareEvent): Promise<ShareEvent> {
    const {log, submitter, quietMs = QUIET_MS} = this.#options;
    const {transactions} = await this.#template(current);
    const [coinbase, ...others] = transactions as [Uint8Array, ...Uint8Array[]];
    const block = concatBytes(
      header,
      encodeProof(proof, 'miner'),
      encodeVarint(transactions.length),
      fillPlaceholder(coinbase, commitment),
      ...others,
    );
    const hash = encodeHex(dsha256(header).reverse());
    log.info('a share is a block', {height: current.work.height, hash});
    return submitter.submit({
      hash,
      block,
      share,
      // Only success keeps further blocks away: after a failure the next one may be the one that counts.
      onAccepted: () => {
        current.quietUntil = performance.now() + quietMs;
        current.taken = share.eventId;
      },
    });
  }

  /** What the rest of a block of this work is; fetched once. Throws ShareError 'no-template'. */
  #template(current: Current): Promise<TemplateFile> {
    if (current.template === undefined) {
      current.template = this.#fetchTemplate(current);
      current.template.catch(() => {
        current.template = undefined;
      });
    }
    return current.template;
  }

  /** Asks all masters in turn, several times: a block hangs on it. */
  async #fetchTemplate({urls, work}: Current): Promise<TemplateFile> {
    const {log, templateRetryMs = TEMPLATE_RETRY_MS} = this.#options;
    let failure: unknown;
    for (let tries = 0; tries < TEMPLATE_TRIES; tries++) {
      if (tries > 0) await new Promise((resolve) => setTimeout(resolve, templateRetryMs));
      for (const url of urls) {
        try {
          const answer = await httpRequest(`${url}/bt_${work.height}.bin`, TEMPLATE_LIMITS);
          if (answer.status !== 200) throw new PoolError('bad-template-file', {status: answer.status});
          const template = decodeTemplateFile(answer.body);
          if (equalBytes(template.header, work.header)) return template;
          throw new PoolError('bad-template-file', {height: work.height, reason: 'of another work'});
        } catch (error) {
          if (!(error instanceof HttpError) && !(error instanceof PoolError)) throw error;
          failure = error;
        }
      }
    }
    log.error('no master has the template of the present work', {height: work.height, error: failure});
    throw new ShareError('no-template', undefined, 500);
  }
}

/** Resolves when a promise has settled, or the time is up. */
async function settledWithin(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  const settled = promise.then(
    () => {},
    () => {},
  );
  await Promise.race([settled, patience]);
  clearTimeout(timer);
}

function previousOf(header: Uint8Array): Uint8Array {
  return header.slice(4, PREVIOUS_END);
}

function readShare(upload: unknown): Share {
  try {
    return decodeShare(upload);
  } catch (error) {
    if (!(error instanceof ProofWireError)) throw error;
    const text =
      error.code === 'proof-missing' || error.code === 'record-before-proof'
        ? NO_PROOF
        : `Upload is not a share: ${error.message}`;
    throw new ShareError('bad-share', text);
  }
}

/** The header as the work has it, with merkle root and nonce of the share. Throws ShareError 'stale'. */
function restoredHeader({header}: PoolWork, shared: Uint8Array): Uint8Array {
  if (!equalBytes(previousOf(header), previousOf(shared))) {
    const [wanted, got] = [header, shared].map((each) => encodeHex(previousOf(each).reverse()));
    throw new ShareError('stale', `Share is for wrong work, expecting previous hash [${wanted}] but got [${got}]`);
  }
  const restored = header.slice();
  restored.set(shared.subarray(PREVIOUS_END, ROOT_END), PREVIOUS_END);
  restored.set(shared.subarray(NONCE_OFFSET), NONCE_OFFSET);
  return restored;
}
