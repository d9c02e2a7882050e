import {deepEqual, equal, throws} from 'node:assert/strict';
import {createHash} from 'node:crypto';
import {test} from 'node:test';
import {decodeHex, encodeHex, writeU32} from '../../../src/core/bytes/index.ts';
import {dsha256} from '../../../src/core/crypto/index.ts';
import {fillPlaceholder} from '../../../src/core/packetcrypt/index.ts';
import {
  announcementHandler,
  announcementHandlerByNonce,
  announcementPrefix,
  annTargetForWork,
  batchId,
  decodeSpray,
  decodeTemplateFile,
  decodeWork,
  encodeSubscription,
  encodeTemplateFile,
  encodeUnit,
  encodeUnits,
  encodeWork,
  hasNoContent,
  isReservedPrefix,
  logId,
  PoolError,
  readAnnouncementsResult,
  readBlockInfo,
  readEnvelope,
  readPoolConfig,
  readShareResult,
  shareEncryptions,
  shareId,
  shareTarget,
  UNIT_BYTES,
  workHeader,
  workMultiple,
} from '../../../src/core/protocol/pool/index.ts';
import {readVectors} from '../../support/vectors.ts';

const isBad =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof PoolError && error.code === code;

interface WorkCase {
  readonly name: string;
  readonly template: {
    readonly height: number;
    readonly header: string;
    readonly coinbase_no_witness: string;
    readonly merklebranch: readonly string[];
    readonly transactions: readonly string[];
  };
  readonly annMinWorkTarget: number;
  readonly shareWorkDivisor: number;
  readonly expect: {
    readonly shareTarget: number;
    readonly signingKey: string | null;
    readonly work: string;
    readonly blockTemplate: string;
  };
  readonly commit: string;
  readonly coinbaseWithCommit: string;
  readonly headerNonce: number;
  readonly header: string;
  readonly headerHash: string;
}

for (const entry of readVectors<{readonly cases: readonly WorkCase[]}>('pool-work').cases) {
  test(`work and template files: ${entry.name}`, () => {
    const {template, expect} = entry;
    const header = decodeHex(template.header);
    const bits = new DataView(header.buffer).getUint32(72, true);
    equal(shareTarget(bits, entry.shareWorkDivisor), expect.shareTarget);
    const work = {
      header,
      signingKey: expect.signingKey === null ? new Uint8Array(32) : decodeHex(expect.signingKey),
      shareTarget: expect.shareTarget,
      annTarget: entry.annMinWorkTarget,
      height: template.height,
      coinbase: decodeHex(template.coinbase_no_witness),
      branch: template.merklebranch.map((hash) => decodeHex(hash)),
    };
    equal(encodeHex(encodeWork(work)), expect.work);
    deepEqual(decodeWork(decodeHex(expect.work)), work);
    const file = {
      height: template.height,
      header,
      coinbase: work.coinbase,
      branch: work.branch,
      transactions: template.transactions.map((transaction) => decodeHex(transaction)),
    };
    equal(encodeHex(encodeTemplateFile(file)), expect.blockTemplate);
    deepEqual(decodeTemplateFile(decodeHex(expect.blockTemplate)), file);
    const coinbase = fillPlaceholder(work.coinbase, decodeHex(entry.commit));
    equal(encodeHex(coinbase), entry.coinbaseWithCommit);
    const mined = workHeader(work, coinbase, entry.headerNonce);
    equal(encodeHex(mined), entry.header);
    equal(encodeHex(dsha256(mined).reverse()), entry.headerHash);
  });
}

test('damaged work and template files are refused with a code', () => {
  const [, signed] = readVectors<{readonly cases: readonly WorkCase[]}>('pool-work').cases;
  const work = decodeHex(signed!.expect.work);
  for (const length of [0, 79, 127, work.length - 1, work.length - 31]) {
    throws(() => decodeWork(work.subarray(0, length)), isBad('bad-work-file'), `work of ${length} bytes`);
  }
  const long = work.slice();
  writeU32(long, 124, 0xffffffff);
  throws(() => decodeWork(long), isBad('bad-work-file'));
  const file = decodeHex(signed!.expect.blockTemplate);
  for (let length = 0; length < file.length; length++) {
    throws(
      () => decodeTemplateFile(file.subarray(0, length)),
      isBad('bad-template-file'),
      `template of ${length} bytes`,
    );
  }
  throws(() => decodeTemplateFile(Uint8Array.from([...file, 0])), isBad('bad-template-file'));
});

interface Difficulty {
  readonly double: {
    readonly annWorkToTarget: readonly (readonly [number, number])[];
    readonly workMultiple: readonly (readonly [number, number])[];
    readonly shareTarget: readonly (readonly [number, number, number])[];
  };
  readonly encryptionsInShareEvent: readonly (readonly [number, number, number, string])[];
}

test('targets in doubles are those of the existing pool software', () => {
  const {double, encryptionsInShareEvent} = readVectors<Difficulty>('pool-difficulty');
  for (const [work, target] of double.annWorkToTarget) equal(annTargetForWork(work), target, `work ${work}`);
  for (const [target, multiple] of double.workMultiple) equal(workMultiple(target), multiple, `target ${target}`);
  for (const [bits, divisor, target] of double.shareTarget) {
    equal(shareTarget(bits, divisor), target, `bits ${bits.toString(16)}, divisor ${divisor}`);
  }
  for (const [target, worst, count, encryptions] of encryptionsInShareEvent) {
    equal(shareEncryptions(target, worst, BigInt(count)).toString(), encryptions);
  }
});

interface Routing {
  readonly announcements: readonly {
    readonly index: number;
    readonly headerHex: string;
    readonly dedupHash: string;
    readonly handler: Readonly<Record<string, number>>;
  }[];
  readonly batch: {readonly eventId: string};
  readonly sver2: {readonly hardNonce: number; readonly handler: Readonly<Record<string, number>>};
}

/** The blobs that the vectors are about. */
function routedAnnouncement(index: number, headerHex: string): Uint8Array {
  const stream = createHash('shake256', {outputLength: 1024}).update(`pool-routing-${index}`).digest();
  const ann = new Uint8Array(1024);
  ann.set(stream.subarray(88), 88);
  ann.set(decodeHex(headerHex));
  return ann;
}

test('announcements find their handler', () => {
  const {announcements, batch, sver2} = readVectors<Routing>('pool-ann-routing');
  const anns = announcements.map(({index, headerHex}) => routedAnnouncement(index, headerHex));
  for (const [i, {dedupHash, handler}] of announcements.entries()) {
    const prefix = announcementPrefix(anns[i]!);
    equal(prefix.toString(), dedupHash, `announcement ${i}`);
    for (const [handlers, number] of Object.entries(handler)) {
      equal(announcementHandler(prefix, Number(handlers)), number);
    }
  }
  equal(batchId(Uint8Array.from(anns.flatMap((ann) => [...ann]))), batch.eventId);
  const content = anns[0]!.slice();
  equal(hasNoContent(content), true);
  content[30] = 1;
  equal(hasNoContent(content), false);
  writeU32(content, 4, sver2.hardNonce);
  for (const [handlers, number] of Object.entries(sver2.handler)) {
    equal(announcementHandlerByNonce(content, Number(handlers)), number);
  }
  deepEqual([0n, 1n, 2n ** 64n - 1n].map(isReservedPrefix), [true, false, true]);
});

interface Sprayer {
  readonly unitLength: number;
  readonly subscribe: readonly {readonly hex: string; readonly password: string; readonly accepted: boolean}[];
  readonly units: readonly {readonly counter: string; readonly firstBytes: string; readonly sha256: string}[];
  readonly datagrams: readonly {readonly length: number; readonly units: number; readonly stub: number}[];
}

test('datagrams of the sprayer', () => {
  const vectors = readVectors<Sprayer>('pool-sprayer');
  equal(UNIT_BYTES, vectors.unitLength);
  for (const {hex, password, accepted} of vectors.subscribe) {
    equal(decodeSpray(decodeHex(hex)).password === password, accepted, hex);
  }
  equal(encodeHex(encodeSubscription('secret')), vectors.subscribe[0]!.hex);
  const {announcements} = readVectors<Routing>('pool-ann-routing');
  const ann = routedAnnouncement(0, announcements[0]!.headerHex);
  for (const {counter, firstBytes, sha256} of vectors.units) {
    const unit = encodeUnit({counter: BigInt(counter), ann});
    equal(encodeHex(unit.subarray(0, firstBytes.length / 2)), firstBytes);
    equal(createHash('sha256').update(unit).digest('hex'), sha256);
    deepEqual(decodeSpray(unit), {units: [{counter: BigInt(counter), ann}], password: undefined});
  }
  for (const {length, units} of vectors.datagrams) equal(decodeSpray(new Uint8Array(length)).units.length, units);
  const both = Uint8Array.from([...encodeUnits([{counter: 1n, ann}]), ...encodeSubscription('x')]);
  deepEqual(decodeSpray(both), {units: [{counter: 1n, ann}], password: 'x'});
  equal(decodeSpray(new Uint8Array(64 * UNIT_BYTES)).units.length, 0);
  for (const length of [900, 1032 - 57, 2000]) {
    const subscription = encodeSubscription('p'.repeat(Math.min(length, 499)));
    equal(subscription.length % UNIT_BYTES === 0, false);
  }
});

interface ShareVectors {
  readonly work: string;
  readonly config: unknown;
  readonly post: {readonly body: {readonly header_and_proof: string}};
  readonly parsed: {readonly header: string; readonly lowNonce: number};
  readonly shareId: string;
  readonly reply: {readonly result: unknown; readonly error: readonly string[]; readonly warn: readonly string[]};
  readonly mutations: readonly {readonly byte: number; readonly xor: number; readonly referenceShareId?: string}[];
}

test('ids of shares and logs', () => {
  const {parsed, shareId: id, mutations} = readVectors<ShareVectors>('pool-share');
  const header = decodeHex(parsed.header);
  equal(shareId(header, parsed.lowNonce), id);
  const [changed] = mutations;
  const other = header.slice();
  other[changed!.byte] = other[changed!.byte]! ^ changed!.xor;
  equal(shareId(other, parsed.lowNonce), changed!.referenceShareId);
  const body = new TextEncoder().encode('{"type":"block"}\n');
  equal(logId(body), createHash('sha256').update(body).digest('hex').slice(0, 32));
});

interface Exchange {
  readonly service: string;
  readonly request: {readonly method: string; readonly path: string};
  readonly response: {readonly status: number; readonly body?: unknown};
}

test('documents of running pools are read; every missing or wrong field is named', () => {
  const {config, reply} = readVectors<ShareVectors>('pool-share');
  const read = readPoolConfig(config);
  equal(read.currentHeight, 1011);
  const {exchanges} = readVectors<{readonly exchanges: readonly Exchange[]}>('pool-http');
  const bodies = exchanges
    .filter(({response}) => response.status === 200)
    .map(({request, response}) => ({path: request.path, body: response.body}));
  const parsed = (body: unknown): unknown => (typeof body === 'string' ? JSON.parse(body) : body);
  const configs = bodies.filter(({path}) => path.endsWith('/config.json'));
  const infos = bodies.filter(({path}) => path.includes('/blkinfo_'));
  equal(configs.length > 0 && infos.length > 0, true);
  for (const {body} of configs) readPoolConfig(parsed(body));
  for (const {body} of infos) readBlockInfo(parsed(body));
  equal(readShareResult(reply.result).block, true);
  deepEqual(readEnvelope(reply).error, []);
  const anns = JSON.parse(
    '{"type":"anns","accepted":1020,"dup":4294967290,"inval":0,"badHash":0,"runt":0,"internalErr":0,' +
      '"payTo":"pkt1q","unsigned":1024,"totalLen":0,"target":537001984,"time":1700000000123,' +
      '"eventId":"8e1c2b28e140dd071c1d8814e30a7082"}',
  ) as Record<string, unknown>;
  equal(readAnnouncementsResult(anns).dup, 4294967290);
  const cases: readonly (readonly [Record<string, unknown>, (value: unknown) => unknown])[] = [
    [config as Record<string, unknown>, readPoolConfig],
    [anns, readAnnouncementsResult],
    [reply as unknown as Record<string, unknown>, readEnvelope],
  ];
  for (const [document, reader] of cases) {
    for (const field of Object.keys(document).filter((name) => name !== 'result')) {
      const {[field]: _gone, ...rest} = document;
      throws(() => reader(rest), isBad('bad-document'), `without ${field}`);
      throws(() => reader({...document, [field]: {}}), isBad('bad-document'), `${field} of another type`);
    }
  }
  for (const value of [null, [], 'x', 5, undefined]) throws(() => readPoolConfig(value), isBad('bad-document'));
});
