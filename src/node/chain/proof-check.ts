// The proof of work of a block at its place in the chain.   chain spec §3.13
import {RuleError} from '../../core/consensus/index.ts';
import {
  annParentBlockHeight,
  BlockError,
  findCommitment,
  type NodeProofInput,
  type ProofResult,
  type ProofRules,
} from '../../core/packetcrypt/index.ts';
import {type Block, encodeHeader} from '../../core/primitives/index.ts';
import type {CheckProof, ProofContext} from './proof-ahead.ts';

/** Judges a proof, here or on another thread. Throws BlockError. */
export type CheckNodeProof = (input: NodeProofInput, rules: ProofRules) => ProofResult | Promise<ProofResult>;

function proofInput({header, proof, transactions}: Block, {height, ancestorHash}: ProofContext): NodeProofInput {
  return {
    header: encodeHeader(header),
    proof,
    blockHeight: height,
    commitment: findCommitment(transactions[0]!.outputs.map(({script}) => script)),
    parentHashes: proof.announcements.map((ann) => ancestorHash(annParentBlockHeight(ann))),
  };
}

/**
 * A proof check for a chain. A proof that fails is a wrong message, never a wrong hash; a parent that is not known leaves the
 * block for later.
 */
export function createProofCheck(rules: ProofRules, check: CheckNodeProof): CheckProof {
  return async (block, context) => {
    try {
      await check(proofInput(block, context), rules);
    } catch (error) {
      if (!(error instanceof BlockError)) throw error;
      const rule = error.code === 'ANN_PARENT_UNKNOWN' ? 'ErrPowCannotVerify' : 'ErrBadPow';
      throw new RuleError(rule, {proof: error.code}, error);
    }
  };
}
