// The first transaction of a block template.   chain spec §3.6, §4.4
import {concatBytes} from '../../core/bytes/index.ts';
import {placeholderScript} from '../../core/packetcrypt/index.ts';
import {NULL_INDEX, SEQUENCE_FINAL, type Transaction, type TxOutput} from '../../core/primitives/index.ts';

const OP_1 = 0x51;
const WITNESS_COMMITMENT_HEAD = Uint8Array.of(0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed);
/** What the witness commitment is made with. */
export const WITNESS_RESERVED: Uint8Array = new Uint8Array(32);
/** The longest text that one opcode pushes; with height and extra nonce it stays below the limit of 100. */
export const MAX_TEXT_BYTES = 75;

/** A push of a number that is not negative, in the shortest form. */
function pushNumber(value: number): Uint8Array {
  if (value === 0) return Uint8Array.of(0);
  if (value <= 16) return Uint8Array.of(OP_1 + value - 1);
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.push(rest % 256);
  // The highest bit is the sign.
  if (bytes.at(-1)! >= 0x80) bytes.push(0);
  return Uint8Array.from([bytes.length, ...bytes]);
}

/** Height, an extra nonce that is always 0, and a text of at most 75 bytes. */
function coinbaseScript(height: number, text: Uint8Array): Uint8Array {
  return concatBytes(pushNumber(height), pushNumber(0), Uint8Array.of(text.length), text);
}

/** Output script of a commitment to witnesses. */
export function witnessCommitmentScript(commitment: Uint8Array): Uint8Array {
  return concatBytes(WITNESS_COMMITMENT_HEAD, commitment);
}

export interface CoinbaseParts {
  readonly height: number;
  readonly text: Uint8Array;
  readonly payouts: readonly TxOutput[];
  readonly steward: TxOutput;
  /** Where the block has witnesses. */
  readonly witnessCommitment: Uint8Array | undefined;
}

/** Payouts, steward, commitment to witnesses, and last the place of the PacketCrypt commitment. */
export function createCoinbase({height, text, payouts, steward, witnessCommitment}: CoinbaseParts): Transaction {
  const commitment =
    witnessCommitment === undefined ? [] : [{value: 0n, script: witnessCommitmentScript(witnessCommitment)}];
  return {
    version: 1,
    inputs: [
      {
        txid: new Uint8Array(32),
        index: NULL_INDEX,
        script: coinbaseScript(height, text),
        sequence: SEQUENCE_FINAL,
        witness: witnessCommitment === undefined ? [] : [WITNESS_RESERVED],
      },
    ],
    outputs: [...payouts, steward, ...commitment, {value: 0n, script: placeholderScript()}],
    lockTime: 0,
  };
}
