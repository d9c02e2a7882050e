import {decodeHex} from '../../src/core/bytes/index.ts';
import {type Command, decodePayload, type NetAddress, type Payloads} from '../../src/core/protocol/p2p/index.ts';
import {readVectors} from './vectors.ts';

const vectors = readVectors<{versionPayload: {hex: string}}>('p2p');
const hash = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const address: NetAddress = {services: 0x4dn, ip: decodeHex('00000000000000000000ffff7f000001'), port: 55138};

/** A payload of every command. */
export const MESSAGE_SAMPLES: {readonly [Name in Command]: Payloads[Name]} = {
  version: decodePayload('version', decodeHex(vectors.versionPayload.hex)),
  verack: undefined,
  ping: {nonce: 2n ** 64n - 1n},
  pong: {nonce: 0n},
  addr: [{time: 1_600_000_000, ...address}],
  getaddr: undefined,
  inv: [{type: 2, hash: hash(1)}],
  getdata: [
    {type: 0x40000002, hash: hash(1)},
    {type: 1, hash: hash(2)},
  ],
  notfound: [],
  getblocks: {version: 70013, locator: [hash(3), hash(4)], stop: hash(0)},
  getheaders: {version: 0, locator: [hash(3)], stop: hash(5)},
  headers: [new Uint8Array(80).fill(7)],
  block: Uint8Array.of(1, 2, 3),
  tx: Uint8Array.of(4),
  mempool: undefined,
  sendheaders: undefined,
  feefilter: {unitsPerKb: 1000n},
  reject: {message: 'block', code: 0x10, reason: 'bad', hash: hash(6)},
  getcfilters: {filterType: 0, startHeight: 10, stop: hash(7)},
  cfilter: {filterType: 0, blockHash: hash(8), filter: Uint8Array.of(1, 0x90)},
  getcfheaders: {filterType: 0, startHeight: 0, stop: hash(9)},
  cfheaders: {filterType: 0, stop: hash(1), previous: hash(2), hashes: [hash(3)]},
  getcfcheckpt: {filterType: 0, stop: hash(1)},
  cfcheckpt: {filterType: 0, stop: hash(1), headers: [hash(2), hash(3)]},
};
