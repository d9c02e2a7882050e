import {equal} from 'node:assert/strict';
import {test} from 'node:test';
import {decodeHex, encodeHex, readU32, writeU32} from '../../../src/core/bytes/index.ts';
import {expand, sha256} from '../../../src/core/crypto/index.ts';
import {readVectors} from '../../support/vectors.ts';

/** What an implementation of spec §3 offers; all but initState change the 2048-byte state in place. */
export interface CryptoCycleImplementation {
  readonly makeFuzzable: (state: Uint8Array) => void;
  readonly crypt: (state: Uint8Array) => void;
  readonly initState: (seed: Uint8Array, nonce: bigint) => Uint8Array;
  readonly itemNumber: (state: Uint8Array) => bigint;
  readonly update: (state: Uint8Array, item: Uint8Array) => void;
  readonly smul: (state: Uint8Array) => void;
  readonly finalize: (state: Uint8Array) => void;
}

/** The fields of all kinds of cases; which are present depends on `op`, as the file's description says. */
interface Case {
  op: 'crypt' | 'makeFuzzable' | 'update' | 'init' | 'smul' | 'final' | 'hash4' | 'aead';
  seed: string;
  data?: string;
  dataAfter?: string;
  head: string;
  sha256: string;
  full?: string;
  in: string;
  out: string;
  len: number;
  add: number;
  decrypt: number;
  tzc: number;
  azc: number;
  truncated: number;
  itemSeed: string;
  itemNo: string;
  nonce: string;
  a: string;
  b: string;
  itemCount: number;
  itemNos: number[];
  beforeSmul: string;
  smul: number;
  smulOut?: string;
  finalOut: string;
  key: string;
  msg: string;
  additional: string;
  cipherAndTag: string;
}

function startState(vector: Case): Uint8Array {
  const state = expand(decodeHex(vector.seed), 0, 2048);
  if (vector.data !== undefined) writeU32(state, 12, Number.parseInt(vector.data, 16));
  return state;
}

function checkState(state: Uint8Array, vector: Case): void {
  equal(encodeHex(state.subarray(0, 64)), vector.head);
  if (vector.full !== undefined) equal(encodeHex(state), vector.full);
  equal(encodeHex(sha256(state)), vector.sha256);
  if (vector.dataAfter !== undefined) equal(readU32(state, 12), Number.parseInt(vector.dataAfter, 16));
}

type Run = (implementation: CryptoCycleImplementation, vector: Case) => void;

const runs: Readonly<Record<Case['op'], Run>> = {
  crypt: ({crypt}, vector) => {
    const state = startState(vector);
    crypt(state);
    checkState(state, vector);
  },
  makeFuzzable: ({makeFuzzable}, vector) => {
    const state = new Uint8Array(2048);
    state.set(decodeHex(vector.in));
    makeFuzzable(state);
    equal(encodeHex(state.subarray(0, vector.out.length / 2)), vector.out);
    const data = readU32(state, 12);
    equal(data, Number.parseInt(vector.data!, 16));
    equal((data >>> 17) & 127, vector.len);
    equal((data >>> 13) & 7, vector.add);
    equal((data >>> 12) & 1, vector.decrypt);
    equal((data >>> 8) & 15, vector.tzc);
    equal(data & 15, vector.azc);
    equal((data >>> 16) & 1, vector.truncated);
  },
  update: ({update, itemNumber}, vector) => {
    const state = startState(vector);
    update(state, expand(decodeHex(vector.itemSeed), 1, 1024));
    checkState(state, vector);
    equal(itemNumber(state), BigInt(`0x${vector.itemNo}`));
  },
  init: ({initState, itemNumber}, vector) => {
    const state = initState(decodeHex(vector.seed), BigInt(`0x${vector.nonce}`));
    checkState(state, vector);
    equal(itemNumber(state), BigInt(`0x${vector.itemNo}`));
  },
  smul: ({smul}, vector) => {
    const state = new Uint8Array(2048).fill(0x5a);
    state.set(decodeHex(vector.a), 0);
    state.set(decodeHex(vector.b), 32);
    smul(state);
    equal(encodeHex(state.subarray(64, 96)), vector.out);
    equal(encodeHex(state.subarray(0, 64)), vector.a + vector.b);
    equal(
      state.subarray(96).every((byte) => byte === 0x5a),
      true,
    );
  },
  final: ({finalize}, vector) => {
    const state = startState(vector);
    finalize(state);
    equal(encodeHex(state.subarray(0, 32)), vector.out);
    equal(encodeHex(sha256(state)), vector.sha256);
  },
  hash4: ({initState, itemNumber, update, smul, finalize}, vector) => {
    const state = initState(decodeHex(vector.seed), BigInt(`0x${vector.nonce}`));
    for (const expected of vector.itemNos) {
      const index = Number(itemNumber(state) % BigInt(vector.itemCount));
      equal(index, expected);
      update(state, expand(decodeHex(vector.itemSeed), index, 1024));
    }
    equal(encodeHex(sha256(state)), vector.beforeSmul);
    if (vector.smul === 1) {
      smul(state);
      equal(encodeHex(state.subarray(64, 96)), vector.smulOut);
    }
    finalize(state);
    equal(encodeHex(state.subarray(0, 32)), vector.finalOut);
  },
  aead: ({crypt}, vector) => {
    const message = decodeHex(vector.msg);
    const additional = decodeHex(vector.additional);
    const len = Math.ceil(message.length / 16);
    const add = Math.ceil(additional.length / 16);
    const tzc = 16 * len - message.length;
    const azc = 16 * add - additional.length;
    const state = new Uint8Array(2048);
    writeU32(state, 12, azc | (tzc << 8) | (add << 13) | (len << 17));
    state.set(decodeHex(vector.key), 16);
    state.set(additional, 48);
    state.set(message, 48 + 16 * add);
    crypt(state);
    const cipher = state.subarray(48 + 16 * add, 48 + 16 * add + message.length);
    equal(encodeHex(cipher) + encodeHex(state.subarray(16, 32)), vector.cipherAndTag);
  },
};

/** Thrown by an implementation for input that its contract excludes. */
export class OutsideContract extends Error {}

/**
 * The cases of cryptocycle.json through one implementation.
 *
 * ops      kinds of cases that it offers; all by default
 * outside  how many cases of a kind it must refuse with OutsideContract; none by default
 */
export function cryptoCycleVectors(
  name: string,
  implementation: CryptoCycleImplementation,
  ops: readonly Case['op'][] = Object.keys(runs) as Case['op'][],
  outside: Partial<Record<Case['op'], number>> = {},
): void {
  const {cases} = readVectors<{cases: Case[]}>('cryptocycle');
  for (const op of ops) {
    const chosen = cases.filter((vector) => vector.op === op);
    const excluded = outside[op] ?? 0;
    test(`CryptoCycle ${op}, ${name}: ${chosen.length - excluded} of ${chosen.length} vectors`, () => {
      equal(chosen.length > 0, true);
      let refused = 0;
      for (const vector of chosen) {
        try {
          runs[op](implementation, vector);
        } catch (error) {
          if (!(error instanceof OutsideContract)) throw error;
          refused++;
        }
      }
      equal(refused, excluded, 'cases outside the contract');
    });
  }
}
