// Owns: PacketCrypt itself: announcements, the announcement tree, block hash and proof, difficulty, and every rule about
// them in both profiles, old versions included. Plain functions over bytes; the kernels and compilers beside them do
// the same faster and are held to the same vectors.
// Does not own: transactions, headers and merkle roots (primitives), heights and parameters of networks (params, which
// hands its own ProofRules in), threads, storage, the network.
//
// Main steps
//   mine announcements  header, parent hash → annHash0 → first table → tree, root → annHash1, v1Seed → second table →
//                       annWork per soft nonce → assemble                                                    spec §6
//   check one           announcementVerdict or checkAnnouncement                                            spec §7
//   mine a block        chooseAnnouncements → orderAnnouncements → ProofTree.build → encodeCommitment, into the
//                       coinbase → blockWork per nonce2 → meetsTarget(effectiveTarget) → prove → encodeProof  spec §8
//   check a block       readProof → checkNodeProof, which applies version, parents, signatures, contents, commitment,
//                       work, announcements and tree in this order; shares: decodeShare → checkBlockProof     spec §10

export {
  ANN_BYTES,
  ANN_HASH_BYTES,
  ANN_HEADER_BYTES,
  ANN_VERSION,
  type AnnouncementHeader,
  annCrypt,
  annHash,
  annHash0,
  annHash1,
  annParentBlockHeight,
  annSigningKey,
  annSoftNonce,
  annVersion,
  annWorkBits,
  checkAnnouncementSize,
  decodeAnnouncementHeader,
  encodeAnnouncementHeader,
  TABLE_DEPTH,
  TABLE_ITEMS,
  v1Seed,
} from './announcement/announcement.ts';
export {announcementVerdict, checkAnnouncement} from './announcement/announcement-check.ts';
export {AnnouncementHashes} from './announcement/announcement-hashes.ts';
export {AnnouncementJob} from './announcement/announcement-mine.ts';
export {AnnouncementTree, branchRoot} from './announcement/announcement-tree.ts';
export {makeOldItem, oldAnnouncementVerdict} from './announcement/announcement-v0.ts';
export type {AnnouncementContext, AnnouncementJudge, AnnouncementVerdict} from './announcement/announcement-verdict.ts';
export {type AnnouncementWork, annWork} from './announcement/announcement-work.ts';
export {type ItemProgram, makeItem, makeProgram} from './announcement/item.ts';
export {type AnnouncementChoice, type AnnouncementClass, chooseAnnouncements} from './block/announcement-choice.ts';
export {
  type BlockCheckOptions,
  type BlockProofInput,
  checkBlockProof,
  checkNodeProof,
  type NodeProofInput,
  OUTCOME_VALUES,
  type ProofBody,
  type ProofOutcome,
  type ProofResult,
  splitHeaderAndProof,
} from './block/block-check.ts';
export {
  checkProofVersion,
  checkSignatures,
  difficultyOf,
  isCurrentVersion,
  PKT_PROOF_RULES,
  type ProofRules,
} from './block/block-rules.ts';
export {type BlockWork, blockWork, proofWork} from './block/block-work.ts';
export {
  COMMITMENT_BYTES,
  COMMITMENT_MAGIC,
  type Commitment,
  commitmentScript,
  decodeCommitment,
  encodeCommitment,
  fillPlaceholder,
  findCommitment,
  placeholderScript,
} from './block/commitment.ts';
export {decodeShare, encodeShare, HEADER_BYTES, type Share, type ShareUpload, shareHandler} from './block/share.ts';
export {
  crypt,
  finalize,
  ITEM_BYTES,
  initState,
  itemNumber,
  makeFuzzable,
  STATE_BYTES,
  smul,
  update,
} from './crypto-cycle.ts';
export {
  ANN_WAIT_BLOCKS,
  CURRENT_DIFFICULTY,
  compactForWork,
  type DifficultyRules,
  degrade,
  degradedTarget,
  effectiveTarget,
  effectiveWork,
  MAX_TARGET,
  minAnnDiffOk,
  powerMultiplier,
  softNonceMax,
  targetForWork,
  UNUSABLE_TARGET,
  workForCompact,
  workForTarget,
} from './difficulty.ts';
export {
  ANN_ERRORS,
  AnnError,
  type AnnErrorCode,
  BLOCK_ERRORS,
  BlockError,
  type BlockErrorCode,
  PROOF_WIRE_ERRORS,
  ProofWireError,
  type ProofWireErrorCode,
  RAND_HASH_ERRORS,
  RandHashError,
  type RandHashErrorCode,
} from './errors.ts';
export {checkContentProofs, OLD_DIFFICULTY, oldDegrade} from './historical.ts';
export type {Profile} from './profile.ts';
export {checkTreeProof, type TreeProofInput, treeProofRoot} from './proof/proof-check.ts';
export {isProvable, orderAnnouncements, pickHashes, TREE_HASH_BYTES} from './proof/proof-order.ts';
export {
  entryCount,
  type HashPairs,
  hashPairsPlainly,
  PROOF_ANNS,
  ProofTree,
  TREE_ENTRY_BYTES,
} from './proof/proof-tree.ts';
export {
  decodeProof,
  encodeProof,
  type PacketCryptProof,
  type ProofLayout,
  readProof,
  SIGNATURE_BYTES,
} from './proof/proof-wire.ts';
export {generateProgram} from './rand-hash/rand-gen.ts';
export {runProgram} from './rand-hash/rand-hash.ts';
export {meetsTarget} from './work-check.ts';
