import {deepEqual, equal, throws} from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {concatBytes, decodeHex, encodeHex} from '../../../src/core/bytes/index.ts';
import {PKT} from '../../../src/core/params/index.ts';
import {
  COMMANDS,
  decodePayload,
  encodeFrame,
  encodeMessage,
  encodePayload,
  type Frame,
  FrameReader,
  MessageError,
  maxPayload,
} from '../../../src/core/protocol/p2p/index.ts';
import {MESSAGE_SAMPLES} from '../../support/message-samples.ts';
import {acceptsOrRefuses, refuses} from '../../support/refusal.ts';
import {readVectors} from '../../support/vectors.ts';

const vectors = readVectors<{
  versionPayload: {hex: string; fields: {nonce: string; userAgent: string; timestamp: number}};
  emptyMessages: {verack: string};
  getheadersAfterVerack: {prefixHex: string};
}>('p2p');

const hash = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

test('the version message of an existing node', () => {
  const {hex, fields} = vectors.versionPayload;
  const payload = decodePayload('version', decodeHex(hex));
  equal(payload.version, 70013);
  equal(payload.services, 0x4dn);
  equal(payload.timestamp, BigInt(fields.timestamp));
  equal(payload.userAgent, fields.userAgent);
  equal(payload.nonce.toString(16), BigInt(`0x${encodeHex(decodeHex(fields.nonce).reverse())}`).toString(16));
  equal(payload.addrRecv.port, 55138);
  equal(payload.relay, true);
  equal(encodeHex(encodePayload('version', payload)), hex);
  equal(decodePayload('version', decodeHex(hex).slice(0, -1)).relay, true);
});

test('verack and getheaders as existing nodes send them', () => {
  equal(encodeHex(encodeMessage(PKT.magic, 'verack', undefined)), vectors.emptyMessages.verack);
  const bytes = concatBytes(decodeHex(vectors.getheadersAfterVerack.prefixHex), hash(1));
  const {version, locator} = decodePayload('getheaders', bytes);
  equal(version, 0);
  equal(locator.length, 1);
});

test('every command goes there and back; truncated and longer payloads are refused', () => {
  equal(COMMANDS.length, Object.keys(MESSAGE_SAMPLES).length);
  for (const command of COMMANDS) {
    const bytes = encodePayload(command, MESSAGE_SAMPLES[command]);
    deepEqual(decodePayload(command, bytes), MESSAGE_SAMPLES[command], command);
    equal(bytes.length <= maxPayload(command), true);
    if (command === 'block' || command === 'tx') continue;
    for (let length = 0; length < bytes.length; length++) {
      // Only these have optional ends.
      if (command === 'version' && length === bytes.length - 1) continue;
      if (command === 'reject' && length === bytes.length - 32) continue;
      refuses(() => decodePayload(command, bytes.slice(0, length)), 'malformed', `${command} cut to ${length}`);
    }
    throws(() => decodePayload(command, concatBytes(bytes, Uint8Array.of(0))), MessageError, command);
  }
});

test('counts are bounded before anything is allocated', () => {
  refuses(() => decodePayload('inv', decodeHex('fd51c3')), 'too-many');
  refuses(() => decodePayload('inv', decodeHex('fd50c3')), 'malformed');
  refuses(() => decodePayload('headers', decodeHex('fdd107')), 'too-many');
  refuses(
    () => decodePayload('headers', concatBytes(Uint8Array.of(1), new Uint8Array(80), Uint8Array.of(1))),
    'malformed',
  );
  refuses(() => decodePayload('ping', new Uint8Array(9)), 'payload-too-long');
});

function readAll(reader: FrameReader, bytes: Uint8Array, sizes: readonly number[]): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length]!;
    frames.push(...reader.push(bytes.subarray(at, at + size)));
    at += size;
  }
  return frames;
}

test('frames come out whole however the stream is cut', () => {
  const stream = concatBytes(
    encodeMessage(PKT.magic, 'ping', {nonce: 5n}),
    encodeFrame(PKT.magic, 'sendcmpct', new Uint8Array(9)),
    encodeMessage(PKT.magic, 'verack', undefined),
    encodeMessage(PKT.magic, 'inv', MESSAGE_SAMPLES.inv),
  );
  for (const sizes of [[1], [stream.length], [7, 1, 30], [24, 1]]) {
    const frames = readAll(new FrameReader(PKT.magic), stream, sizes);
    deepEqual(
      frames.map(({command}) => command),
      ['ping', 'sendcmpct', 'verack', 'inv'],
    );
    equal(frames[1]!.payload.length, 0);
    deepEqual(decodePayload('inv', frames[3]!.payload), MESSAGE_SAMPLES.inv);
  }
});

test('frames that are none', () => {
  const good = encodeMessage(PKT.magic, 'ping', {nonce: 5n});
  const change = (at: number, ...bytes: number[]): Uint8Array => {
    const changed = good.slice();
    changed.set(bytes, at);
    return changed;
  };
  const push = (bytes: Uint8Array) => () => new FrameReader(PKT.magic).push(bytes);
  refuses(push(change(0, 0)), 'wrong-magic');
  refuses(push(change(20, 0, 0, 0, 0)), 'wrong-checksum');
  refuses(push(change(16, 9)), 'payload-too-long');
  refuses(push(change(4, 0)), 'bad-command');
  refuses(push(change(10, 65)), 'bad-command');
  const unknown = encodeFrame(PKT.magic, 'unknown', new Uint8Array(0));
  unknown.set([1, 0, 0, 2], 16);
  refuses(push(unknown), 'payload-too-long');
});

test('no bytes whatever bring an uncoded error', () => {
  const command = fc.constantFrom(...COMMANDS);
  fc.assert(
    fc.property(command, fc.uint8Array({maxLength: 300}), (name, bytes) => {
      acceptsOrRefuses(() => decodePayload(name, bytes));
    }),
    {numRuns: 5000},
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(400), fc.nat(255)), {maxLength: 6}), fc.nat(60), (changes, size) => {
      const stream = concatBytes(...COMMANDS.map((name) => encodeMessage(PKT.magic, name, MESSAGE_SAMPLES[name])));
      for (const [at, value] of changes) stream[at] = value;
      acceptsOrRefuses(() => readAll(new FrameReader(PKT.magic), stream, [size + 1]));
    }),
    {numRuns: 500},
  );
});
