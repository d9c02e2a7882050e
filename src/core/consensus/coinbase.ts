// What a coinbase declares.   chain spec §3.6
import {readUint} from '../bytes/index.ts';

const OP_1 = 0x51;
const OP_16 = 0x60;

/**
 * Height that a coinbase script declares, or undefined when it declares none. Not necessarily minimal; above 0x4b the
 * opcodes are simply lengths, and only the low 32 bits count.
 */
export function declaredHeight(script: Uint8Array): number | undefined {
  const first = script[0];
  if (first === undefined) return undefined;
  if (first === 0) return 0;
  if (first >= OP_1 && first <= OP_16) return first - (OP_1 - 1);
  if (script.length < 1 + first) return undefined;
  return Number(BigInt.asIntN(32, readUint(script.subarray(1, 1 + Math.min(first, 8)))));
}
