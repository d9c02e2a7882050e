/** A rule that scripts are held to.   chain spec §3.12 */
export type ScriptFlag =
  // Consensus of every block.
  | 'P2SH'
  | 'DERSIG'
  | 'CHECKLOCKTIMEVERIFY'
  | 'CHECKSEQUENCEVERIFY'
  | 'WITNESS'
  | 'NULLDUMMY'
  // Policy: what the mempool asks beyond that.
  | 'STRICTENC'
  | 'LOW_S'
  | 'SIGPUSHONLY'
  | 'MINIMALDATA'
  | 'MINIMALIF'
  | 'NULLFAIL'
  | 'CLEANSTACK'
  | 'WITNESS_PUBKEYTYPE'
  | 'DISCOURAGE_UPGRADABLE_NOPS'
  | 'DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM'
  | 'CONST_SCRIPTCODE';

export type ScriptFlags = ReadonlySet<ScriptFlag>;

const CONSENSUS: readonly ScriptFlag[] = [
  'P2SH',
  'DERSIG',
  'CHECKLOCKTIMEVERIFY',
  'CHECKSEQUENCEVERIFY',
  'WITNESS',
  'NULLDUMMY',
];

/** What scripts in blocks are held to, at every height. */
export const CONSENSUS_SCRIPT_FLAGS: ScriptFlags = new Set(CONSENSUS);

/**
 * What scripts in the mempool are held to: everything. CONST_SCRIPTCODE and CLEANSTACK keep out the transactions over which
 * node programs might disagree.   chain spec §4.3
 */
export const POLICY_SCRIPT_FLAGS: ScriptFlags = new Set<ScriptFlag>([
  ...CONSENSUS,
  'STRICTENC',
  'LOW_S',
  'SIGPUSHONLY',
  'MINIMALDATA',
  'MINIMALIF',
  'NULLFAIL',
  'CLEANSTACK',
  'WITNESS_PUBKEYTYPE',
  'DISCOURAGE_UPGRADABLE_NOPS',
  'DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM',
  'CONST_SCRIPTCODE',
]);
