import {ANNOUNCEMENT_TARGETS} from './announcement-targets.ts';
import {BLOCK_TARGETS} from './block-targets.ts';
import {BYTES_TARGETS} from './bytes-targets.ts';
import {CHAIN_TARGETS} from './chain-targets.ts';
import {HUB_TARGETS} from './hub-targets.ts';
import {PEER_TARGETS} from './peer-targets.ts';
import {POOL_TARGETS} from './pool-targets.ts';
import {PROGRAM_TARGETS} from './program-targets.ts';
import {PROOF_TARGETS} from './proof-targets.ts';
import type {FuzzTarget} from './target.ts';

/** One target per decoder, validator and state machine of outside data. */
export const FUZZ_TARGETS: readonly FuzzTarget[] = [
  ...BYTES_TARGETS,
  ...PROOF_TARGETS,
  ...ANNOUNCEMENT_TARGETS,
  ...BLOCK_TARGETS,
  ...PROGRAM_TARGETS,
  ...CHAIN_TARGETS,
  ...PEER_TARGETS,
  ...HUB_TARGETS,
  ...POOL_TARGETS,
];
