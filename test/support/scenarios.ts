import {decodeHex} from '../../src/core/bytes/index.ts';
import {readVectors} from './vectors.ts';

/** One block of a scenario, and what a node must say of it. */
export interface ScenarioStep {
  readonly name: string;
  readonly height: number;
  readonly header: string;
  readonly transactions: string;
  readonly hash: string;
  readonly accepted: boolean;
  readonly tip: string;
  readonly reason?: string;
  readonly steward?: string;
  readonly votesAgainst?: string;
}

export interface Scenario {
  readonly name: string;
  readonly steps: readonly ScenarioStep[];
}

interface ScenarioFile {
  readonly scenarios: readonly Scenario[];
  readonly fillerProof: {readonly hexPrefix: string; readonly zeroBytes: number; readonly hexSuffix: string};
  readonly counterAfterReorganisation: {
    readonly blocks: readonly ScenarioStep[];
    readonly votesAgainstInOrder: readonly string[];
  };
}

export const scenarioFile: ScenarioFile = readVectors<ScenarioFile>('chain-scenarios');

/** A well-formed proof section that proves nothing. */
export const FILLER_PROOF: Uint8Array = decodeHex(
  scenarioFile.fillerProof.hexPrefix +
    '00'.repeat(scenarioFile.fillerProof.zeroBytes) +
    scenarioFile.fillerProof.hexSuffix,
);

/** The whole block of a step, as it would come from a peer. */
export function stepBytes({header, transactions}: ScenarioStep): Uint8Array {
  return Uint8Array.from([...decodeHex(header), ...FILLER_PROOF, ...decodeHex(transactions)]);
}
