import {deepEqual, equal, ok} from 'node:assert/strict';
import {AnnHandler, type AnnHandlerOptions} from '../../src/apps/pool/ann-handler/ann-handler.ts';
import {EventReader} from '../../src/apps/pool/paymaker/events.ts';
import {readPoolSettings} from '../../src/apps/pool/pool-config.ts';
import {decodeHex, encodeHex} from '../../src/core/bytes/index.ts';
import {CodedError} from '../../src/core/errors.ts';
import {decodeShare, encodeShare} from '../../src/core/packetcrypt/index.ts';
import {PKT, PKTREG} from '../../src/core/params/index.ts';
import {
  decodeSpray,
  decodeTemplateFile,
  decodeWork,
  encodeSubscription,
  encodeTemplateFile,
  encodeUnits,
  encodeWork,
  MAX_UNITS,
  readAnnouncementsResult,
  UNIT_BYTES,
} from '../../src/core/protocol/pool/index.ts';
import {NO_LOG} from '../../src/service/logs/log.ts';
import {PARENT, PUBLIC_URL, stateOf} from '../support/ann-handler-lab.ts';
import {PAYMAKER_VECTORS, uploadOf} from '../support/pool-books.ts';
import {EXISTING_POOL_TOML, OWN_POOL_TOML} from '../support/pool-configs.ts';
import {testAddress} from '../support/pool-lab.ts';
import {SHARE} from '../support/share-lab.ts';
import {mutateBytes} from './mutate.ts';
import type {Random} from './random.ts';
import {accepted, type FuzzTarget, sameBytes} from './target.ts';

const WORK = decodeHex(SHARE.work);
const TEMPLATE = decodeHex(SHARE.blockTemplate);
const SHARE_BYTES = decodeHex(SHARE.post.body.header_and_proof);
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const SHARE_JSON = encode(JSON.stringify(SHARE.post.body));
const CONFIGS = [encode(EXISTING_POOL_TOML), encode(OWN_POOL_TOML)];

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function share(random: Random): void {
  const bytes = random.toss(2) ? mutateBytes(SHARE_BYTES, random) : SHARE_BYTES;
  const upload = random.toss(3)
    ? json(decode(mutateBytes(SHARE_JSON, random)))
    : {...SHARE.post.body, header_and_proof: encodeHex(bytes)};
  const read = accepted(() => decodeShare(upload));
  if (read !== undefined) deepEqual(decodeShare(encodeShare(read)), read);
}

function work(random: Random): void {
  const bytes = mutateBytes(WORK, random);
  const read = accepted(() => decodeWork(bytes));
  if (read !== undefined) sameBytes(encodeWork(read), bytes, 'a work file');
}

function template(random: Random): void {
  const bytes = mutateBytes(TEMPLATE, random);
  const read = accepted(() => decodeTemplateFile(bytes));
  if (read !== undefined) deepEqual(decodeTemplateFile(encodeTemplateFile(read)), read);
}

const UPLOADS = PAYMAKER_VECTORS.scenarios.flatMap(({uploads}) => uploads.map((upload) => uploadOf(upload)));
const READER = new EventReader({network: PKT, paysUnsigned: true});

function events(random: Random): void {
  const bytes = mutateBytes(random.pick(UPLOADS), random);
  const {events: read, bad, unpayable, lastTime} = READER.read(bytes);
  const lines = decode(bytes)
    .split('\n')
    .filter((line) => line.trim() !== '');
  equal(read.length + bad, lines.length);
  ok(unpayable <= read.length);
  ok(lastTime === undefined || Number.isSafeInteger(lastTime));
  for (const {id, time, accepted: taken, payable, encryptions, difficulty, target} of read) {
    ok(id.length > 0 && id.length <= 64 && Number.isSafeInteger(time));
    ok(payable >= 0 && payable <= Math.max(1, taken) && Number.isFinite(encryptions) && encryptions >= 0);
    ok(Number.isFinite(difficulty) && Number.isSafeInteger(target));
  }
}

function spray(random: Random): void {
  const units = Array.from({length: random.below(4)}, () => ({counter: random.edgeBig(), ann: random.bytes(1024)}));
  const subscription = random.toss(2) ? encodeSubscription('p'.repeat(random.below(40))) : new Uint8Array(0);
  const whole = Uint8Array.from([...encodeUnits(units), ...subscription]);
  const datagram = whole.length === 0 ? random.bytes(random.below(70_000)) : mutateBytes(whole, random);
  const {units: read, password} = decodeSpray(datagram);
  ok(read.length <= MAX_UNITS);
  if (read.length > 0) sameBytes(encodeUnits(read), datagram.subarray(0, UNIT_BYTES * read.length), 'units');
  ok(password === undefined || password.length <= 500);
}

/** Judges by one byte: what is looked at here comes before and after. */
const VALIDATOR = {
  validate: (anns: Uint8Array) =>
    Promise.resolve(
      Array.from({length: anns.length / 1024}, (_, i) => ({verdict: anns[1024 * i + 1000]! < 200 ? 'OK' : 'INVAL'})),
    ),
};

async function post(random: Random): Promise<void> {
  const seen = new Set<bigint>();
  const told: {accepted: number}[] = [];
  const handler = new AnnHandler({
    network: PKTREG,
    publicUrl: PUBLIC_URL,
    validator: VALIDATOR as unknown as AnnHandlerOptions['validator'],
    seen: {
      of: () =>
        Promise.resolve({
          add: (prefixes: readonly bigint[]) =>
            prefixes.map((prefix) => !seen.has(prefix) && seen.add(prefix) === seen),
          save: () => Promise.resolve(),
          revoke: () => {},
        }),
      forgetBelow: () => Promise.resolve(),
    } as unknown as AnnHandlerOptions['seen'],
    events: {
      append: (event: {accepted: number}) => Promise.resolve(told.push(event)),
    } as unknown as AnnHandlerOptions['events'],
    files: {add: () => {}} as unknown as AnnHandlerOptions['files'],
    now: () => performance.now(),
    nowMs: () => 1,
    log: NO_LOG,
  });
  handler.follow(stateOf(PARENT + random.below(7)));
  const anns = Array.from({length: 1 + random.below(4)}, () => {
    const ann = random.bytes(1024).fill(0, 0, 88);
    ann[0] = 1;
    new DataView(ann.buffer, ann.byteOffset).setUint32(8, 0x207fffff, true);
    new DataView(ann.buffer, ann.byteOffset).setUint32(12, PARENT, true);
    return [...ann];
  });
  const whole = Uint8Array.from([...anns, random.pick(anns)].flat());
  const body = random.toss(2) ? whole : mutateBytes(whole, random);
  const header = (value: string): string | undefined =>
    random.toss(8) ? random.pick([undefined, '', '-1', '1e9', '9'.repeat(30), decode(random.bytes(20))]) : value;
  const headers = {
    worknum: header(String(PARENT + 1)),
    payto: header(testAddress(1)),
    sver: header(random.pick(['0', '1', '2'])),
  };
  try {
    const {result, forged} = await handler.submit(body, headers);
    const posted = body.length / 1024;
    equal(result.accepted + result.dup + result.inval, posted);
    ok(forged <= result.inval && result.unsigned <= posted);
    deepEqual(readAnnouncementsResult(result), result);
    ok(told.reduce((sum, event) => sum + event.accepted, 0) <= result.accepted);
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    deepEqual(told, []);
  }
}

function config(random: Random): void {
  const text = decode(mutateBytes(random.pick(CONFIGS), random));
  const settings = accepted(() => readPoolSettings(text));
  if (settings === undefined) return;
  for (const {listen, threads} of Object.values(settings.ann_handler)) ok(listen.includes(':') && threads >= 1);
}

export const POOL_TARGETS: readonly FuzzTarget[] = [
  {name: 'shares for a pool', cases: 1500, run: share},
  {name: 'work files', cases: 3000, run: work},
  {name: 'template files', cases: 3000, run: template},
  {name: 'uploads of events', cases: 1500, run: events},
  {name: 'sprayed datagrams', cases: 1500, run: spray},
  {name: 'posts of announcements', cases: 1000, run: post},
  {name: 'configurations of pools', cases: 1000, run: config},
];
