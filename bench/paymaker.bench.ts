// The paymaker's costs: taking events, and the map of who is paid.
//   node dist/bench/paymaker.bench.js [--events N] [--addresses N] [--upload N] [--sql URL] [--json]
// With --sql the ledger is on a PostgreSQL server, in a schema of its own that is dropped at the end.
import {mkdtemp, rm} from 'node:fs/promises';
import {cpus, tmpdir} from 'node:os';
import {join} from 'node:path';
import {parseArgs} from 'node:util';
import {Client} from 'pg';
import {Paymaker} from '../src/apps/pool/paymaker/paymaker.ts';
import {openPostgres} from '../src/apps/pool/paymaker/postgres.ts';
import {readPaymakerSettings} from '../src/apps/pool/paymaker/settings.ts';
import type {Sql} from '../src/apps/pool/paymaker/sql.ts';
import {openSqlite} from '../src/apps/pool/paymaker/sqlite.ts';
import {encodeAddress} from '../src/core/consensus/index.ts';
import {useSha256} from '../src/core/crypto/index.ts';
import {PKTREG} from '../src/core/params/index.ts';
import {NATIVE_SHA256} from '../src/service/crypto/native-sha256.ts';
import {NO_LOG} from '../src/service/logs/log.ts';

const {values} = parseArgs({
  options: {
    events: {type: 'string', default: '1000000'},
    addresses: {type: 'string', default: '10000'},
    upload: {type: 'string', default: '5000'},
    sql: {type: 'string'},
    json: {type: 'boolean', default: false},
  },
});

useSha256(NATIVE_SHA256);
const NOW_MS = 1_750_000_000_000;
const DAY_MS = 86_400_000;
const [EVENTS, ADDRESSES, UPLOAD] = [values.events, values.addresses, values.upload].map(Number) as [
  number,
  number,
  number,
];

function addressOf(number: number): string {
  const script = new Uint8Array(22);
  script.set([0, 20]);
  new DataView(script.buffer).setUint32(2, number);
  return encodeAddress(script, PKTREG.addresses);
}

const addresses = Array.from({length: ADDRESSES}, (_, i) => addressOf(i));
const settings = readPaymakerSettings(
  {
    privateSeed: null,
    paymakerHttpPasswd: 'x',
    historyDepth: 2 * 86_400,
    // So that about half of the events are within the window.
    pplnsAnnConstantX: Math.min(1000, (EVENTS * 0.25) / 1e6),
    pplnsBlkConstantX: Math.min(1000, (EVENTS * 0.25) / 1e5),
    defaultAddress: addressOf(ADDRESSES),
    errorAddress: addressOf(ADDRESSES),
  },
  PKTREG,
);

function rowOf(number: number): string {
  const time = NOW_MS - DAY_MS + Math.floor((number / EVENTS) * DAY_MS);
  const payTo = addresses[(Math.imul(number, 2_654_435_761) >>> 0) % ADDRESSES]!;
  const eventId =
    (Math.imul(number, 2_246_822_519) >>> 0).toString(16).padStart(16, '0') + number.toString(16).padStart(16, '0');
  const rest =
    number % 10 === 0
      ? {type: 'share', payTo, block: false, target: 0x1e020000, annCount: '1', annMinWork: 0, encryptions: 1000}
      : {
          type: 'anns',
          payTo,
          accepted: 1024,
          unsigned: 1024,
          totalLen: 0,
          dup: 0,
          inval: 0,
          badHash: 0,
          runt: 0,
          internalErr: 0,
          target: 0x20020000,
        };
  return JSON.stringify({...rest, time, eventId});
}

function uploadFrom(first: number): Uint8Array {
  const rows = Array.from({length: Math.min(UPLOAD, EVENTS - first)}, (_, i) => rowOf(first + i));
  if (first === 0) {
    rows.unshift(
      JSON.stringify({type: 'block', height: 1, difficulty: 8000, time: NOW_MS - DAY_MS - 1, eventId: 'block'}),
    );
  }
  return new TextEncoder().encode(`${rows.join('\n')}\n`);
}

async function timed<Result>(work: () => Promise<Result>): Promise<{result: Result; ms: number}> {
  const start = performance.now();
  const result = await work();
  return {result, ms: performance.now() - start};
}

const SCHEMA = `bench_${process.pid}`;

async function askServer(sql: string): Promise<void> {
  if (values.sql === undefined) return;
  const client = new Client({connectionString: values.sql});
  await client.connect();
  await client.query(sql);
  await client.end();
}

function openSql(folder: string): Promise<Sql> {
  if (values.sql === undefined) return openSqlite(folder);
  const url = new URL(values.sql);
  url.searchParams.set('schema', SCHEMA);
  return openPostgres({url: url.href, log: NO_LOG});
}

const dir = await mkdtemp(join(tmpdir(), 'pkt-paymaker-'));
try {
  await askServer(`CREATE SCHEMA ${SCHEMA}`);
  const open = async (): Promise<Paymaker> =>
    Paymaker.open({dir, network: PKTREG, settings, nowMs: () => NOW_MS, log: NO_LOG, sql: await openSql(dir)});
  const paymaker = await open();
  let ingestMs = 0;
  let cpuMs = 0;
  for (let first = 0; first < EVENTS; first += UPLOAD) {
    const body = uploadFrom(first);
    const before = process.cpuUsage();
    ingestMs += (await timed(() => paymaker.ingest(body, ''))).ms;
    const {user, system} = process.cpuUsage(before);
    cpuMs += (user + system) / 1000;
  }
  const map = await timed(() => paymaker.whoToPay());
  const past = await timed(() => paymaker.whoToPay(NOW_MS));
  await paymaker.close();
  const opened = await timed(open);
  const again = await timed(() => opened.result.whoToPay());
  await opened.result.close();
  const rows = {
    'paymaker/ingest': {
      events: EVENTS,
      perSecond: Math.round((1000 * EVENTS) / ingestMs),
      perCpuSecond: Math.round((1000 * EVENTS) / cpuMs),
    },
    'paymaker/map': {addresses: map.result.map.fractions.size, ms: Math.round(map.ms)},
    'paymaker/map-from-events': {ms: Math.round(past.ms)},
    'paymaker/open': {ms: Math.round(opened.ms), mapMs: Math.round(again.ms)},
  };
  if (values.json) console.log(JSON.stringify({cpu: cpus()[0]?.model, node: process.version, rows}));
  else for (const [id, figures] of Object.entries(rows)) console.log(id, JSON.stringify(figures));
} finally {
  await askServer(`DROP SCHEMA ${SCHEMA} CASCADE`);
  await rm(dir, {recursive: true, force: true});
}
