import {deepEqual, equal, throws} from 'node:assert/strict';
import {test} from 'node:test';
import {encodeHex} from '../../../src/core/bytes/index.ts';
import {createPktreg, NETWORKS, PKT, PKTREG, PKTTEST} from '../../../src/core/params/index.ts';
import {blockHash, decodeBlock} from '../../../src/core/primitives/index.ts';
import {readVectors} from '../../support/vectors.ts';

interface Vector {
  magic: number;
  ports: {p2p: number; nodeRpc: number; walletRpc: number};
  consensus: Record<string, unknown>;
  addresses: Record<string, unknown>;
  relayNonStandard: boolean;
  packetCryptSchedule?: Record<string, number>;
  genesis: {hash: string; blockHex: string};
  checkpoints: Record<string, [number, string][]>;
}

const vectors = readVectors<{networks: Record<string, Vector>}>('chain-params').networks;

for (const [network, key] of [
  [PKT, 'pkt'],
  [PKTTEST, 'pkttest'],
  [PKTREG, 'pktreg (ours)'],
] as const) {
  test(`constants of ${network.name}`, () => {
    const vector = vectors[key]!;
    equal(network.magic, vector.magic);
    deepEqual([network.p2pPort, network.rpcPort, network.walletPort], Object.values(vector.ports));
    const {consensus, addresses} = vector;
    equal(encodeHex(network.money.initialSteward), consensus['initialNetworkStewardScript']);
    equal(network.money.subsidyPeriod, consensus['subsidyPeriodBlocks']);
    equal(network.money.coinbaseMaturity, consensus['coinbaseMaturity']);
    equal(network.money.stewardExpiry, consensus['stewardExpiryBlocks']);
    equal(network.difficulty.limitBits, Number.parseInt(consensus['powLimitBits'] as string, 16));
    equal(network.difficulty.medianTimeBlocks, consensus['medianTimeBlocks']);
    equal(network.difficulty.maxFutureSeconds, consensus['maxFutureSeconds']);
    equal(network.difficulty.retargetSeconds, consensus['targetTimespanSeconds']);
    equal(network.difficulty.minimumDifficultyAfterSeconds, consensus['minDifficultyAfterSeconds']);
    equal(network.addresses.bech32Prefix, addresses['bech32Hrp']);
    equal(network.addresses.p2pkh, addresses['p2pkh']);
    equal(network.addresses.p2sh, addresses['p2sh']);
    equal(network.addresses.wif, addresses['wif']);
    equal(network.addresses.bip32Private, Number.parseInt(addresses['bip32Private'] as string, 16));
    equal(network.addresses.bip32Public, Number.parseInt(addresses['bip32Public'] as string, 16));
    equal(network.addresses.coinType, addresses['slip44CoinType']);
    equal(network.relayNonStandard, vector.relayNonStandard);
    const schedule = vector.packetCryptSchedule ?? vectors['pkt']!.packetCryptSchedule!;
    equal(network.proof.firstVersion1Parent, schedule['announcementVersion1From']);
    equal(network.proof.firstVersion2Height, schedule['proofVersion2AllowedFrom']);
    equal(network.proof.lastVersion1Height, schedule['proofVersionBelow2RefusedAbove']);
  });
}

test('genesis blocks', () => {
  for (const [network, key] of [
    [PKT, 'pkt'],
    [PKTTEST, 'pkt'],
    [PKTREG, 'pktreg (ours)'],
  ] as const) {
    const {genesis} = vectors[key]!;
    equal(encodeHex(network.genesis), genesis.blockHex);
    equal(encodeHex(blockHash(decodeBlock(network.genesis).header).reverse()), genesis.hash);
  }
});

test('both lists of checkpoints', () => {
  const shown = new Map(PKT.checkpoints.map(({height, hash}) => [height, encodeHex(hash.slice().reverse())]));
  for (const list of Object.values(vectors['pkt']!.checkpoints)) {
    for (const [height, hash] of list) equal(shown.get(height), hash);
  }
  equal(PKT.checkpoints.at(-1)!.height, 2260992);
  const heights = PKT.checkpoints.map(({height}) => height);
  deepEqual(
    heights,
    [...heights].sort((a, b) => a - b),
  );
});

test('networks cannot be changed', () => {
  for (const network of NETWORKS) {
    throws(() => Object.assign(network, {magic: 1}), TypeError);
    throws(() => Object.assign(network.money, {coinbaseMaturity: 1}), TypeError);
  }
  equal(createPktreg({money: {coinbaseMaturity: 3}}).money.coinbaseMaturity, 3);
  equal(PKTREG.money.coinbaseMaturity, 100);
});
