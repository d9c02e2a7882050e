import type {ModuleWriter} from '../../wasm/module-writer.ts';
import {I32, WASM} from '../../wasm/opcodes.ts';

const OUTPUT = 0;
const POSITION = 1;
const AT = 2;
const HALF_BYTES = 1024;

/**
 * Writes the body of fold(output, position) → position: adds everything between the end of the output and `position`
 * to the words 1024 bytes lower and clears it, from the top down, so that words more than 1024 bytes behind the end
 * go through two steps. Returns the position wrapped to the output.
 */
export function writeFold(module: ModuleWriter): void {
  module.body([[1, I32]]);
  const {code} = module;
  // at = end of the last 16 bytes to fold, at least one step of them behind the end of the output
  code.get(POSITION);
  code.get(OUTPUT);
  code.op(WASM.i32_sub);
  code.i32(16);
  code.op(WASM.i32_add);
  code.i32(-16);
  code.op(WASM.i32_and);
  code.get(OUTPUT);
  code.op(WASM.i32_add);
  code.set(AT);
  code.open(WASM.loop);
  code.get(AT);
  code.i32(16);
  code.op(WASM.i32_sub);
  code.tee(AT);
  code.i32(HALF_BYTES);
  code.op(WASM.i32_sub);
  code.get(AT);
  code.i32(HALF_BYTES);
  code.op(WASM.i32_sub);
  code.memory(WASM.v128_load, 0);
  code.get(AT);
  code.memory(WASM.v128_load, 0);
  code.op(WASM.i32x4_add);
  code.memory(WASM.v128_store, 0);
  code.get(AT);
  code.v128(0, 0, 0, 0);
  code.memory(WASM.v128_store, 0);
  code.get(AT);
  code.get(OUTPUT);
  code.i32(HALF_BYTES);
  code.op(WASM.i32_add);
  code.op(WASM.i32_gt_u);
  code.branch(WASM.br_if, 0);
  code.end();
  code.get(POSITION);
  code.get(OUTPUT);
  code.op(WASM.i32_sub);
  code.i32(HALF_BYTES - 1);
  code.op(WASM.i32_and);
  code.get(OUTPUT);
  code.op(WASM.i32_add);
  module.endBody();
}
