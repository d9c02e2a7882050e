import {ed25519} from '@noble/curves/ed25519.js';
import {concatBytes, encodeHex, encodeVarint, equalBytes, readU32} from '../../../core/bytes/index.ts';
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

export interface BlockHandlerOptions {
  readonly network: Network;
  /** The first one is asked about blocks. */
  readonly nodes: readonly RpcClient[];
  readonly verifier: BlockVerifier;
  readonly submitter: BlockSubmitter;
  readonly events: EventLog;
  /** Of the keys that announcements are signed with; null: they are not. */
  readonly privateSeed: string | null;
  /** Wall clock, milliseconds. */
  readonly nowMs: () => number;
  readonly log: Log;
  /** After a block was taken, further ones on the same work count as shares for so long. */
  readonly quietMs?: number;
}

export interface Answered {
  readonly result: ShareEvent;
  readonly warn: readonly string[];
}

const PREVIOUS_END = 36;
const ROOT_END = 68;
const NONCE_OFFSET = 76;
const QUIET_MS = 120_000;
const TEMPLATE_MS = 10_000;
const MAX_TEMPLATE_BYTES = 8 * 2 ** 20;
const MAX_REMEMBERED = 100_000;
const MIN_AGE = 3;

/** Everything about the present work. */
interface Current {
  readonly work: PoolWork;
  readonly url: string;
  /** Answers by share id. */
  readonly answers: Map<string, Promise<Answered>>;
  template: Promise<TemplateFile> | undefined;
  /** Ends with the submission at hand. */
  submitting: Promise<unknown>;
  /** Until then blocks count as shares; monotonic milliseconds. */
  quietUntil: number;
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

  /** Takes what the pool says. masterUrl: where the template file is. */
  follow({work}: PoolState, masterUrl: string): void {
    if (work === undefined) return;
    const before = this.#current?.work;
    if (before !== undefined && equalBytes(before.header, work.header) && equalBytes(before.coinbase, work.coinbase))
      return;
    this.#current = {
      work,
      url: masterUrl,
      answers: new Map(),
      template: undefined,
      submitting: Promise.resolve(),
      quietUntil: 0,
    };
    this.#parents.clear();
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

  /** Judges an upload. Throws ShareError, StoreError. */
  async submit(upload: unknown, payTo: string): Promise<Answered> {
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
      const answer = this.#judge(current, share, header, id, payTo);
      current.answers.set(id, answer);
      // What was refused may be better in another message with the same id.
      answer.catch(() => current.answers.delete(id));
      return await answer;
    } catch (error) {
      this.#counts.refused++;
      throw error;
    }
  }

  async #judge(current: Current, share: Share, header: Uint8Array, id: string, payTo: string): Promise<Answered> {
    const {work} = current;
    const coinbase = fillPlaceholder(work.coinbase, share.commitment);
    if (!equalBytes(workHeader(work, coinbase, readU32(header, NONCE_OFFSET)), header)) {
      throw new ShareError(
        'invalid',
        'Failed validation of share [the merkle root does not commit to the announcements]',
      );
    }
    const proof = this.#signed(share.proof, work.height);
    const outcome = await this.#verify(current, header, proof, share.commitment);
    const isBlock = outcome === 'OK' && (await this.#submitInTurn(current, header, proof, share.commitment));
    const {annLeastWorkTarget, numAnns} = decodeCommitment(share.commitment);
    const result: ShareEvent = {
      type: 'share',
      payTo,
      block: isBlock,
      time: this.#options.nowMs(),
      eventId: id,
      ...(isBlock && {headerHash: encodeHex(dsha256(header).reverse())}),
      target: work.shareTarget,
      annCount: numAnns.toString(),
      annMinWork: annLeastWorkTarget,
      encryptions: Number(shareEncryptions(work.shareTarget, annLeastWorkTarget, numAnns)),
    };
    await this.#options.events.append(result);
    this.#counts.shares++;
    if (isBlock) this.#counts.blocks++;
    return {result, warn: this.#warnings(payTo)};
  }

  #warnings(payTo: string): string[] {
    try {
      decodeAddress(payTo, this.#options.network.addresses);
      return [];
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
      return [`nobody is paid for this: ${payTo} is no address of ${this.#options.network.name} (${error.code})`];
    }
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
    throw new ShareError('not-connected', `server not ready: ${(failure as Error).message}`, 500);
  }

  /** One block of a work at a time: once one is taken, the others count as shares. */
  #submitInTurn(
    current: Current,
    header: Uint8Array,
    proof: PacketCryptProof,
    commitment: Uint8Array,
  ): Promise<boolean> {
    const turn = current.submitting.then(() =>
      performance.now() < current.quietUntil ? false : this.#submitBlock(current, header, proof, commitment),
    );
    current.submitting = turn.catch(() => {});
    return turn;
  }

  /** True when a node has taken the block. */
  async #submitBlock(
    current: Current,
    header: Uint8Array,
    proof: PacketCryptProof,
    commitment: Uint8Array,
  ): Promise<boolean> {
    current.template ??= this.#fetchTemplate(current);
    current.template.catch(() => {
      current.template = undefined;
    });
    const {transactions} = await current.template;
    const [coinbase, ...others] = transactions as [Uint8Array, ...Uint8Array[]];
    const block = concatBytes(
      header,
      encodeProof(proof, 'miner'),
      encodeVarint(transactions.length),
      fillPlaceholder(coinbase, commitment),
      ...others,
    );
    const hash = encodeHex(dsha256(header).reverse());
    this.#options.log.info('a share is a block', {height: current.work.height, hash});
    const verdict = await this.#options.submitter.submit(hash, block);
    // Only success keeps further blocks away: after a failure the next one may be the one that counts.
    if (verdict.accepted) current.quietUntil = performance.now() + (this.#options.quietMs ?? QUIET_MS);
    return verdict.accepted;
  }

  async #fetchTemplate({url, work}: Current): Promise<TemplateFile> {
    try {
      const limits = {timeoutMs: TEMPLATE_MS, maxBytes: MAX_TEMPLATE_BYTES};
      const answer = await httpRequest(`${url}/bt_${work.height}.bin`, limits);
      if (answer.status !== 200) throw new PoolError('bad-template-file', {status: answer.status});
      const template = decodeTemplateFile(answer.body);
      if (!equalBytes(template.header, work.header)) throw new PoolError('bad-template-file', {height: work.height});
      return template;
    } catch (error) {
      if (!(error instanceof HttpError) && !(error instanceof PoolError)) throw error;
      throw new ShareError('no-template', undefined, 500);
    }
  }
}

function previousOf(header: Uint8Array): Uint8Array {
  return header.slice(4, PREVIOUS_END);
}

function readShare(upload: unknown): Share {
  try {
    return decodeShare(upload);
  } catch (error) {
    if (error instanceof ProofWireError) throw new ShareError('bad-share', `Upload is not a share: ${error.message}`);
    throw error;
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
