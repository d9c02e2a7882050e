import {analyseProgram} from './rand-hash-analysis.ts';
export function estimateProgramCost(program: Uint32Array): number {
  return analyseProgram(program).maxOperations;
}
