import {deepEqual, equal, ok, throws} from 'node:assert/strict';
import {test} from 'node:test';
import {bech32, bech32m} from '@scure/base';
import fc from 'fast-check';
import {concatBytes, decodeHex, encodeHex} from '../../../src/core/bytes/index.ts';
import {
  ADDRESS_ERRORS,
  AddressError,
  type AddressErrorCode,
  classifyScript,
  decodeAddress,
  decodeAnyAddress,
  encodeAddress,
  encodeWif,
  withoutVotes,
} from '../../../src/core/consensus/index.ts';
import {hash160, secp256k1PublicKey} from '../../../src/core/crypto/index.ts';
import {NETWORKS, type Network, PKT, PKTREG, PKTTEST} from '../../../src/core/params/index.ts';
import {checkProperty} from '../../support/property.ts';
import {acceptsOrRefuses, refuses} from '../../support/refusal.ts';
import {readVectors} from '../../support/vectors.ts';

const vectors = readVectors<{
  addresses: {address: string; network: string; script: string; type: string}[];
  decode: {cases: {input: string; error?: string; encoded?: string; script?: string; isForPktMainnet?: boolean}[]};
  wif: {
    network: string;
    publicKey: string;
    p2pkh: string;
    p2wpkh: string;
    privateKey: string;
    compressed: boolean;
    wif: string;
  }[];
}>('addresses');

/** Networks of Bitcoin that the reference carries as well and this project does not. */
const LEFT_OUT = ['mainnet', 'testnet3', 'regtest', 'simnet'];

test('addresses of our networks, both ways; those of Bitcoin are refused where they can be told apart', () => {
  let ours = 0;
  for (const {address, network, script} of vectors.addresses) {
    const own = NETWORKS.find(({name}) => name === network);
    if (own === undefined) {
      equal(LEFT_OUT.includes(network), true, network);
      throws(() => decodeAddress(address, PKT.addresses), AddressError, address);
      continue;
    }
    ours++;
    equal(encodeHex(decodeAddress(address, own.addresses)), script, address);
    equal(encodeAddress(decodeHex(script), own.addresses), address);
  }
  equal(ours, 48);
});

test('keys and their addresses', () => {
  equal(vectors.wif.length, 16);
  for (const {network, publicKey, p2pkh, p2wpkh} of vectors.wif) {
    const {addresses} = NETWORKS.find(({name}) => name === network)!;
    const key = decodeHex(publicKey);
    const script = decodeAddress(publicKey, addresses);
    equal(encodeHex(script), encodeHex(concatBytes(Uint8Array.of(key.length), key, Uint8Array.of(0xac))));
    equal(encodeAddress(script, addresses), p2pkh);
    // Only short keys have witness addresses.
    if (key.length === 33) {
      equal(encodeAddress(concatBytes(Uint8Array.of(0, 20), hash160(key)), addresses), p2wpkh);
    }
  }
});

test('texts as the reference reads them', () => {
  equal(vectors.decode.cases.length, 15);
  for (const {input, error, encoded, script, isForPktMainnet} of vectors.decode.cases) {
    if (error !== undefined) {
      throws(() => decodeAnyAddress(input, PKT.addresses), AddressError, input);
      continue;
    }
    const decoded = decodeAnyAddress(input, PKT.addresses);
    equal(encodeHex(decoded.script), script, input);
    equal(decoded.isOwn, isForPktMainnet, input);
    if (decoded.isOwn) equal(encodeAddress(decoded.script, PKT.addresses), encoded);
  }
});

const KEY = '0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798';
const KEY_ADDRESS = 'pGDqkrmKSB5Gq2W85s5cZXG2m8avFNfHfM';
const words = (bytes: number, version = 0): number[] => [version, ...bech32.toWords(new Uint8Array(bytes))];

const REFUSED: Readonly<Record<AddressErrorCode, readonly string[]>> = {
  'unknown-format': ['', ' p5YaChsi57DWgiK8s5yHjfr3e29NBSr2Lr', '0OIl', 'a'.repeat(1_000_000), KEY.slice(1)],
  'bad-base64': ['script:!!', 'script:U', 'script:UQ', 'script: UQ=='],
  'mixed-case': ['Pkt1q6hqsqhqdgqfd8t3xwgceulu7k9d9w5t2amath0qxyfjlvl3s3u4sjza2g2'],
  'bad-bech32': [
    'pkt1q6hqsqhqdgqfd8t3xwgceulu7k9d9w5t2amath0qxyfjlvl3s3u4sjza2g3',
    'pkt1',
    'pkt1b',
    bech32m.encode('pkt', words(32)),
  ],
  'bad-witness-program': [
    bech32.encode('pkt', words(32, 1)),
    bech32.encode('pkt', words(21)),
    bech32.encode('pkt', []),
    // The four bits behind 32 bytes must be zero.
    bech32.encode('pkt', [...words(32).slice(0, -1), 1]),
  ],
  'bad-public-key': ['ff'.repeat(33), '00'.repeat(65), `02${'ff'.repeat(32)}`, `05${'00'.repeat(64)}`],
  'bad-checksum': ['p', '111', 'p5YaChsi57DWgiK8s5yHjfr3e29NBSr2Ls'],
  'unknown-version': ['1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa', 'mfWxJ45yp2SFn7UciZyNpvDKrzbhyfKrY8'],
  'other-network': ['bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4', bech32.encode('tpk', words(20))],
};

test('every refusal has its code', () => {
  deepEqual(Object.keys(REFUSED).sort(), Object.keys(ADDRESS_ERRORS).sort());
  for (const [code, texts] of Object.entries(REFUSED)) {
    for (const text of texts) {
      refuses(() => decodeAddress(text, PKT.addresses), code, `${code}: ${text.slice(0, 80)}`);
    }
  }
});

test('public keys of all forms', () => {
  const x = KEY.slice(2);
  const y = '483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8';
  for (const first of ['04', '06']) equal(decodeAddress(`${first}${x}${y}`, PKT.addresses).length, 67);
  refuses(() => decodeAddress(`07${x}${y}`, PKT.addresses), 'bad-public-key');
  equal(encodeAddress(decodeHex(`21${KEY}ac`), PKT.addresses), KEY_ADDRESS);
});

test('class and address of scripts with and without votes', () => {
  const {cases} = readVectors<{cases: {script: string; class: string; address: string}[]}>('votes');
  equal(cases.length, 59);
  for (const vector of cases) {
    const script = decodeHex(vector.script);
    equal(classifyScript(script).name, vector.class, vector.script);
    equal(encodeAddress(script, PKT.addresses), vector.address, vector.script);
  }
});

test('multisig shows an address only for one key', () => {
  const address = (hex: string): string => encodeAddress(decodeHex(hex), PKT.addresses);
  const key = `21${KEY}`;
  equal(address(`51${key}51ae`), KEY_ADDRESS);
  for (const hex of [
    `51${key}${key}52ae`,
    `52${key}51ae`,
    `51${key}52ae`,
    `5121${'ff'.repeat(33)}51ae`,
    '5151ae',
    `21${'ff'.repeat(33)}ac`,
  ]) {
    equal(address(hex).startsWith('script:'), true, hex);
  }
  equal(classifyScript(decodeHex(`52${key}${key}52ae`)).name, 'multisig');
  equal(classifyScript(decodeHex(`21${'ff'.repeat(33)}ac`)).name, 'pubkey');
});

test('a vote does not change what a script pays to', () => {
  const vote = decodeHex(`160014${'aa'.repeat(20)}0066`);
  const plain = fc.oneof(
    fc.uint8Array({minLength: 20, maxLength: 20}).map((hash) => concatBytes(Uint8Array.of(0, 20), hash)),
    fc
      .uint8Array({minLength: 20, maxLength: 20})
      .map((h) => concatBytes(Uint8Array.of(0xa9, 20), h, Uint8Array.of(0x87))),
  );
  checkProperty(
    fc.property(plain, fc.nat(3), fc.constantFrom<Network>(PKT, PKTTEST, PKTREG), (script, votes, {addresses}) => {
      const voting = concatBytes(script, ...Array.from({length: votes}, () => vote));
      deepEqual(withoutVotes(voting), script);
      const text = encodeAddress(voting, addresses);
      deepEqual(decodeAddress(text, addresses), script);
      if (text.startsWith(addresses.bech32Prefix)) deepEqual(decodeAddress(text.toUpperCase(), addresses), script);
    }),
  );
});

test('any bytes have an address, and no text does worse than be refused', () => {
  checkProperty(
    fc.property(fc.uint8Array({maxLength: 300}), fc.string({maxLength: 100}), (script, text) => {
      const address = encodeAddress(script, PKT.addresses);
      const back = decodeAddress(address, PKT.addresses);
      equal(encodeAddress(back, PKT.addresses), address);
      if (address.startsWith('script:')) deepEqual(back, script);
      for (const start of ['', 'script:', 'pkt1', 'p'])
        acceptsOrRefuses(() => decodeAddress(start + text, PKT.addresses));
    }),
    1000,
  );
});

test('one wrong letter is noticed', () => {
  for (const text of [KEY_ADDRESS, 'pkt1qw508d6qejxtdg4y5r3zarvary0c5xw7ksmm0nj']) {
    equal(
      acceptsOrRefuses(() => decodeAddress(text, PKT.addresses)),
      true,
    );
    for (let at = 1; at < text.length; at++) {
      const wrong = `${text.slice(0, at)}${text[at] === 'q' ? 'z' : 'q'}${text.slice(at + 1)}`;
      throws(() => decodeAddress(wrong, PKT.addresses), AddressError, wrong);
    }
  }
});

test('private keys as text', () => {
  let seen = 0;
  for (const {network, privateKey, publicKey, compressed, wif} of vectors.wif) {
    const own = NETWORKS.find(({name}) => name === network);
    if (own === undefined || !compressed) continue;
    seen++;
    equal(encodeWif(decodeHex(privateKey), own.addresses), wif);
    equal(encodeHex(secp256k1PublicKey(decodeHex(privateKey))), publicKey);
  }
  ok(seen > 0);
  throws(() => encodeWif(new Uint8Array(31), PKT.addresses), RangeError);
});
