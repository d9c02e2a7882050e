import {equalBytes} from '../../core/bytes/index.ts';
import type {Block} from '../../core/primitives/index.ts';

/** What a proof check is told of the branch that a block stands on. */
export interface ProofContext {
  readonly height: number;
  /** Hash of the block's ancestor at a height, undefined where there is none. */
  readonly ancestorHash: (height: number) => Uint8Array | undefined;
}

export type CheckProof = (block: Block, context: ProofContext) => Promise<void>;

function equalHashes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equalBytes(a, b);
}

/** A proof check that was begun before the block's turn, and what it was told. */
export class ProofAhead {
  readonly #block: Block;
  readonly #height: number;
  readonly #told = new Map<number, Uint8Array | undefined>();
  /** Rejects with a RuleError when the proof is refused. */
  readonly result: Promise<void>;

  private constructor(check: CheckProof, block: Block, {height, ancestorHash}: ProofContext) {
    this.#block = block;
    this.#height = height;
    this.result = check(block, {
      height,
      ancestorHash: (at) => {
        const hash = ancestorHash(at);
        this.#told.set(at, hash);
        return hash;
      },
    });
    // A refusal is heard when the block has its turn, if that ever comes.
    this.result.catch(() => {});
  }

  static start(check: CheckProof, block: Block, context: ProofContext): ProofAhead {
    return new ProofAhead(check, block, context);
  }

  /** True when the check was told of the same place as the one that the block has now. */
  isFor(block: Block, {height, ancestorHash}: ProofContext): boolean {
    if (block !== this.#block || height !== this.#height) return false;
    return [...this.#told].every(([at, hash]) => equalHashes(hash, ancestorHash(at)));
  }
}
