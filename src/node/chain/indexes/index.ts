// Owns: the optional indexes of the best chain (transactions, addresses, compact filters): how they are built, followed and dropped.
// Does not own: the chain (they follow it, also through reorganisations), what peers and RPC make of the answers.
// Main steps: ChainIndexes.open → for each index from its own tip: take back what left the best chain, add what joined it.
export type {IndexName} from './block-index.ts';
export {ChainIndexes} from './chain-indexes.ts';
export {IndexError} from './errors.ts';
