// Owns: the constants of every network. Does not own: the rules that read them (consensus).
export type {
  AddressParams,
  Checkpoint,
  DifficultyParams,
  MoneyParams,
  Network,
} from './network.ts';
export {createPktreg, NETWORKS, PKT, PKTREG, PKTTEST, type PktregOverrides} from './networks.ts';
