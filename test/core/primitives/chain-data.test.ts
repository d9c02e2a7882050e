import {deepEqual, equal} from 'node:assert/strict';
import {test} from 'node:test';
import {decodeHex, encodeHex} from '../../../src/core/bytes/index.ts';
import {
  blockHash,
  blockSize,
  decodeBlock,
  decodeHeader,
  decodeTransaction,
  encodeBlock,
  encodeHeader,
  encodeTransaction,
  isCoinbase,
  merkleRoot,
  transactionId,
} from '../../../src/core/primitives/index.ts';
import {acceptsOrRefuses, refuses} from '../../support/refusal.ts';
import {readVectors} from '../../support/vectors.ts';

interface Params {
  networks: Record<string, {genesis: {hash: string; blockHex: string; coinbaseTxid: string}}>;
}

/** Hashes are shown reversed. */
function shown(hash: Uint8Array): string {
  return encodeHex(hash.slice().reverse());
}

for (const name of ['pkt', 'pktreg (ours)']) {
  test(`the genesis block of ${name}`, () => {
    const {genesis} = readVectors<Params>('chain-params').networks[name]!;
    const bytes = decodeHex(genesis.blockHex);
    const block = decodeBlock(bytes);
    equal(shown(blockHash(block.header)), genesis.hash);
    const [coinbase] = block.transactions;
    equal(block.transactions.length, 1);
    equal(isCoinbase(coinbase!), true);
    equal(shown(transactionId(coinbase!)), genesis.coinbaseTxid);
    deepEqual(merkleRoot([transactionId(coinbase!)]), block.header.merkleRoot);
    deepEqual(encodeBlock(block), bytes);
    deepEqual(blockSize(block), {total: bytes.length, stripped: bytes.length, weight: 4 * bytes.length});
  });
}

test('headers of the main network', () => {
  const {headers} = readVectors<{headers: {headerHex: string; hash: string; time: number; nonce: number}[]}>(
    'headers-mainnet',
  );
  equal(headers.length, 8);
  for (const vector of headers) {
    const bytes = decodeHex(vector.headerHex);
    const header = decodeHeader(bytes);
    equal(shown(blockHash(header)), vector.hash);
    equal(header.time, vector.time);
    equal(header.nonce, vector.nonce);
    deepEqual(encodeHeader(header), bytes);
  }
});

/** Blocks of the scenarios that no node can decode. */
const UNDECODABLE: Readonly<Record<string, string>> = {
  'transaction without inputs': 'too-large',
  'transaction whose version bytes spell EPTF': 'partial-transaction',
};

test('every block of the scenarios survives decoding and encoding', () => {
  interface Step {
    name: string;
    header: string;
    transactions: string;
    hash: string;
  }
  const {scenarios, fillerProof} = readVectors<{
    scenarios: {steps: Step[]}[];
    fillerProof: {hexPrefix: string; zeroBytes: number; hexSuffix: string};
  }>('chain-scenarios');
  const filler = fillerProof.hexPrefix + '00'.repeat(fillerProof.zeroBytes) + fillerProof.hexSuffix;
  let blocks = 0;
  for (const {steps} of scenarios) {
    for (const step of steps) {
      blocks++;
      const bytes = decodeHex(step.header + filler + step.transactions);
      const refused = UNDECODABLE[step.name];
      if (refused !== undefined) {
        refuses(() => decodeBlock(bytes), refused);
        continue;
      }
      const block = decodeBlock(bytes);
      equal(shown(blockHash(block.header)), step.hash);
      deepEqual(encodeBlock(block), bytes);
    }
  }
  equal(blocks, 267);
});

test('every truncation and one byte more is refused', () => {
  const {genesis} = readVectors<Params>('chain-params').networks['pkt']!;
  const bytes = decodeHex(genesis.blockHex);
  for (let length = 0; length < bytes.length; length += 7) {
    const part = bytes.slice(0, length);
    equal(
      acceptsOrRefuses(() => decodeBlock(part)),
      false,
    );
  }
  refuses(() => decodeBlock(Uint8Array.of(...bytes, 0)), 'trailing-bytes');
  const coinbase = encodeTransaction(decodeBlock(bytes).transactions[0]!);
  for (let length = 0; length < coinbase.length; length++) {
    equal(
      acceptsOrRefuses(() => decodeTransaction(coinbase.slice(0, length))),
      false,
    );
  }
});

test('a partial transaction, an empty witness and a wrong flag are refused', () => {
  const input = `${'11'.repeat(32)}00000000` + '00' + 'ffffffff';
  const output = '0100000000000000' + '00';
  const withWitness = (flag: string, witness: string): Uint8Array =>
    decodeHex(`0200000000${flag}01${input}01${output}${witness}00000000`);
  deepEqual(encodeTransaction(decodeTransaction(withWitness('01', '010151'))), withWitness('01', '010151'));
  refuses(() => decodeTransaction(withWitness('01', '00')), 'witness-empty');
  refuses(() => decodeTransaction(withWitness('02', '010151')), 'bad-witness-flag');
  refuses(() => decodeTransaction(decodeHex(`4550544601${input}01${output}00000000`)), 'partial-transaction');
});
