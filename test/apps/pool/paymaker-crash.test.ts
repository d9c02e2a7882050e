import {deepEqual, equal, ok, rejects} from 'node:assert/strict';
import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {createInterface} from 'node:readline';
import {type TestContext, test} from 'node:test';
import {fileURLToPath} from 'node:url';
import {PaymakerError} from '../../../src/apps/pool/paymaker/errors.ts';
import {PKTREG} from '../../../src/core/params/index.ts';
import {logId} from '../../../src/core/protocol/pool/index.ts';
import {createHttpSender} from '../../../src/service/pool/event-log.ts';
import {LAB_NOW_MS, labSettings, openPaymaker, uploadOf} from '../../support/pool-books.ts';
import {testAddress, testFolder} from '../../support/pool-lab.ts';
import {testLedgers} from '../../support/test-ledgers.ts';

const PROGRAM = fileURLToPath(new URL('../../support/paymaker-process.js', import.meta.url));
const KILLS = 10;
const EVENTS = 400;
const NEVER = new AbortController().signal;

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
}

async function start(t: TestContext, dir: string): Promise<Running> {
  const ledger = await testLedgers().url(t, dir);
  const args = [PROGRAM, dir, String(LAB_NOW_MS), JSON.stringify(labSettings()), ledger ?? ''];
  const child = spawn(process.execPath, args, {stdio: ['ignore', 'pipe', 'inherit']});
  for await (const port of createInterface({input: child.stdout})) return {child, url: `http://127.0.0.1:${port}`};
  throw new Error('the paymaker did not start');
}

async function kill({child}: Running): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Uploads overlap: the last events of each come once more with the next one. */
function uploads(): Uint8Array[] {
  const eventOf = (number: number): object => ({
    type: 'anns',
    payTo: testAddress(1 + (number % 7)),
    accepted: 1 + (number % 1024),
    unsigned: 0,
    totalLen: 0,
    target: 0x20020000,
    time: LAB_NOW_MS - 500_000 + number * 50,
    eventId: `event ${number}`,
  });
  const block = {type: 'block', height: 1, difficulty: 50, time: LAB_NOW_MS - 600_000, eventId: 'block'};
  return Array.from({length: KILLS}, (_, i) =>
    uploadOf([block, ...Array.from({length: EVENTS}, (_line, k) => eventOf(i * (EVENTS - 20) + k))]),
  );
}

test('killed between upload and answer, again and again: nothing is lost and nothing counts twice', async (t) => {
  const dir = await testFolder('killed');
  const bodies = uploads();
  let answered = 0;
  for (const [i, body] of bodies.entries()) {
    const paymaker = await start(t, dir);
    t.after(() => kill(paymaker));
    const send = createHttpSender(() => paymaker.url, 'x', 'secret');
    const posted = send(body, NEVER).then(
      () => answered++,
      () => {},
    );
    // Later each time: before, while and after it is written.
    await new Promise((resolve) => setTimeout(resolve, 15 * i));
    await kill(paymaker);
    await posted;
  }
  const last = await start(t, dir);
  t.after(() => kill(last));
  const send = createHttpSender(() => last.url, 'x', 'secret');
  for (const body of bodies) await send(body, NEVER);
  await kill(last);

  const settings = labSettings();
  const options = {network: PKTREG, settings, nowMs: (): number => LAB_NOW_MS};
  const survived = await openPaymaker(t, {dir, ...options});
  const calm = await openPaymaker(t, options);
  for (const body of bodies) equal((await calm.ingest(body, '')).eventId, logId(body));
  deepEqual([...(await survived.whoToPay()).map.fractions].sort(), [...(await calm.whoToPay()).map.fractions].sort());
  for (const books of [survived, calm]) {
    equal(await books.ledger.countEvents('anns'), (KILLS - 1) * (EVENTS - 20) + EVENTS);
    equal(await books.ledger.countEvents('block'), 1);
  }
  ok(answered <= KILLS);
});

test('a ledger belongs to one paymaker at a time', async (t) => {
  const dir = await testFolder('twice');
  const options = {dir, network: PKTREG, settings: labSettings(), nowMs: (): number => LAB_NOW_MS};
  const first = await openPaymaker(t, options);
  await rejects(openPaymaker(t, options), {code: testLedgers().lockedCode});
  await first.close();
  await (await openPaymaker(t, options)).close();
});

test('an upload that cannot be written counts in no part, and may come again', async (t) => {
  const dir = await testFolder('broken');
  const sql = await testLedgers().open(t, dir);
  let isBroken = false;
  const broken: typeof sql = {
    types: sql.types,
    eventIds: sql.eventIds,
    generation: sql.generation,
    all: (text, values) => sql.all(text, values),
    run: (text, values) => sql.run(text, values),
    transaction: (work) =>
      sql.transaction(async (session) => {
        const result = await work(session);
        if (isBroken) throw new PaymakerError('ledger-unusable');
        return result;
      }),
    close: () => sql.close(),
  };
  const options = {dir, network: PKTREG, settings: labSettings(), nowMs: (): number => LAB_NOW_MS};
  const paymaker = await openPaymaker(t, {...options, sql: broken});
  const [body] = uploads();
  const before = (await paymaker.whoToPay()).map;
  isBroken = true;
  await rejects(paymaker.ingest(body!, ''), {code: 'ledger-unusable'});
  deepEqual([(await paymaker.whoToPay()).map, await paymaker.ledger.countEvents('anns')], [before, 0]);
  isBroken = false;
  await paymaker.ingest(body!, '');
  equal(await paymaker.ledger.countEvents('anns'), EVENTS);
  ok((await paymaker.whoToPay()).map.fractions.size > 1);
});
