import {deepEqual, equal, match, ok, rejects} from 'node:assert/strict';
import {readdir, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {type TestContext, test} from 'node:test';
import {jetstream, jetstreamManager} from '@nats-io/jetstream';
import {headers} from '@nats-io/transport-node';
import fc from 'fast-check';
import {PaymakerError} from '../../../src/apps/pool/paymaker/errors.ts';
import {NatsIntake, type NatsIntakeOptions} from '../../../src/apps/pool/paymaker/nats-intake.ts';
import type {Paymaker} from '../../../src/apps/pool/paymaker/paymaker.ts';
import {PKTREG} from '../../../src/core/params/index.ts';
import type {PoolEvent} from '../../../src/core/protocol/pool/index.ts';
import {NO_LOG} from '../../../src/service/logs/log.ts';
import {EventLog} from '../../../src/service/pool/event-log.ts';
import {
  createNatsSender,
  eventsMac,
  eventsSubject,
  MAC_HEADER,
  MAX_MESSAGE_BYTES,
  splitLog,
} from '../../../src/service/pool/nats-events.ts';
import {NatsLink} from '../../../src/service/pool/nats-link.ts';
import {CuttableProxy} from '../../support/cuttable-proxy.ts';
import {LAB_NOW_MS, labSettings, openPaymaker, uploadOf} from '../../support/pool-books.ts';
import {eventually, testAddress, testFolder} from '../../support/pool-lab.ts';
import {checkProperty} from '../../support/property.ts';
import {NATS_URL, SKIP_NATS, testLink, testStream} from '../../support/test-nats.ts';

const server = {skip: SKIP_NATS};
const NEVER = new AbortController().signal;

function shareOf(number: number): PoolEvent {
  return {
    type: 'share',
    payTo: testAddress(1 + (number % 5)),
    block: false,
    target: 0x1e020000,
    annCount: '1',
    annMinWork: 0,
    encryptions: 1,
    time: LAB_NOW_MS - 1000 + number,
    eventId: `share ${number}`,
  };
}

const BLOCK: PoolEvent = {
  type: 'block',
  hash: 'a'.repeat(64),
  height: 1,
  difficulty: 2,
  time: LAB_NOW_MS - 5000,
  eventId: 'block',
};

function openLabPaymaker(t: TestContext, more: Readonly<Record<string, unknown>> = {}): Promise<Paymaker> {
  return openPaymaker(t, {network: PKTREG, settings: labSettings(more), nowMs: () => LAB_NOW_MS});
}

function openIntake(t: TestContext, options: Pick<NatsIntakeOptions, 'paymaker' | 'stream'>): NatsIntake {
  const intake = new NatsIntake({link: testLink(t), log: NO_LOG, againMs: 50, ackMs: 2000, ...options});
  t.after(() => intake.close());
  return intake;
}

test('logs are split at the ends of lines, and nothing of them is lost', () => {
  const lines = fc.array(fc.string({maxLength: 40}), {maxLength: 40});
  checkProperty(
    fc.property(lines, fc.integer({min: 1, max: 100}), fc.boolean(), (texts, maxBytes, isEnded) => {
      const clean = texts.map((text) => text.replaceAll('\n', ''));
      const body = new TextEncoder().encode(clean.join('\n') + (isEnded ? '\n' : ''));
      const parts = [...splitLog(body, maxBytes)];
      deepEqual(Buffer.concat(parts), Buffer.from(body));
      for (const [i, part] of parts.entries()) {
        ok(part.length > 0);
        if (i < parts.length - 1) equal(part.at(-1), 10);
        const inner = Buffer.from(part).subarray(0, -1);
        ok(part.length <= maxBytes || !inner.includes(10), `${part.length} bytes of ${maxBytes}`);
      }
    }),
  );
});

test('a proof holds for one password and one message', () => {
  const body = uploadOf([shareOf(1)]);
  equal(eventsMac('secret', body), eventsMac('secret', body.slice()));
  match(eventsMac('secret', body), /^[0-9a-f]{64}$/);
  ok(eventsMac('secret', body) !== eventsMac('secreu', body));
  ok(eventsMac('secret', body) !== eventsMac('secret', uploadOf([shareOf(2)])));
});

test('a server that is not there, and files that are no credentials, are told of', async () => {
  const dir = await testFolder('credentials');
  const linkWith = (servers: string, credentialsFile?: string): NatsLink =>
    new NatsLink({servers: [servers], credentialsFile, name: 'test', log: NO_LOG});
  await rejects(linkWith('nats://127.0.0.1:1').connection(), {code: 'events-unreachable'});
  await rejects(linkWith('nats://127.0.0.1:1', join(dir, 'none')).connection(), {code: 'bad-credentials'});
  await writeFile(join(dir, 'odd'), 'a:b\nc:d\n');
  await rejects(linkWith('nats://127.0.0.1:1', join(dir, 'odd')).connection(), {code: 'bad-credentials'});
});

test('events of a handler are credited, and deleted once the stream has them', server, async (t) => {
  const stream = testStream(t);
  const paymaker = await openLabPaymaker(t);
  const intake = openIntake(t, {paymaker, stream});
  const dir = await testFolder('events');
  const send = createNatsSender({link: testLink(t), stream, handler: 'blk_0', password: 'secret'});
  const events = await EventLog.open({dir, log: NO_LOG, send, rotateMs: 20, retryMs: 20});
  t.after(() => events.close());
  for (const event of [BLOCK, ...Array.from({length: 50}, (_, i) => shareOf(i))]) await events.append(event);
  await eventually('all are credited', () => paymaker.counts.shares === 50);
  await eventually('the logs are gone', () => events.waitingFiles === 0);
  await eventually('all is acknowledged', async () => {
    const manager = await jetstreamManager(await testLink(t).connection());
    const {num_ack_pending: unacknowledged, num_pending: waiting} = await manager.consumers.info(stream, 'paymaker');
    return unacknowledged + waiting === 0;
  });
  equal(intake.counts.refused, 0);
});

test('a log longer than a message comes in parts; sent again it changes nothing', server, async (t) => {
  const stream = testStream(t);
  const paymaker = await openLabPaymaker(t);
  openIntake(t, {paymaker, stream});
  const send = createNatsSender({link: testLink(t), stream, handler: 'blk_0', password: 'secret'});
  const body = uploadOf([BLOCK, ...Array.from({length: 6000}, (_, i) => shareOf(i))]);
  ok(body.length > 2 * MAX_MESSAGE_BYTES);
  await eventually('the stream is there', () =>
    send(body, NEVER).then(
      () => true,
      () => false,
    ),
  );
  await send(body, NEVER);
  await eventually('all are credited', () => paymaker.counts.shares === 6000);
  const manager = await jetstreamManager(await testLink(t).connection());
  equal((await manager.streams.info(stream)).state.messages, Math.ceil(body.length / MAX_MESSAGE_BYTES));
});

test('events without the password of a handler are refused', server, async (t) => {
  const stream = testStream(t);
  const handlers = [{name: 'a', password: 'one'}];
  const paymaker = await openLabPaymaker(t, {handlers, paymakerHttpPasswd: undefined});
  const intake = openIntake(t, {paymaker, stream});
  const link = testLink(t);
  const js = jetstream(await link.connection());
  const post = async (body: Uint8Array, mac?: string): Promise<void> => {
    const fields = headers();
    if (mac !== undefined) fields.set(MAC_HEADER, mac);
    await js.publish(eventsSubject(stream, 'a'), body, {headers: fields});
  };
  const body = uploadOf([shareOf(1)]);
  await eventually('the stream is there', () =>
    post(body).then(
      () => true,
      () => false,
    ),
  );
  await post(body, '');
  await post(body, eventsMac('two', body));
  await post(body, eventsMac('one', body).toUpperCase());
  await post(uploadOf([shareOf(2)]), eventsMac('one', body));
  await createNatsSender({link, stream, handler: 'a', password: 'one'})(uploadOf([shareOf(3)]), NEVER);
  await eventually('the rightful one is credited', () => intake.counts.taken === 1);
  equal(intake.counts.refused, 5);
  equal(paymaker.counts.shares, 1);
});

test(
  'what was credited and not acknowledged comes again, and counts once; what could not be credited counts later',
  server,
  async (t) => {
    const stream = testStream(t);
    const paymaker = await openLabPaymaker(t);
    let calls = 0;
    const faulty: NatsIntakeOptions['paymaker'] = {
      settings: paymaker.settings,
      ingest: async (body, handler) => {
        calls++;
        if (calls === 1) throw new PaymakerError('ledger-unreachable');
        const result = await paymaker.ingest(body, handler);
        if (calls === 2) throw new PaymakerError('ledger-unusable', {reason: 'killed before the acknowledgement'});
        return result;
      },
    };
    const intake = openIntake(t, {paymaker: faulty, stream});
    const send = createNatsSender({link: testLink(t), stream, handler: 'blk_0', password: 'secret'});
    const body = uploadOf([BLOCK, shareOf(1), shareOf(2)]);
    await eventually('the stream is there', () =>
      send(body, NEVER).then(
        () => true,
        () => false,
      ),
    );
    await eventually('it was taken', () => intake.counts.taken === 1);
    deepEqual([calls, intake.counts.deferred, paymaker.counts.shares], [3, 2, 2]);
  },
);

test('a paymaker that was away finds what came meanwhile', server, async (t) => {
  const stream = testStream(t);
  const paymaker = await openLabPaymaker(t);
  const first = openIntake(t, {paymaker, stream});
  const send = createNatsSender({link: testLink(t), stream, handler: 'blk_0', password: 'secret'});
  await eventually('the stream is there', () =>
    send(uploadOf([BLOCK]), NEVER).then(
      () => true,
      () => false,
    ),
  );
  await eventually('the first is credited', () => first.counts.taken === 1);
  await first.close();
  for (let i = 0; i < 20; i++) await send(uploadOf([shareOf(i)]), NEVER);
  equal(paymaker.counts.shares, 0);
  openIntake(t, {paymaker, stream});
  await eventually('the rest is credited', () => paymaker.counts.shares === 20);
});

test('while NATS cannot be reached events wait on disk', server, async (t) => {
  const stream = testStream(t);
  const paymaker = await openLabPaymaker(t);
  openIntake(t, {paymaker, stream});
  const {hostname, port} = new URL(NATS_URL!);
  const proxy = await CuttableProxy.open(t, hostname, Number(port));
  const link = testLink(t, [`nats://127.0.0.1:${proxy.port}`]);
  const dir = await testFolder('events');
  const send = createNatsSender({link, stream, handler: 'blk_0', password: 'secret'});
  const events = await EventLog.open({dir, log: NO_LOG, send, rotateMs: 20, retryMs: 20});
  t.after(() => events.close());
  await events.append(BLOCK);
  await events.append(shareOf(0));
  await eventually('the first is credited', () => paymaker.counts.shares === 1);
  proxy.isUp = false;
  proxy.cut();
  for (let i = 1; i <= 30; i++) {
    await events.append(shareOf(i));
    if (i % 10 === 0) events.rotate();
  }
  await eventually('logs wait', () => events.waitingFiles > 0);
  ok((await readdir(dir)).length > 1);
  equal(paymaker.counts.shares, 1);
  proxy.isUp = true;
  await eventually('all are credited', () => paymaker.counts.shares === 31);
  await eventually('nothing waits any more', () => events.waitingFiles === 0);
});

test('a stream that would lose events is not used', server, async (t) => {
  const stream = testStream(t);
  const manager = await jetstreamManager(await testLink(t).connection());
  await manager.streams.add({name: stream, subjects: [`${stream}.>`], storage: 'memory'});
  const errors: unknown[] = [];
  const log = {...NO_LOG, error: (_text: string, fields?: {error?: unknown}) => errors.push(fields?.error)};
  const intake = new NatsIntake({paymaker: await openLabPaymaker(t), link: testLink(t), stream, log});
  t.after(() => intake.close());
  await eventually('it is told', () => errors.length > 0);
  match(String(errors[0]), /bad-stream/);
});
