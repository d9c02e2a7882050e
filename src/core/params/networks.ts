import {concatBytes, decodeHex} from '../bytes/index.ts';
import {PKT_PROOF_RULES} from '../packetcrypt/index.ts';
import {CHECKPOINTS_PKT} from './checkpoints-pkt.ts';
import {GENESIS_PKT_HEX} from './genesis-pkt.ts';
import type {Checkpoint, DifficultyParams, MoneyParams, Network} from './network.ts';

function hex(text: string): Uint8Array {
  return decodeHex(text.replaceAll(/\s/g, ''));
}

function readCheckpoints(text: string): Checkpoint[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [height, hash] = line.split(' ');
      return Object.freeze({height: Number(height), hash: decodeHex(hash!).reverse()});
    });
}

/** Rules that pkt and pkttest share. */
const MONEY: MoneyParams = Object.freeze({
  subsidyPeriod: 144_000,
  coinbaseMaturity: 100,
  stewardExpiry: 129_600,
  initialSteward: hex('0020d5c1005c0d4012d3ae2672319e7f9eb15a57516aeefabbbc062265f67e308f2b'),
});

const DIFFICULTY: DifficultyParams = Object.freeze({
  limitBits: 0x1f0fffff,
  retargetBlocks: 2016,
  retargetSeconds: 120_960,
  retargetFactor: 4,
  medianTimeBlocks: 111,
  maxFutureSeconds: 720,
  lastMinimumDifficultyHeight: 50_000,
  minimumDifficultyAfterSeconds: 120,
});

const TEST_ADDRESSES = {
  p2pkh: 0x6f,
  p2sh: 0xc4,
  wif: 0xef,
  bip32Private: 0x04358394,
  bip32Public: 0x043587cf,
  coinType: 1,
};

const GENESIS_PKT = hex(GENESIS_PKT_HEX);

/** The main network. */
export const PKT: Network = Object.freeze({
  name: 'pkt',
  magic: 0x082f00fc,
  p2pPort: 64764,
  rpcPort: 64765,
  walletPort: 64763,
  dnsSeeds: Object.freeze(['seed.cjd.li', 'pktdseed.pkt.world', 'seed.pkt.pink', 'seed.pkt.ai', 'seed.anode.co']),
  genesis: GENESIS_PKT,
  addresses: Object.freeze({
    bech32Prefix: 'pkt',
    p2pkh: 0x75,
    p2sh: 0x38,
    wif: 0xe0,
    bip32Private: 0x6b863bed,
    bip32Public: 0x6b85c53f,
    coinType: 390,
  }),
  money: MONEY,
  difficulty: DIFFICULTY,
  proof: PKT_PROOF_RULES,
  checkpoints: Object.freeze(readCheckpoints(CHECKPOINTS_PKT)),
  relayNonStandard: false,
  currentSeconds: 86_400,
});

/** The public test network: the rules of pkt, with the minimum difficulty exception at every height. */
export const PKTTEST: Network = Object.freeze({
  name: 'pkttest',
  magic: 0x070911fc,
  p2pPort: 64512,
  rpcPort: 64513,
  walletPort: 64511,
  dnsSeeds: Object.freeze(['testseed.cjd.li', 'testseed.anode.co']),
  genesis: GENESIS_PKT,
  addresses: Object.freeze({bech32Prefix: 'tpk', ...TEST_ADDRESSES}),
  money: MONEY,
  difficulty: Object.freeze({...DIFFICULTY, lastMinimumDifficultyHeight: Number.MAX_SAFE_INTEGER}),
  proof: PKT_PROOF_RULES,
  checkpoints: Object.freeze([]),
  relayNonStandard: true,
  currentSeconds: 86_400,
});

/** Header, a well-formed proof section of zeros, one coinbase.   chain spec §1.7 */
const GENESIS_PKTREG = concatBytes(
  hex(`
    00000000000000000000000000000000000000000000000000000000000000000000000066a4c12d779a61d3ea7a9323ee8e
    b8791c9fccfec0ac95bfaa39579c4891dfa970615b5dffff7f2000000000
  `),
  hex('01fd0510'),
  new Uint8Array(4101),
  hex(`0000 01
    01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff0100ffffffff020000
    0080110400002200204ae81572f06e1b88fd5ced7a1a000945432e83e1551e6f721ee9c00b8cc33260000000000000000032
    6a3009f91102ffff0f20f935b3001ef51ba8f24921a404bc376a0c713274bd1cc68c2c57f66f5c0be7ca0010000000000000
    00000000
  `),
);

/** The private network of this project: the rules of pkt at the easiest difficulty, current proofs from the start. */
export const PKTREG: Network = Object.freeze({
  name: 'pktreg',
  magic: 0x0a1011fc,
  p2pPort: 64864,
  rpcPort: 64865,
  walletPort: 64863,
  dnsSeeds: Object.freeze([]),
  genesis: GENESIS_PKTREG,
  addresses: Object.freeze({bech32Prefix: 'pktr', ...TEST_ADDRESSES}),
  money: Object.freeze({
    ...MONEY,
    // P2WSH of OP_1: anyone can spend.
    initialSteward: hex('00204ae81572f06e1b88fd5ced7a1a000945432e83e1551e6f721ee9c00b8cc33260'),
  }),
  difficulty: Object.freeze({
    ...DIFFICULTY,
    limitBits: 0x207fffff,
    retargetBlocks: undefined,
    lastMinimumDifficultyHeight: 0,
  }),
  proof: Object.freeze({firstVersion1Parent: 0, firstVersion2Height: 1, lastVersion1Height: 0}),
  checkpoints: Object.freeze([]),
  relayNonStandard: true,
  currentSeconds: undefined,
});

export const NETWORKS: readonly Network[] = Object.freeze([PKT, PKTTEST, PKTREG]);

/** Settings of pktreg that tests shorten. */
export interface PktregOverrides {
  readonly money?: Partial<MoneyParams>;
  readonly difficulty?: Partial<DifficultyParams>;
}

/** pktreg with other periods, windows or a start difficulty; nodes with different ones do not agree on a chain. */
export function createPktreg({money, difficulty}: PktregOverrides): Network {
  return Object.freeze({
    ...PKTREG,
    money: Object.freeze({...PKTREG.money, ...money}),
    difficulty: Object.freeze({...PKTREG.difficulty, ...difficulty}),
  });
}
