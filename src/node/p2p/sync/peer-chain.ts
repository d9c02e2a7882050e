import type {Chain} from '../../chain/chain.ts';

/** What the peers' side needs of a chain. */
export type PeerChain = Pick<
  Chain,
  | 'network'
  | 'tip'
  | 'height'
  | 'hashAt'
  | 'headerAt'
  | 'find'
  | 'branchFrom'
  | 'locator'
  | 'headersAfter'
  | 'blockBytes'
  | 'subscribe'
  | 'accept'
  | 'verifyAhead'
  | 'isCurrent'
>;
