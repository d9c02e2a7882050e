import {equalBytes} from '../../src/core/bytes/index.ts';
import {stewardShare, subsidy} from '../../src/core/consensus/index.ts';
import {AnnouncementKernel} from '../../src/core/packetcrypt/announcement/announcement-kernel.ts';
import {MINER_PAGES} from '../../src/core/packetcrypt/announcement/announcement-memory.ts';
import {AnnouncementSearch} from '../../src/core/packetcrypt/announcement/announcement-search.ts';
import {AnnouncementSet} from '../../src/core/packetcrypt/block/announcement-set.ts';
import {AnnouncementStore} from '../../src/core/packetcrypt/block/announcement-store.ts';
import {type BlockFind, BlockSearch} from '../../src/core/packetcrypt/block/block-search.ts';
import {
  ANN_WAIT_BLOCKS,
  commitmentScript,
  degradedTarget,
  effectiveTarget,
  encodeCommitment,
  encodeProof,
  minAnnDiffOk,
  type PacketCryptProof,
} from '../../src/core/packetcrypt/index.ts';
import type {Network} from '../../src/core/params/index.ts';
import {
  type Block,
  type BlockHeader,
  decodeBlock,
  decodeHeader,
  encodeHeader,
  merkleRoot,
  type Transaction,
  type TxOutput,
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

/** What a block has other than a plain one; the proof is mined over the whole of it. */
export interface BlockContent {
  readonly header?: Partial<Pick<BlockHeader, 'version' | 'time' | 'bits' | 'previous'>>;
  /** Makes the coinbase from the plain one, which may end with the commitment of a proof. */
  readonly coinbase?: (plain: Transaction) => Transaction;
  readonly others?: readonly Transaction[];
}

interface Announced {
  readonly height: number;
  readonly hash: Uint8Array;
}

/** Mines whole blocks with real announcements and proofs, at the easiest difficulty, on the calling thread. */
export class ProvenMiner {
  readonly #network: Network;
  readonly #search: AnnouncementSearch;
  readonly #store = new AnnouncementStore(2048, 2);
  readonly #set = new AnnouncementSet(this.#store, 1);
  readonly #blocks = new BlockSearch(this.#store.shared, 0);
  readonly #annBits: number;
  #hardNonce = 0;
  #held: Announced | undefined;

  /** annBits: target of the announcements; those that are harder than the easiest serve several heights. */
  constructor(network: Network, annBits: number = EASIEST) {
    this.#network = network;
    this.#annBits = annBits;
    const kernel = new AnnouncementKernel(MINER_PAGES);
    this.#search = new AnnouncementSearch(
      kernel,
      () => this.#hardNonce++,
      () => performance.now(),
      false,
    );
  }

  mine(tip: Tip, content: BlockContent = {}): Block {
    return this.#mine(tip.height + 1, tip.hashAt, frameOf(tip, content), (commitment) =>
      this.#transactions(tip, content, [{value: 0n, script: commitmentScript(commitment)}]),
    );
  }

  /** The same block with a section that proves nothing: for what must be refused before the proof is looked at. */
  draft(tip: Tip, content: BlockContent = {}): Block {
    const {proofSection, proof} = decodeBlock(this.#network.genesis);
    const transactions = this.#transactions(tip, content, []);
    const root = merkleRoot(transactions.map(transactionId));
    return {header: {...frameOf(tip, content), merkleRoot: root}, proofSection, proof, transactions};
  }

  #transactions({height}: Tip, {coinbase, others = []}: BlockContent, more: readonly TxOutput[]): Transaction[] {
    const plain = this.#coinbase(height + 1, more);
    return [coinbase === undefined ? plain : coinbase(plain), ...others];
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
    const annLeastWorkTarget = degradedTarget(this.#annBits, height, this.#held!.height);
    const commitment = encodeCommitment({annLeastWorkTarget, root: tree.root, numAnns: BigInt(count)});
    const transactions = transactionsFor(commitment);
    const header = encodeHeader({...frame, merkleRoot: merkleRoot(transactions.map(transactionId))});
    const target = effectiveTarget(EASIEST, annLeastWorkTarget, count);
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

  /** Announcements that a block of this height may use: those that are there, or new ones of age 3. */
  #mineAnnouncements(height: number, hashAt: Tip['hashAt']): void {
    const held = this.#held;
    if (
      held !== undefined &&
      minAnnDiffOk(degradedTarget(this.#annBits, height, held.height)) &&
      equalBytes(hashAt(held.height), held.hash)
    ) {
      return;
    }
    const parentBlockHeight = Math.max(0, height - ANN_WAIT_BLOCKS);
    const parentHash = hashAt(parentBlockHeight);
    this.#held = {height: parentBlockHeight, hash: parentHash};
    this.#set.drop(() => true);
    this.#search.setWork({parentHash, parentBlockHeight, workBits: this.#annBits});
    while (this.#set.size < ANNOUNCEMENTS) this.#set.add(this.#search.step().subarray(0, 1024 * ANNOUNCEMENTS));
  }

  #coinbase(height: number, more: readonly TxOutput[]): Transaction {
    const {money} = this.#network;
    const share = stewardShare(money, height);
    const script = Uint8Array.of(4, height & 255, height >> 8, 0, 0);
    return {
      version: 1,
      inputs: [{txid: new Uint8Array(32), index: 0xffffffff, script, sequence: 0xffffffff, witness: []}],
      outputs: [
        {value: subsidy(money, height) - share, script: MINER_SCRIPT},
        {value: share, script: money.initialSteward},
        ...more,
      ],
      lockTime: 0,
    };
  }
}

function frameOf({height, header, hashAt}: Tip, content: BlockContent): Omit<BlockHeader, 'merkleRoot'> {
  const frame = {version: 0x20000000, previous: hashAt(height), time: header.time + 60, bits: EASIEST, nonce: 0};
  return {...frame, ...content.header};
}
