import {deepEqual, equal} from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {concatBytes, decodeHex, encodeHex, encodeVarint, Reader} from '../../../src/core/bytes/index.ts';
import {sipHash} from '../../../src/core/crypto/index.ts';
import {
  blockHash,
  decodeBlock,
  encodeFilter,
  filterHash,
  filterHeader,
  filterScripts,
  MAX_FILTER_BYTES,
  matchesFilter,
  readHeader,
  readTransaction,
  type Transaction,
} from '../../../src/core/primitives/index.ts';
import {checkProperty} from '../../support/property.ts';
import {acceptsOrRefuses, refuses} from '../../support/refusal.ts';
import {readVectors} from '../../support/vectors.ts';

/** Hashes are shown reversed. */
const shown = (hash: Uint8Array): string => encodeHex(hash.slice().reverse());

function bitcoinBlock(bytes: Uint8Array): {hash: Uint8Array; transactions: Transaction[]} {
  const reader = new Reader(bytes);
  const hash = blockHash(readHeader(reader));
  const transactions = Array.from({length: reader.varintUpTo(1000)}, () => readTransaction(reader));
  reader.end();
  return {hash, transactions};
}

test('filters and their headers of Bitcoin blocks', () => {
  type Row = [number, string, string, string[], string, string, string, string];
  const rows = readVectors<[unknown, ...Row[]]>('bitcoin/blockfilters').slice(1) as Row[];
  equal(rows.length, 10);
  for (const [height, hash, block, spent, previous, filter, header] of rows) {
    const decoded = bitcoinBlock(decodeHex(block));
    equal(shown(decoded.hash), hash);
    const scripts = filterScripts(
      decoded.transactions,
      spent.map((script) => decodeHex(script)),
    );
    const encoded = encodeFilter(decoded.hash, scripts);
    equal(encodeHex(encoded), filter, `block ${height}`);
    equal(shown(filterHeader(filterHash(encoded), decodeHex(previous).reverse())), header);
    for (const script of scripts) equal(matchesFilter(encoded, decoded.hash, [script]), true);
  }
});

test('the filter of the genesis block', () => {
  interface Genesis {
    blockHex: string;
    basicFilter: string;
    basicFilterHeader: string;
  }
  const {genesis} = readVectors<{networks: Record<string, {genesis: Genesis}>}>('chain-params').networks['pkt']!;
  const {header, transactions} = decodeBlock(decodeHex(genesis.blockHex));
  const filter = encodeFilter(blockHash(header), filterScripts(transactions, []));
  equal(encodeHex(filter), genesis.basicFilter);
  equal(shown(filterHeader(filterHash(filter), new Uint8Array(32))), genesis.basicFilterHeader);
  equal(genesis.basicFilter, '01902168');
});

test('SipHash of the example in its paper', () => {
  const key = Uint8Array.from({length: 16}, (_, i) => i);
  equal(
    sipHash(
      key,
      Uint8Array.from({length: 15}, (_, i) => i),
    ),
    0xa129ca6149be45e5n,
  );
  equal(sipHash(key, new Uint8Array(0)), 0x726fdb47dd0e0e31n);
});

/** SipHash as the paper has it, in numbers of 64 bits. */
function plainSipHash(key: Uint8Array, message: Uint8Array): bigint {
  const number = (bytes: Uint8Array): bigint => bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const wrap = (value: bigint): bigint => BigInt.asUintN(64, value);
  const rotate = (value: bigint, bits: bigint): bigint => wrap(value << bits) | (value >> (64n - bits));
  const [k0, k1] = [number(key.subarray(0, 8)), number(key.subarray(8))];
  const v = [k0 ^ 0x736f6d6570736575n, k1 ^ 0x646f72616e646f6dn, k0 ^ 0x6c7967656e657261n, k1 ^ 0x7465646279746573n];
  const mix = (a: number, b: number, bits: bigint): void => {
    v[a] = wrap(v[a]! + v[b]!);
    v[b] = rotate(v[b]!, bits) ^ v[a]!;
  };
  const rounds = (count: number): void => {
    for (let i = 0; i < count; i++) {
      mix(0, 1, 13n);
      v[0] = rotate(v[0]!, 32n);
      mix(2, 3, 16n);
      mix(0, 3, 21n);
      mix(2, 1, 17n);
      v[2] = rotate(v[2]!, 32n);
    }
  };
  const padded = new Uint8Array(8 * Math.floor(message.length / 8) + 8);
  padded.set(message);
  padded[padded.length - 1] = message.length;
  for (let at = 0; at < padded.length; at += 8) {
    const word = number(padded.subarray(at, at + 8));
    v[3]! ^= word;
    rounds(2);
    v[0]! ^= word;
  }
  v[2]! ^= 0xffn;
  rounds(4);
  return v[0]! ^ v[1]! ^ v[2]! ^ v[3]!;
}

test('SipHash agrees with its definition', () => {
  const key = fc.uint8Array({minLength: 16, maxLength: 16});
  checkProperty(
    fc.property(key, fc.uint8Array({maxLength: 600}), (k, message) => {
      equal(sipHash(k, message), plainSipHash(k, message));
    }),
    500,
  );
});

const HASH = new Uint8Array(32).fill(7);
const scriptsOf = (count: number, tag: number): Uint8Array[] =>
  Array.from({length: count}, (_, i) => Uint8Array.of(tag, i & 0xff, i >> 8, i >> 16));

test('a filter knows every script of its block and hardly any other', () => {
  checkProperty(
    fc.property(
      fc.uniqueArray(fc.uint8Array({minLength: 1, maxLength: 40}), {maxLength: 60, selector: (s) => encodeHex(s)}),
      fc.uint8Array({minLength: 32, maxLength: 32}),
      (scripts, hash) => {
        const filter = encodeFilter(hash, scripts);
        for (const script of scripts) {
          equal(matchesFilter(filter, hash, [...scriptsOf(3, 1), script]), true);
        }
        equal(matchesFilter(filter, hash, []), false);
        deepEqual(encodeFilter(hash, [...scripts].reverse()), filter);
        for (let length = 0; length < filter.length; length++) {
          equal(
            acceptsOrRefuses(() => matchesFilter(filter.subarray(0, length), hash, [])),
            false,
            `cut to ${length}`,
          );
        }
        refuses(() => matchesFilter(concatBytes(filter, Uint8Array.of(0)), hash, []), 'trailing-bytes');
      },
    ),
    100,
  );
  const filter = encodeFilter(HASH, scriptsOf(1000, 1));
  const others = scriptsOf(4000, 2).filter((script) => matchesFilter(filter, HASH, [script]));
  // 4000 · 1000 / (1000 · 784,931) = 0.005 expected.
  equal(others.length <= 1, true, `${others.length} false positives`);
});

test('what is no part of a filter', () => {
  const output = (...script: number[]) => ({value: 1n, script: Uint8Array.from(script)});
  const transaction: Transaction = {
    version: 1,
    inputs: [],
    outputs: [output(), output(0x6a, 1, 2), output(0x51), output(0x51), output(0x51, 0x00, 0x00, 0x66)],
    lockTime: 0,
  };
  const scripts = filterScripts([transaction], [Uint8Array.of(0x51), Uint8Array.of(0x52), new Uint8Array(0)]);
  deepEqual(scripts.map(encodeHex), ['51', '51000066', '52']);
  deepEqual(encodeFilter(HASH, []), Uint8Array.of(0));
  equal(matchesFilter(Uint8Array.of(0), HASH, scripts), false);
});

test('bytes that are no filter', () => {
  const match = (bytes: Uint8Array) => () => matchesFilter(bytes, HASH, []);
  refuses(match(new Uint8Array(0)), 'truncated');
  refuses(match(decodeHex('fd0100')), 'varint-not-canonical');
  // More scripts than the bits can hold: nothing is allocated for them.
  refuses(match(concatBytes(encodeVarint(2 ** 32), new Uint8Array(100))), 'too-large');
  refuses(match(decodeHex('0100000001')), 'trailing-bytes');
  refuses(match(decodeHex('01000001')), 'trailing-bytes');
  // Two ones are 2^20, above the range of one script.
  refuses(match(decodeHex('01c00000')), 'too-large');
  refuses(match(concatBytes(Uint8Array.of(1), new Uint8Array(1000).fill(0xff))), 'truncated');
  refuses(match(new Uint8Array(MAX_FILTER_BYTES + 1)), 'too-large');
  checkProperty(
    fc.property(fc.nat(20), fc.uint8Array({maxLength: 80}), (count, bytes) => {
      acceptsOrRefuses(() => matchesFilter(concatBytes(Uint8Array.of(count), bytes), HASH, scriptsOf(5, 1)));
    }),
    2000,
  );
});
