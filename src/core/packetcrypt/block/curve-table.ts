// The first entry of the curve table that assembly/curve25519.ts extends: the base point B of edwards25519 (RFC 8032 §5.1) as
// (y+x, y−x, 2dxy), ten limbs of 26, 25, 26, … bits each.   spec §11.2

const P = 2n ** 255n - 19n;
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;
const BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202n;
const BASE_Y = 46316835694926478169428394003475163141307993866256225615783033603165251855960n;

/** Bits of a scalar that one slice of the table covers, slices, and bytes of one slice; as in assembly/curve25519.ts. */
const CURVE_SLICES = 22;
export const CURVE_ENTRY_BYTES = 128;
const CURVE_SLICE_BYTES: number = 2049 * CURVE_ENTRY_BYTES;
export const CURVE_TABLE_BYTES: number = CURVE_SLICES * CURVE_SLICE_BYTES;

function limbs(value: bigint): number[] {
  let rest = ((value % P) + P) % P;
  const out: number[] = [];
  for (let i = 0; i < 10; i++) {
    const bits = i % 2 === 0 ? 26n : 25n;
    out.push(Number(rest & ((1n << bits) - 1n)));
    rest >>= bits;
  }
  return out;
}

/** 30 limbs: the table entry of 1·B. */
export function baseEntry(): Uint32Array {
  return Uint32Array.from([...limbs(BASE_Y + BASE_X), ...limbs(BASE_Y - BASE_X), ...limbs(2n * D * BASE_X * BASE_Y)]);
}
