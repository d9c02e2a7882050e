import {stewardShare, subsidy} from '../../src/core/consensus/index.ts';
import {AnnouncementKernel} from '../../src/core/packetcrypt/announcement/announcement-kernel.ts';
import {MINER_PAGES} from '../../src/core/packetcrypt/announcement/announcement-memory.ts';
import {AnnouncementSearch} from '../../src/core/packetcrypt/announcement/announcement-search.ts';
import {AnnouncementSet} from '../../src/core/packetcrypt/block/announcement-set.ts';
import {AnnouncementStore} from '../../src/core/packetcrypt/block/announcement-store.ts';
import {type BlockFind, BlockSearch} from '../../src/core/packetcrypt/block/block-search.ts';
import {
  commitmentScript,
  effectiveTarget,
  encodeCommitment,
  encodeProof,
  type PacketCryptProof,
} from '../../src/core/packetcrypt/index.ts';
import type {Network} from '../../src/core/params/index.ts';
import {
  type Block,
  type BlockHeader,
  decodeHeader,
  encodeHeader,
  merkleRoot,
  type Transaction,
  transactionId,
} from '../../src/core/primitives/index.ts';

const EASIEST = 0x207fffff;
const ANNOUNCEMENTS = 33;
const MINER_SCRIPT = Uint8Array.of(0x51);

/** The block to be mined on, and the hashes of the chain it ends. */
export interface Tip {
  readonly height: number;
  readonly header: BlockHeader;
  readonly hashAt: (height: number) => Uint8Array;
}

/** A block without commitment and proof. */
interface MinedTemplate {
  readonly height: number;
  readonly header: BlockHeader;
  readonly transactions: readonly Transaction[];
}

/** Mines whole blocks with real announcements and proofs, at the easiest difficulty, on the calling thread. */
export class ProvenMiner {
  readonly #network: Network;
  readonly #search: AnnouncementSearch;
  readonly #store = new AnnouncementStore(2048, 2);
  readonly #set = new AnnouncementSet(this.#store, 1);
  readonly #blocks = new BlockSearch(this.#store.shared, 0);
  #hardNonce = 0;

  constructor(network: Network) {
    this.#network = network;
    const kernel = new AnnouncementKernel(MINER_PAGES);
    this.#search = new AnnouncementSearch(
      kernel,
      () => this.#hardNonce++,
      () => performance.now(),
      false,
    );
  }

  mine(tip: Tip): Block {
    const height = tip.height + 1;
    const time = tip.header.time + 60;
    const previous = tip.hashAt(tip.height);
    const frame = {version: 0x20000000, previous, time, bits: EASIEST, nonce: 0};
    return this.#mine(height, tip.hashAt, frame, (commitment) => [this.#coinbase(height, commitment)]);
  }

  /** Mines a template: its last output in the coinbase takes the commitment. */
  mineTemplate({height, header, transactions}: MinedTemplate, hashAt: Tip['hashAt']): Block {
    const [coinbase, ...others] = transactions;
    return this.#mine(height, hashAt, header, (commitment) => {
      const outputs = [...coinbase!.outputs.slice(0, -1), {value: 0n, script: commitmentScript(commitment)}];
      return [{...coinbase!, outputs}, ...others];
    });
  }

  #mine(
    height: number,
    hashAt: Tip['hashAt'],
    frame: Omit<BlockHeader, 'merkleRoot'>,
    transactionsFor: (commitment: Uint8Array) => readonly Transaction[],
  ): Block {
    this.#mineAnnouncements(height, hashAt);
    const {tree, count, order, slots} = this.#set.prepare(0, () => true)!;
    const commitment = encodeCommitment({annLeastWorkTarget: EASIEST, root: tree.root, numAnns: BigInt(count)});
    const transactions = transactionsFor(commitment);
    const header = encodeHeader({...frame, merkleRoot: merkleRoot(transactions.map(transactionId))});
    const target = effectiveTarget(EASIEST, EASIEST, count);
    this.#blocks.setWork({header, target, total: count, order, headerNonce: 0});
    let find: BlockFind | undefined;
    while (find === undefined) [find] = this.#blocks.step();
    const proof: PacketCryptProof = {
      version: 2n,
      nonce2: find.nonce2,
      announcements: find.selected.map((number) => this.#store.slot(slots[number]!).slice()),
      treeProof: tree.prove(find.selected),
      signatures: [undefined, undefined, undefined, undefined],
      contentProofs: undefined,
    };
    const decoded = decodeHeader(find.header);
    return {header: decoded, proofSection: encodeProof(proof), proof, transactions};
  }

  /** Announcements that a block of this height may use: of age 3, or of any age before height 3. */
  #mineAnnouncements(height: number, hashAt: Tip['hashAt']): void {
    const parentBlockHeight = Math.max(0, height - 3);
    this.#set.drop((entry) => entry.parentBlockHeight !== parentBlockHeight);
    this.#search.setWork({parentHash: hashAt(parentBlockHeight), parentBlockHeight, workBits: EASIEST});
    while (this.#set.size < ANNOUNCEMENTS) this.#set.add(this.#search.step().subarray(0, 1024 * ANNOUNCEMENTS));
  }

  #coinbase(height: number, commitment: Uint8Array): Transaction {
    const {money} = this.#network;
    const share = stewardShare(money, height);
    const script = Uint8Array.of(4, height & 255, height >> 8, 0, 0);
    return {
      version: 1,
      inputs: [{txid: new Uint8Array(32), index: 0xffffffff, script, sequence: 0xffffffff, witness: []}],
      outputs: [
        {value: subsidy(money, height) - share, script: MINER_SCRIPT},
        {value: share, script: money.initialSteward},
        {value: 0n, script: commitmentScript(commitment)},
      ],
      lockTime: 0,
    };
  }
}
