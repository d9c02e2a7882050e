import {ModuleWriter} from './module-writer.ts';
import {V128, WASM} from './opcodes.ts';

/** What the engine can run, beyond the first version of WebAssembly. */
export interface WasmFeatures {
  /** 128-bit vectors; every kernel needs them. */
  readonly simd: boolean;
  /** Shared memory and atomic instructions. */
  readonly threads: boolean;
  /** Vector instructions whose corner cases depend on the machine. */
  readonly relaxedSimd: boolean;
}

let detected: WasmFeatures | undefined;

/** Detects the features on first use by asking the engine to validate tiny modules. */
export function wasmFeatures(): WasmFeatures {
  detected ??= Object.freeze({
    simd: validates((module) => vectors(module, [])),
    threads: validates(sharedLoad),
    relaxedSimd: validates((module) => vectors(module, [WASM.i8x16_relaxed_swizzle])),
  });
  return detected;
}

function validates(write: (module: ModuleWriter) => void): boolean {
  const module = new ModuleWriter();
  write(module);
  return WebAssembly.validate(module.finish());
}

/** A function of two vectors that applies binary vector operations to them. */
function vectors(module: ModuleWriter, operations: readonly number[]): void {
  module.declareFunction(module.type([V128, V128], [V128]));
  module.body([]);
  module.code.get(0);
  for (const operation of operations) {
    module.code.get(1);
    module.code.op(operation);
  }
  module.endBody();
}

function sharedLoad(module: ModuleWriter): void {
  module.importMemory('env', 'memory', {pages: 1, shared: true});
  module.declareFunction(module.type([], []));
  module.body([]);
  module.code.i32(0);
  module.code.op(WASM.i32_atomic_load);
  module.code.byte(2); // atomic accesses state their natural alignment
  module.code.unsigned(0);
  module.code.op(WASM.drop);
  module.endBody();
}
