import {deepEqual, doesNotMatch, equal, match, rejects} from 'node:assert/strict';
import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {type TestContext, test} from 'node:test';
import type {PaymakerError} from '../../../src/apps/pool/paymaker/errors.ts';
import type {Paymaker} from '../../../src/apps/pool/paymaker/paymaker.ts';
import {openPostgres} from '../../../src/apps/pool/paymaker/postgres.ts';
import {readPostgresAddress} from '../../../src/apps/pool/paymaker/postgres-address.ts';
import {PKTREG} from '../../../src/core/params/index.ts';
import {NO_LOG} from '../../../src/service/logs/log.ts';
import {CuttableProxy, type Fate} from '../../support/cuttable-proxy.ts';
import {LAB_NOW_MS, labSettings, openPaymaker, uploadOf} from '../../support/pool-books.ts';
import {testAddress, testFolder} from '../../support/pool-lab.ts';
import {POSTGRES, POSTGRES_URL, postgresSchema, SKIP_POSTGRES, useLedgers} from '../../support/test-ledgers.ts';

useLedgers(POSTGRES);
const server = {skip: SKIP_POSTGRES};
const OPTIONS = {network: PKTREG, settings: labSettings(), nowMs: (): number => LAB_NOW_MS};

function shareOf(miner: number, number: number): object {
  const time = LAB_NOW_MS - 1000 + number;
  return {type: 'share', payTo: testAddress(miner), target: 0x1e020000, time, eventId: `share ${number}`};
}

const BLOCK = {type: 'block', height: 1, difficulty: 2, time: LAB_NOW_MS - 5000, eventId: 'block'};

test('addresses of servers are read, and mistakes in them told without the password', async () => {
  const file = join(await testFolder('password'), 'password');
  await writeFile(file, 'from file\n');
  deepEqual(await readPostgresAddress('postgresql://me:se%20cret@db.example:6000/pool?schema=a_1'), {
    host: 'db.example',
    port: 6000,
    user: 'me',
    password: 'se cret',
    database: 'pool',
    schema: 'a_1',
    tls: false,
  });
  const {password, host, tls} = await readPostgresAddress('postgres://me@[::1]/pool?sslmode=verify-full', file);
  deepEqual([password, host, tls], ['from file', '::1', {servername: '::1', rejectUnauthorized: true}]);
  equal((await readPostgresAddress('postgresql://me@localhost/pool?host=/run/postgresql')).host, '/run/postgresql');
  const mistakes: [string, RegExp][] = [
    ['nothing', /expected an address like/],
    ['http://me:verysecret@db/pool', /begins with postgresql/],
    ['postgresql://db/pool', /lacks user or database/],
    ['postgresql://me:verysecret@db/', /lacks user or database/],
    ['postgresql://me:verysecret@db/pool?sslmode=prefer', /sslmode is one of/],
    ['postgresql://me:verysecret@db/pool?schema=a;b', /schema:/],
    ['postgresql://me:verysecret@db/pool?options=x', /unknown parameter options/],
    ['postgresql://me@db/pool?sslmode=require&sslrootcert=/nowhere/ca', /cannot read \/nowhere\/ca: ENOENT/],
  ];
  for (const [text, expected] of mistakes) {
    await rejects(readPostgresAddress(text), (error: PaymakerError) => {
      equal(error.code, 'bad-settings');
      match(error.message, expected);
      doesNotMatch(error.message, /verysecret/);
      return true;
    });
  }
});

test('a server that is not there, or does not let us in, is told of clearly', server, async () => {
  await rejects(
    openPostgres({url: 'postgresql://me:verysecret@127.0.0.1:1/pool', log: NO_LOG}),
    (error: PaymakerError) => {
      equal(error.code, 'ledger-unreachable');
      match(error.message, /ECONNREFUSED/);
      doesNotMatch(error.message, /verysecret/);
      return true;
    },
  );
  const url = new URL(POSTGRES_URL!);
  url.pathname = '/pkt_no_such_database';
  await rejects(openPostgres({url: url.href, log: NO_LOG}), {code: 'ledger-unreachable'});
  url.pathname = new URL(POSTGRES_URL!).pathname;
  url.searchParams.set('schema', 'pkt_no_such_schema');
  await rejects(openPostgres({url: url.href, log: NO_LOG}), {code: 'ledger-unusable'});
});

interface Lab {
  readonly proxy: CuttableProxy;
  readonly paymaker: Paymaker;
  /** Address of the ledger that no proxy stands before. */
  readonly url: string;
}

async function openLab(t: TestContext): Promise<Lab> {
  const dir = await testFolder('paymaker');
  const url = await postgresSchema(t, dir);
  const direct = new URL(url);
  const proxy = await CuttableProxy.open(t, direct.hostname, Number(direct.port));
  const through = new URL(url);
  through.port = String(proxy.port);
  const sql = await openPostgres({url: through.href, log: NO_LOG});
  return {proxy, url, paymaker: await openPaymaker(t, {...OPTIONS, dir, sql})};
}

async function openDirect(t: TestContext, url: string): Promise<Paymaker> {
  return openPaymaker(t, {...OPTIONS, sql: await openPostgres({url, log: NO_LOG})});
}

async function payees({paymaker}: Pick<Lab, 'paymaker'>): Promise<Record<string, bigint>> {
  return Object.fromEntries((await paymaker.whoToPay()).map.fractions);
}

test('a lost connection is made again; what was under way counts in no part', server, async (t) => {
  const lab = await openLab(t);
  const {paymaker, proxy} = lab;
  await paymaker.ingest(uploadOf([BLOCK, shareOf(1, 1)]), '');
  const before = await payees(lab);
  proxy.fateOf = (bytes): Fate => (bytes.includes('share 2') ? 'cut' : 'pass');
  const body = uploadOf([shareOf(2, 2), shareOf(2, 3)]);
  await rejects(paymaker.ingest(body, ''), {code: 'ledger-unreachable'});
  proxy.isUp = false;
  await rejects(paymaker.ingest(body, ''), {code: 'ledger-unreachable'});
  proxy.isUp = true;
  proxy.fateOf = (): Fate => 'pass';
  await new Promise((resolve) => setTimeout(resolve, 600));
  deepEqual(await payees(lab), before);
  await paymaker.ingest(body, '');
  equal(paymaker.counts.shares, 3);
  equal((await payees(lab))[testAddress(2)]! > 0n, true);
});

for (const [fate, what] of [
  ['cut', 'before the server has it'],
  ['lose-answer', 'before its answer is here'],
] as const) {
  test(
    `a connection lost at the end of a transaction, ${what}: the server is asked what became of it`,
    server,
    async (t) => {
      const lab = await openLab(t);
      const {paymaker, proxy, url} = lab;
      await paymaker.ingest(uploadOf([BLOCK]), '');
      let lost = 0;
      proxy.fateOf = (bytes): Fate => (bytes.includes('COMMIT') && lost++ === 0 ? fate : 'pass');
      const body = uploadOf([shareOf(1, 1), shareOf(2, 2)]);
      const taken = paymaker.ingest(body, '');
      if (fate === 'cut') await rejects(taken, {code: 'ledger-unreachable'});
      else await taken;
      equal(lost, 1);
      equal(paymaker.counts.shares, fate === 'cut' ? 0 : 2);
      await paymaker.ingest(body, '');
      equal(paymaker.counts.shares, 2);
      const kept = await payees(lab);
      await paymaker.close();
      deepEqual(await payees({paymaker: await openDirect(t, url)}), kept);
    },
  );
}

test('when nobody can say what became of a transaction, everything is read anew', server, async (t) => {
  const lab = await openLab(t);
  const {paymaker, proxy} = lab;
  await paymaker.ingest(uploadOf([BLOCK]), '');
  proxy.fateOf = (bytes): Fate => {
    if (!bytes.includes('COMMIT')) return 'pass';
    proxy.isUp = false;
    return 'lose-answer';
  };
  await rejects(paymaker.ingest(uploadOf([shareOf(1, 1), shareOf(2, 2)]), ''), {code: 'ledger-unreachable'});
  deepEqual([paymaker.counts.shares, paymaker.ledger.generation], [0, 1]);
  proxy.isUp = true;
  proxy.fateOf = (): Fate => 'pass';
  await new Promise((resolve) => setTimeout(resolve, 600));
  const map = await payees(lab);
  equal(map[testAddress(1)], map[testAddress(2)]);
  equal(paymaker.counts.shares, 2);
});

test('a second writer is refused; one that was there while the connection was lost is noticed', server, async (t) => {
  const lab = await openLab(t);
  const {paymaker, proxy, url} = lab;
  await paymaker.ingest(uploadOf([BLOCK, shareOf(1, 1)]), '');
  await rejects(openPostgres({url, log: NO_LOG, lockMs: 200}), (error: PaymakerError) => {
    match(error.message, /^ledger-locked: another paymaker writes to this ledger; stop it/);
    return true;
  });
  proxy.isUp = false;
  proxy.cut();
  const other = await openDirect(t, url);
  await other.ingest(uploadOf([shareOf(2, 2)]), '');
  await other.close();
  proxy.isUp = true;
  await rejects(paymaker.ingest(uploadOf([shareOf(3, 3)]), ''), {code: 'ledger-changed'});
  await paymaker.ingest(uploadOf([shareOf(3, 3)]), '');
  equal(paymaker.counts.shares, 3);
  const map = await payees(lab);
  equal(map[testAddress(3)], map[testAddress(2)]);
});

test('a statement has a deadline, and the connection outlives it', server, async (t) => {
  const sql = await openPostgres({url: await postgresSchema(t, 'deadline'), log: NO_LOG, statementMs: 100});
  t.after(() => sql.close());
  await rejects(sql.all('SELECT pg_sleep(?::float8)', [10]), (error: PaymakerError) => {
    equal(error.code, 'ledger-unusable');
    match(error.message, /statement timeout/);
    return true;
  });
  deepEqual(await sql.all('SELECT ?::bigint AS n', [2n ** 63n - 1n]), [{n: '9223372036854775807'}]);
});

test('texts are ordered by their bytes, whatever the language of the server', server, async (t) => {
  const paymaker = await openDirect(t, await postgresSchema(t, await testFolder('order')));
  const ids = ['a', 'B', 'b', 'A', 'ä', '_', '-'];
  await paymaker.ingest(uploadOf(ids.map((eventId) => ({...shareOf(1, 1), eventId}))), '');
  const found: string[] = [];
  for await (const page of paymaker.ledger.eventsBetween('share', 0, LAB_NOW_MS)) found.push(...page.map(({id}) => id));
  deepEqual(found, [...ids].sort());
});
