import type {RpcMethod} from '../method.ts';
import {CHAIN_METHODS} from './chain.ts';
import {controlMethods} from './control.ts';
import {MEMPOOL_METHODS} from './mempool.ts';
import {MINING_METHODS} from './mining.ts';
import {NETWORK_METHODS} from './network.ts';
import {TRANSACTION_METHODS} from './transactions.ts';

/** Every method of the RPC but those of websocket sessions. */
export const RPC_METHODS: readonly RpcMethod[] = [
  ...CHAIN_METHODS,
  ...TRANSACTION_METHODS,
  ...MEMPOOL_METHODS,
  ...MINING_METHODS,
  ...NETWORK_METHODS,
  ...controlMethods(() => RPC_METHODS),
];
