import {deepEqual, equal, throws} from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {concatBytes, decodeHex, encodeHex, encodeVarint, Reader} from '../../../src/core/bytes/index.ts';
import {decodeProof, encodeProof, type PacketCryptProof, readProof} from '../../../src/core/packetcrypt/index.ts';
import {checkProperty} from '../../support/property.ts';
import {acceptsOrRefuses, refuses} from '../../support/refusal.ts';
import {readVectors} from '../../support/vectors.ts';

interface SectionCase {
  name: string;
  hex: string;
  accepted: boolean;
  bytesConsumed?: number;
  nonce?: number;
  version?: number;
  reencodedLength?: number;
  canonical?: boolean;
  standardInFullNode?: boolean;
}
const sections = readVectors<{cases: SectionCase[]}>('packetcrypt-section').cases;
const {blocks} = readVectors<{blocks: {name: string; wire: string; nonce2: number; proofLen: number}[]}>('block');

test(`sections, node profile: ${sections.length} vectors`, () => {
  for (const section of sections) {
    const reader = new Reader(decodeHex(section.hex));
    equal(
      acceptsOrRefuses(() => readProof(reader, 'node')),
      section.accepted,
      section.name,
    );
    if (!section.accepted) continue;
    equal(reader.offset, section.bytesConsumed, section.name);
    const proof = readProof(new Reader(decodeHex(section.hex)), 'node');
    equal(proof.nonce2, section.nonce);
    equal(proof.version, BigInt(section.version!));
    const encoded = encodeProof(proof);
    equal(encoded.length, section.reencodedLength, section.name);
    equal(encodeHex(encoded) === section.hex.slice(0, 2 * reader.offset), section.canonical, section.name);
  }
});

test(`sections, strict profile: exactly those of standard form are accepted`, () => {
  for (const {name, hex, standardInFullNode} of sections) {
    equal(
      acceptsOrRefuses(() => readProof(new Reader(decodeHex(hex)))),
      standardInFullNode ?? false,
      name,
    );
  }
});

test('the proofs of the block vectors go there and back', () => {
  for (const {name, wire, nonce2, proofLen} of blocks) {
    const bytes = decodeHex(wire);
    const reader = new Reader(bytes.subarray(80));
    const proof = readProof(reader);
    equal(proof.nonce2, nonce2, name);
    equal(proof.treeProof.length, proofLen, name);
    equal(proof.version, 2n);
    const records = bytes.subarray(80, 80 + reader.offset);
    deepEqual(encodeProof(proof, 'miner'), records);
    deepEqual(decodeProof(encodeProof(proof)), proof);
    deepEqual(decodeProof(records, 'node'), proof);
  }
});

const bytesOf = (length: number) => fc.uint8Array({minLength: length, maxLength: length});
/** Announcements of which some are signed. */
const proofs: fc.Arbitrary<PacketCryptProof> = fc
  .record(
    {
      version: fc.bigInt({min: 0n, max: (1n << 64n) - 1n}),
      nonce2: fc.nat(0xffffffff),
      signed: fc.array(fc.boolean(), {minLength: 4, maxLength: 4}),
      signature: bytesOf(64),
      withSignatures: fc.boolean(),
      treeProof: fc.uint8Array({minLength: 1, maxLength: 100}),
      contentProofs: fc.option(fc.uint8Array({minLength: 1, maxLength: 80}), {nil: undefined}),
    },
    {noNullPrototype: true},
  )
  .map(({signed, signature, withSignatures, ...rest}) => ({
    ...rest,
    announcements: signed.map((has, k) => new Uint8Array(1024).fill(has ? k + 1 : 0, 56, 88)),
    signatures: signed.map((has) => (has && withSignatures ? signature : undefined)),
  }));

test('random proofs go there and back in every layout', () => {
  checkProperty(
    fc.property(proofs, (proof) => {
      deepEqual(decodeProof(encodeProof(proof)), proof);
      deepEqual(decodeProof(encodeProof(proof, 'miner')), proof);
      deepEqual(decodeProof(encodeProof(proof), 'node'), proof);
    }),
  );
});

test('every truncation is refused with a code, in both profiles', () => {
  const whole = decodeHex(blocks.find(({name}) => name === 'signed-31')!.wire).subarray(80);
  const reader = new Reader(whole);
  readProof(reader);
  for (let length = 0; length < reader.offset; length++) {
    for (const profile of ['strict', 'node'] as const) {
      equal(
        acceptsOrRefuses(() => decodeProof(whole.subarray(0, length), profile)),
        false,
      );
    }
  }
  refuses(() => decodeProof(whole.subarray(0, reader.offset + 1)), 'trailing-bytes');
});

/** A valid version 2 proof without signatures. */
const plain: PacketCryptProof = {
  version: 2n,
  nonce2: 7,
  announcements: Array.from({length: 4}, () => new Uint8Array(1024)),
  treeProof: new Uint8Array(40),
  signatures: [undefined, undefined, undefined, undefined],
  contentProofs: undefined,
};
const PROOF_RECORD = encodeProof({...plain, version: 0n}, 'share');
const record = (type: number | bigint, value: Uint8Array, length: number | bigint = value.length) =>
  concatBytes(encodeVarint(type), encodeVarint(length), value);
const END = Uint8Array.of(0, 0);

test('each code of a refusal', () => {
  const cases: [string, Uint8Array][] = [
    ['truncated', new Uint8Array(0)],
    ['truncated', PROOF_RECORD],
    ['truncated', concatBytes(PROOF_RECORD, Uint8Array.of(0))],
    ['truncated', concatBytes(PROOF_RECORD, record(9, new Uint8Array(3), 4))],
    ['truncated', concatBytes(PROOF_RECORD, record(9, new Uint8Array(3), (1n << 64n) - 1n))],
    ['varint-not-canonical', decodeHex('fd0100')],
    ['varint-not-canonical', concatBytes(PROOF_RECORD, decodeHex('0403fd0200'), END)],
    ['proof-missing', END],
    ['proof-missing', concatBytes(record(4, Uint8Array.of(2)), END)],
    ['proof-length', concatBytes(record(1, new Uint8Array(4100)), END)],
    ['proof-length', concatBytes(record(1, new Uint8Array(131073)), END)],
    ['record-before-proof', concatBytes(record(2, new Uint8Array(0)), PROOF_RECORD, END)],
    ['record-before-proof', concatBytes(record(3, new Uint8Array(1)), PROOF_RECORD, END)],
    ['record-too-large', concatBytes(PROOF_RECORD, record(3, new Uint8Array(131073)), END)],
    ['signatures-length', concatBytes(PROOF_RECORD, record(2, new Uint8Array(64)), END)],
    ['version-length', concatBytes(PROOF_RECORD, record(4, Uint8Array.of(2, 0)), END)],
  ];
  for (const [code, bytes] of cases) {
    refuses(() => decodeProof(bytes), code);
    refuses(() => decodeProof(bytes, 'node'), code);
  }
  const strictOnly: [string, Uint8Array][] = [
    ['record-unknown', concatBytes(PROOF_RECORD, record(5, Uint8Array.of(1)), END)],
    ['record-unknown', concatBytes(PROOF_RECORD, record(1n << 63n, Uint8Array.of(1)), END)],
    ['record-repeated', concatBytes(PROOF_RECORD, PROOF_RECORD, END)],
    ['record-repeated', concatBytes(PROOF_RECORD, record(4, Uint8Array.of(2)), record(4, Uint8Array.of(2)), END)],
    ['record-superfluous', concatBytes(PROOF_RECORD, record(2, new Uint8Array(0)), END)],
    ['record-superfluous', concatBytes(PROOF_RECORD, record(3, new Uint8Array(0)), END)],
    ['record-superfluous', concatBytes(PROOF_RECORD, record(4, Uint8Array.of(0)), END)],
    ['end-length', concatBytes(PROOF_RECORD, Uint8Array.of(0, 5))],
  ];
  for (const [code, bytes] of strictOnly) {
    refuses(() => decodeProof(bytes), code);
    decodeProof(bytes, 'node');
  }
});

test('node profile: repeated records replace, signatures stay with the number they were read for', () => {
  const signed = {
    ...plain,
    announcements: plain.announcements.map((ann, k) => (k === 1 ? ann.slice().fill(1, 56, 88) : ann)),
  };
  const first = encodeProof({...signed, version: 0n}, 'share');
  const signature = new Uint8Array(64).fill(3);
  const bytes = concatBytes(
    first,
    record(2, signature),
    PROOF_RECORD,
    record(4, Uint8Array.of(1)),
    record(4, Uint8Array.of(2)),
    END,
  );
  deepEqual(decodeProof(bytes, 'node'), {...plain, signatures: [undefined, signature, undefined, undefined]});
});

test('random bytes and random damage: a code or a proof, never anything else', () => {
  checkProperty(
    fc.property(fc.uint8Array({maxLength: 60}), fc.nat(20), (bytes, keep) => {
      for (const profile of ['strict', 'node'] as const) {
        acceptsOrRefuses(() => decodeProof(bytes, profile));
        acceptsOrRefuses(() => decodeProof(concatBytes(PROOF_RECORD.subarray(0, keep), bytes), profile));
        acceptsOrRefuses(() => decodeProof(concatBytes(PROOF_RECORD, bytes, END), profile));
      }
    }),
    1000,
  );
});

test('misuse is a TypeError or RangeError', () => {
  throws(() => decodeProof('00' as unknown as Uint8Array), TypeError);
  throws(() => decodeProof(new Uint8Array(0), 'lenient' as 'node'), TypeError);
  throws(() => encodeProof({...plain, nonce2: -1}), RangeError);
  throws(() => encodeProof({...plain, version: 2 as unknown as bigint}), TypeError);
  throws(() => encodeProof({...plain, treeProof: new Uint8Array(0)}), RangeError);
  throws(() => encodeProof({...plain, treeProof: new Uint8Array(131072)}), RangeError);
  throws(() => encodeProof({...plain, announcements: plain.announcements.slice(1)}), RangeError);
  throws(() => encodeProof({...plain, announcements: plain.announcements.map((ann) => ann.subarray(1))}), RangeError);
  const signed = {...plain, announcements: plain.announcements.map((ann) => ann.slice().fill(1, 56, 88))};
  throws(() => encodeProof({...signed, signatures: [new Uint8Array(64), undefined, undefined, undefined]}), RangeError);
  throws(() => encodeProof({...signed, signatures: signed.announcements.map(() => new Uint8Array(63))}), RangeError);
});
