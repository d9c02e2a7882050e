import type {Mempool} from '../../mempool/mempool.ts';
import type {MempoolEvent} from '../../mempool/mempool-types.ts';
import type {RelayPool, RelayPoolEvent, RelayVerdict} from './relay-pool.ts';

const RATE_BYTES = 1000n;

function changeOf(event: MempoolEvent): RelayPoolEvent | undefined {
  return event.type === 'block' ? undefined : {type: event.type, txid: event.entry.txid};
}

/** The mempool as relay sees it. */
export function relayOf(mempool: Mempool): RelayPool {
  return {
    accept: async (transaction, peer): Promise<RelayVerdict> => {
      const result = await mempool.accept(transaction, {source: 'peer', peer: String(peer)});
      if (result.status === 'orphan') return {accepted: false, missing: result.missing, refused: []};
      const refused = result.resolved.flatMap(({peer: sender, refusal}) =>
        refusal === undefined ? [] : [{peer: Number(sender), error: refusal}],
      );
      return {accepted: true, missing: [], refused};
    },
    has: (txid) => mempool.has(txid),
    get: (txid) => mempool.get(txid)?.transaction,
    unitsPerKb: (txid) => {
      const entry = mempool.get(txid);
      return entry && (entry.fee * RATE_BYTES) / BigInt(entry.vsize);
    },
    txids: () => mempool.txids(),
    get minimumUnitsPerKb() {
      return mempool.minimumFee;
    },
    subscribe: (listener) =>
      mempool.subscribe((event) => {
        const change = changeOf(event);
        if (change !== undefined) listener(change);
      }),
    dueForRebroadcast: (nowMs) => mempool.dueForRebroadcast(nowMs).map(({txid}) => txid),
    peerGone: (peer) => mempool.removePeer(String(peer)),
  };
}
