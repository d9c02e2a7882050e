import type {RpcArea, RpcMethod} from '../method.ts';
import {CHAIN_METHODS} from './chain.ts';
import {controlMethods, REFUSED_METHODS} from './control.ts';
import {MEMPOOL_METHODS} from './mempool.ts';
import {MINING_METHODS} from './mining.ts';
import {NETWORK_METHODS} from './network.ts';
import {TRANSACTION_METHODS} from './transactions.ts';

/** Every method of the RPC but those of websocket sessions. */
export const RPC_AREAS: readonly RpcArea[] = [
  {name: 'Chain', methods: CHAIN_METHODS},
  {name: 'Transactions', methods: TRANSACTION_METHODS},
  {name: 'Pool of transactions', methods: MEMPOOL_METHODS},
  {name: 'Mining', methods: MINING_METHODS},
  {name: 'Peers', methods: NETWORK_METHODS},
  {name: 'The program', methods: controlMethods(() => RPC_METHODS)},
  {name: 'Not offered', methods: REFUSED_METHODS},
];

export const RPC_METHODS: readonly RpcMethod[] = RPC_AREAS.flatMap(({methods}) => methods);
