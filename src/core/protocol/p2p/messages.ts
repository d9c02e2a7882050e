// Messages between nodes.   chain spec §2.8
//
// One table says for every command how its payload is read and written, and how long it may be.
import {BytesError, Reader, Writer} from '../../bytes/index.ts';
import {HEADER_BYTES, WireError} from '../../primitives/index.ts';
import {MessageError} from './errors.ts';

export const PROTOCOL_VERSION = 70013;
/** Peers below it are not talked to. */
export const MIN_PROTOCOL_VERSION = 209;

/** What a node offers, bits of `services`. */
export const SERVICE: Readonly<Record<'network' | 'bloom' | 'witness' | 'compactFilters', bigint>> = Object.freeze({
  network: 1n,
  bloom: 4n,
  witness: 8n,
  compactFilters: 64n,
});

/** Kinds of inventory; WITNESS_FLAG asks for the form with witnesses. */
export const INVENTORY: Readonly<Record<'tx' | 'block' | 'filteredBlock', number>> = Object.freeze({
  tx: 1,
  block: 2,
  filteredBlock: 3,
});
export const WITNESS_FLAG = 0x40000000;

const MIB = 2 ** 20;
export const MAX_PAYLOAD_BYTES: number = 32 * MIB;
const MAX_BLOCK_BYTES = 4_000_000;
const MAX_INVENTORY = 50_000;
const MAX_LOCATOR = 500;
const MAX_ADDRESSES = 1000;
const MAX_HEADERS = 2000;
const MAX_USER_AGENT = 256;
const MAX_FILTER_BYTES = 256 * 1024;
const MAX_REASON = 256;

/** Address as in version messages; `ip` 16 bytes, IPv4 mapped. */
export interface NetAddress {
  readonly services: bigint;
  readonly ip: Uint8Array;
  readonly port: number;
}

/** Address with the time it was last seen, seconds. */
export interface SeenAddress extends NetAddress {
  readonly time: number;
}

export interface InventoryItem {
  readonly type: number;
  readonly hash: Uint8Array;
}

export interface VersionPayload {
  readonly version: number;
  readonly services: bigint;
  readonly timestamp: bigint;
  readonly addrRecv: NetAddress;
  readonly addrFrom: NetAddress;
  readonly nonce: bigint;
  readonly userAgent: string;
  readonly startHeight: number;
  readonly relay: boolean;
}

export interface LocatorPayload {
  readonly version: number;
  /** Hashes of blocks the sender has, newest first. */
  readonly locator: readonly Uint8Array[];
  readonly stop: Uint8Array;
}

export interface RejectPayload {
  readonly message: string;
  readonly code: number;
  readonly reason: string;
  /** For blocks and transactions. */
  readonly hash: Uint8Array | undefined;
}

export interface FilterRequest {
  readonly filterType: number;
  readonly startHeight: number;
  readonly stop: Uint8Array;
}

/** Payloads by command. Blocks and transactions stay bytes here: their own codecs decide what they are. */
export interface Payloads {
  version: VersionPayload;
  verack: undefined;
  ping: {readonly nonce: bigint};
  pong: {readonly nonce: bigint};
  addr: readonly SeenAddress[];
  getaddr: undefined;
  inv: readonly InventoryItem[];
  getdata: readonly InventoryItem[];
  notfound: readonly InventoryItem[];
  getblocks: LocatorPayload;
  getheaders: LocatorPayload;
  /** 80 bytes each. */
  headers: readonly Uint8Array[];
  block: Uint8Array;
  tx: Uint8Array;
  mempool: undefined;
  sendheaders: undefined;
  feefilter: {readonly unitsPerKb: bigint};
  reject: RejectPayload;
  getcfilters: FilterRequest;
  cfilter: {readonly filterType: number; readonly blockHash: Uint8Array; readonly filter: Uint8Array};
  getcfheaders: FilterRequest;
  cfheaders: {
    readonly filterType: number;
    readonly stop: Uint8Array;
    readonly previous: Uint8Array;
    readonly hashes: readonly Uint8Array[];
  };
  getcfcheckpt: {readonly filterType: number; readonly stop: Uint8Array};
  cfcheckpt: {readonly filterType: number; readonly stop: Uint8Array; readonly headers: readonly Uint8Array[]};
}

export type Command = keyof Payloads;

/** A message whose command is known. */
export type Message = {[Name in Command]: {readonly command: Name; readonly payload: Payloads[Name]}}[Command];

interface Codec<Payload> {
  readonly maxBytes: number;
  readonly read: (reader: Reader) => Payload;
  readonly write: (writer: Writer, payload: Payload) => void;
}

function count(reader: Reader, max: number, bytesEach: number): number {
  const number = reader.varint();
  if (number > BigInt(max)) throw new MessageError('too-many', {count: number, max});
  // Nothing is allocated for entries that are not there.
  if (number * BigInt(bytesEach) > BigInt(reader.remaining)) throw new MessageError('malformed', {count: number});
  return Number(number);
}

function readMany<Item>(reader: Reader, max: number, bytesEach: number, read: () => Item): Item[] {
  return Array.from({length: count(reader, max, bytesEach)}, read);
}

function readText(reader: Reader, max: number): string {
  const bytes = reader.view(count(reader, max, 1));
  return String.fromCharCode(...bytes);
}

function writeText(writer: Writer, text: string): void {
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0) & 0xff);
  writer.varint(bytes.length).bytes(bytes);
}

function readAddress(reader: Reader): NetAddress {
  const services = reader.u64();
  const ip = reader.bytes(16);
  const port = reader.view(2);
  return {services, ip, port: port[0]! * 256 + port[1]!};
}

function writeAddress(writer: Writer, {services, ip, port}: NetAddress): void {
  writer
    .u64(services)
    .bytes(ip)
    .u8(port >> 8)
    .u8(port & 0xff);
}

const EMPTY: Codec<undefined> = {maxBytes: 0, read: () => undefined, write: () => {}};

const NONCE: Codec<{readonly nonce: bigint}> = {
  maxBytes: 8,
  read: (reader) => ({nonce: reader.u64()}),
  write: (writer, {nonce}) => writer.u64(nonce),
};

const INVENTORY_LIST: Codec<readonly InventoryItem[]> = {
  maxBytes: 3 + 36 * MAX_INVENTORY,
  read: (reader) => readMany(reader, MAX_INVENTORY, 36, () => ({type: reader.u32(), hash: reader.bytes(32)})),
  write: (writer, items) => {
    writer.varint(items.length);
    for (const {type, hash} of items) writer.u32(type).bytes(hash);
  },
};

const LOCATOR: Codec<LocatorPayload> = {
  maxBytes: 4 + 3 + 32 * MAX_LOCATOR + 32,
  read: (reader) => ({
    version: reader.u32(),
    locator: readMany(reader, MAX_LOCATOR, 32, () => reader.bytes(32)),
    stop: reader.bytes(32),
  }),
  write: (writer, {version, locator, stop}) => {
    writer.u32(version).varint(locator.length);
    for (const hash of locator) writer.bytes(hash);
    writer.bytes(stop);
  },
};

function rest(maxBytes: number): Codec<Uint8Array> {
  return {
    maxBytes,
    read: (reader) => reader.bytes(reader.remaining),
    write: (writer, bytes) => writer.bytes(bytes),
  };
}

const FILTER_REQUEST: Codec<FilterRequest> = {
  maxBytes: 37,
  read: (reader) => ({filterType: reader.u8(), startHeight: reader.u32(), stop: reader.bytes(32)}),
  write: (writer, {filterType, startHeight, stop}) => writer.u8(filterType).u32(startHeight).bytes(stop),
};

function writeHashes(writer: Writer, hashes: readonly Uint8Array[]): void {
  writer.varint(hashes.length);
  for (const hash of hashes) writer.bytes(hash);
}

const CODECS: {readonly [Name in Command]: Codec<Payloads[Name]>} = {
  version: {
    maxBytes: 85 + 3 + MAX_USER_AGENT,
    read: (reader) => ({
      version: reader.u32() | 0,
      services: reader.u64(),
      timestamp: BigInt.asIntN(64, reader.u64()),
      addrRecv: readAddress(reader),
      addrFrom: readAddress(reader),
      nonce: reader.u64(),
      userAgent: readText(reader, MAX_USER_AGENT),
      startHeight: reader.u32() | 0,
      // Old peers leave the last byte out, which means yes.
      relay: reader.remaining === 0 || reader.u8() !== 0,
    }),
    write: (writer, payload) => {
      writer
        .u32(payload.version >>> 0)
        .u64(payload.services)
        .u64(BigInt.asUintN(64, payload.timestamp));
      writeAddress(writer, payload.addrRecv);
      writeAddress(writer, payload.addrFrom);
      writer.u64(payload.nonce);
      writeText(writer, payload.userAgent);
      writer.u32(payload.startHeight >>> 0).u8(payload.relay ? 1 : 0);
    },
  },
  verack: EMPTY,
  ping: NONCE,
  pong: NONCE,
  addr: {
    maxBytes: 3 + 30 * MAX_ADDRESSES,
    read: (reader) => readMany(reader, MAX_ADDRESSES, 30, () => ({time: reader.u32(), ...readAddress(reader)})),
    write: (writer, addresses) => {
      writer.varint(addresses.length);
      for (const address of addresses) {
        writer.u32(address.time);
        writeAddress(writer, address);
      }
    },
  },
  getaddr: EMPTY,
  inv: INVENTORY_LIST,
  getdata: INVENTORY_LIST,
  notfound: INVENTORY_LIST,
  getblocks: LOCATOR,
  getheaders: LOCATOR,
  headers: {
    maxBytes: 3 + (HEADER_BYTES + 1) * MAX_HEADERS,
    read: (reader) =>
      readMany(reader, MAX_HEADERS, HEADER_BYTES + 1, () => {
        const header = reader.bytes(HEADER_BYTES);
        const transactions = reader.u8();
        if (transactions !== 0) throw new MessageError('malformed', {transactions});
        return header;
      }),
    write: (writer, headers) => {
      writer.varint(headers.length);
      for (const header of headers) writer.bytes(header).u8(0);
    },
  },
  block: rest(MAX_BLOCK_BYTES),
  tx: rest(MAX_BLOCK_BYTES),
  mempool: EMPTY,
  sendheaders: EMPTY,
  feefilter: {
    maxBytes: 8,
    read: (reader) => ({unitsPerKb: BigInt.asIntN(64, reader.u64())}),
    write: (writer, {unitsPerKb}) => writer.u64(BigInt.asUintN(64, unitsPerKb)),
  },
  reject: {
    maxBytes: 3 * (MAX_REASON + 3) + 33,
    read: (reader) => ({
      message: readText(reader, MAX_REASON),
      code: reader.u8(),
      reason: readText(reader, MAX_REASON),
      hash: reader.remaining === 0 ? undefined : reader.bytes(32),
    }),
    write: (writer, {message, code, reason, hash}) => {
      writeText(writer, message);
      writer.u8(code);
      writeText(writer, reason);
      if (hash !== undefined) writer.bytes(hash);
    },
  },
  getcfilters: FILTER_REQUEST,
  cfilter: {
    maxBytes: 33 + 5 + MAX_FILTER_BYTES,
    read: (reader) => ({
      filterType: reader.u8(),
      blockHash: reader.bytes(32),
      filter: reader.bytes(count(reader, MAX_FILTER_BYTES, 1)),
    }),
    write: (writer, {filterType, blockHash, filter}) => {
      writer.u8(filterType).bytes(blockHash).varint(filter.length).bytes(filter);
    },
  },
  getcfheaders: FILTER_REQUEST,
  cfheaders: {
    maxBytes: 65 + 3 + 32 * MAX_HEADERS,
    read: (reader) => ({
      filterType: reader.u8(),
      stop: reader.bytes(32),
      previous: reader.bytes(32),
      hashes: readMany(reader, MAX_HEADERS, 32, () => reader.bytes(32)),
    }),
    write: (writer, {filterType, stop, previous, hashes}) => {
      writer.u8(filterType).bytes(stop).bytes(previous);
      writeHashes(writer, hashes);
    },
  },
  getcfcheckpt: {
    maxBytes: 33,
    read: (reader) => ({filterType: reader.u8(), stop: reader.bytes(32)}),
    write: (writer, {filterType, stop}) => writer.u8(filterType).bytes(stop),
  },
  cfcheckpt: {
    maxBytes: 33 + 5 + 32 * 100_000,
    read: (reader) => ({
      filterType: reader.u8(),
      stop: reader.bytes(32),
      headers: readMany(reader, 100_000, 32, () => reader.bytes(32)),
    }),
    write: (writer, {filterType, stop, headers}) => {
      writer.u8(filterType).bytes(stop);
      writeHashes(writer, headers);
    },
  },
};

export const COMMANDS: readonly Command[] = Object.freeze(Object.keys(CODECS) as Command[]);

export function isCommand(text: string): text is Command {
  return Object.hasOwn(CODECS, text);
}

/** The longest payload of a command; for unknown ones what any message may have. */
export function maxPayload(command: string): number {
  return isCommand(command) ? CODECS[command].maxBytes : MAX_PAYLOAD_BYTES;
}

/** Decodes a payload. Throws MessageError; every byte must be used. */
export function decodePayload<Name extends Command>(command: Name, bytes: Uint8Array): Payloads[Name] {
  const {maxBytes, read} = CODECS[command];
  if (bytes.length > maxBytes) throw new MessageError('payload-too-long', {command, length: bytes.length, maxBytes});
  try {
    const reader = new Reader(bytes);
    const payload = read(reader);
    reader.end();
    return payload;
  } catch (error) {
    if (error instanceof BytesError || error instanceof WireError) {
      throw new MessageError('malformed', {command, reason: error.code}, error);
    }
    throw error;
  }
}

export function encodePayload<Name extends Command>(command: Name, payload: Payloads[Name]): Uint8Array {
  const writer = new Writer();
  CODECS[command].write(writer, payload);
  return writer.finish();
}
