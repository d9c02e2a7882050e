// New blocks of the best chain are told to all peers that do not know them.   chain spec §2.8.7
import {hashKey} from '../../../core/bytes/index.ts';
import {encodeHeader} from '../../../core/primitives/index.ts';
import {INVENTORY} from '../../../core/protocol/p2p/index.ts';
import type {ChainEvent} from '../../chain/chain.ts';
import type {Connection} from '../connection.ts';
import type {PeerChain} from '../sync/peer-chain.ts';

/** Blocks of one change of the chain that are announced one by one; of a longer change only the last ones. */
const MAX_ANNOUNCED = 8;

interface NewBlock {
  readonly hash: Uint8Array;
  readonly previous: Uint8Array;
  readonly header: Uint8Array;
}

export interface BlockRelayOptions {
  readonly chain: PeerChain;
  readonly connections: () => Iterable<Connection>;
  readonly isCurrent: () => boolean;
}

export class BlockRelay {
  readonly #options: BlockRelayOptions;
  #fresh: NewBlock[] = [];

  constructor(options: BlockRelayOptions) {
    this.#options = options;
  }

  chainChanged(event: ChainEvent): void {
    if (event.type === 'disconnected') {
      this.#fresh = [];
    } else if (event.type === 'connected') {
      const {header} = event.block;
      this.#fresh.push({hash: event.place.hash, previous: header.previous, header: encodeHeader(header)});
      if (this.#fresh.length > MAX_ANNOUNCED) this.#fresh.shift();
    } else {
      const blocks = this.#fresh;
      this.#fresh = [];
      if (!this.#options.isCurrent()) return;
      for (const connection of this.#options.connections()) this.#announce(connection, blocks);
    }
  }

  #announce(connection: Connection, blocks: readonly NewBlock[]): void {
    const {magic} = this.#options.chain.network;
    const first = blocks.findIndex(({hash}) => !connection.knownBlocks.has(hashKey(hash)));
    if (first < 0 || !connection.isReady) return;
    const unknown = blocks.slice(first);
    const knowsParent = connection.knownBlocks.has(hashKey(unknown[0]!.previous));
    for (const {hash} of unknown) connection.knownBlocks.add(hashKey(hash));
    // Headers are of use only to who has the block before them.
    if (connection.peer.prefersHeaders && knowsParent) {
      connection.send(
        magic,
        'headers',
        unknown.map(({header}) => header),
      );
    } else {
      connection.send(
        magic,
        'inv',
        unknown.map(({hash}) => ({type: INVENTORY.block, hash})),
      );
    }
  }
}
