// RandHash programs as WebAssembly modules.   spec §5, §11.2 (5)
import {ModuleWriter} from '../../wasm/module-writer.ts';
import {I32} from '../../wasm/opcodes.ts';
import {MAX_OPERATIONS} from './instructions.ts';
import {analyseProgram} from './rand-hash-analysis.ts';
import {writeFold} from './rand-hash-fold.ts';
import {Translator} from './rand-hash-translator.ts';

export interface CompileOptions {
  /** Import a shared memory instead of a plain one. */
  readonly shared?: boolean;
}

/**
 * Compiles a program to a module that imports `env.memory` and exports `run` and `cycle`, see CompiledProgram.
 *
 * returns undefined if the program might exceed 20000 operations per cycle, which only an interpreter decides
 * throws  RandHashError 'TOO_BIG', 'BAD_OPCODE', 'BAD_OPERAND', 'BAD_STRUCTURE' for programs no seed generates
 */
export function compileProgram(
  program: Uint32Array,
  options: CompileOptions = {},
): Uint8Array<ArrayBuffer> | undefined {
  const analysis = analyseProgram(program);
  if (analysis.maxOperations > MAX_OPERATIONS) return undefined;
  const module = new ModuleWriter();
  const type = module.type([I32, I32, I32], []);
  const foldType = module.type([I32, I32], [I32]);
  module.importMemory('env', 'memory', {pages: 1, shared: options.shared === true});
  module.declareFunction(type, 'run');
  const cycle = module.declareFunction(type, 'cycle');
  const fold = module.declareFunction(foldType);
  writeRun(module, cycle);
  new Translator(program, analysis, fold).translate(module);
  writeFold(module);
  return module.finish();
}

/**
 * Exports of a compiled program. All three are addresses; the halves of the state are 1024 bytes each and lie in front
 * of 2048 bytes of slack, zero before and after. `memory` is the item's window of 1024 bytes, and is only read.
 */
export interface CompiledProgram {
  /** Two cycles: the first reads `first` and adds to `second`, the other the other way round. */
  run(memory: number, first: number, second: number): void;
  /** One cycle. */
  cycle(memory: number, input: number, output: number): void;
}

function writeRun(module: ModuleWriter, cycle: number): void {
  module.body([]);
  for (const order of [
    [0, 1, 2],
    [0, 2, 1],
  ]) {
    for (const parameter of order) module.code.get(parameter);
    module.code.call(cycle);
  }
  module.endBody();
}
