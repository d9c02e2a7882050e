import {deepEqual, equal, rejects} from 'node:assert/strict';
import {copyFile, readdir, rm, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {type TestContext, test} from 'node:test';
import {EventIds} from '../../../src/apps/pool/paymaker/event-ids.ts';
import {Ledger} from '../../../src/apps/pool/paymaker/ledger.ts';
import type {Paymaker} from '../../../src/apps/pool/paymaker/paymaker.ts';
import type {Sql} from '../../../src/apps/pool/paymaker/sql.ts';
import {openSqlite} from '../../../src/apps/pool/paymaker/sqlite.ts';
import {PKTREG} from '../../../src/core/params/index.ts';
import {StoreError} from '../../../src/service/stores/key-value-store.ts';
import {openLevelStore} from '../../../src/service/stores/level-store.ts';
import {LAB_NOW_MS, labSettings, openPaymaker, uploadOf} from '../../support/pool-books.ts';
import {testAddress, testFolder} from '../../support/pool-lab.ts';

const OPTIONS = {network: PKTREG, settings: labSettings(), nowMs: (): number => LAB_NOW_MS};

/** `salt` makes an upload another one without changing its events' ids. */
function bodyOf(first: number, count: number, salt = 0): Uint8Array {
  const block = {type: 'block', height: 1, difficulty: 50, time: LAB_NOW_MS - 600_000, eventId: 'block'};
  const anns = Array.from({length: count}, (_, i) => ({
    type: 'anns',
    payTo: testAddress(1 + (i % 3)),
    accepted: 10,
    unsigned: 0,
    totalLen: 0,
    target: 0x20020000,
    time: LAB_NOW_MS - 500_000 + first + i + salt,
    eventId: `event ${first + i}`,
  }));
  return uploadOf([block, ...anns]);
}

async function openAt(t: TestContext, dir: string): Promise<Paymaker> {
  return openPaymaker(t, {...OPTIONS, dir, sql: await openSqlite(dir)});
}

async function checkCount(paymaker: Paymaker, expected: number): Promise<void> {
  equal(await paymaker.ledger.countEvents('anns'), expected);
  equal(await paymaker.ledger.countEvents('block'), 1);
  const ids = new Set<string>();
  for await (const page of paymaker.ledger.eventsByArrival()) for (const {id} of page) ids.add(id);
  equal(ids.size, expected + 1);
}

test('an event counts once, whatever its other fields, in one upload and over many', async (t) => {
  const paymaker = await openAt(t, await testFolder('ids'));
  await paymaker.ingest(bodyOf(0, 300), '');
  await paymaker.ingest(bodyOf(200, 300, 1), '');
  const [twice] = [bodyOf(450, 100, 2), bodyOf(450, 100, 3)].map((body) => [body, body]);
  await paymaker.ingest(new Uint8Array(Buffer.concat(twice!)), '');
  await checkCount(paymaker, 550);
});

test('ids that were lost, damaged or behind are taken from the ledger again', async (t) => {
  const dir = await testFolder('ids-lost');
  const ids = join(dir, 'event-ids');
  let [first, salt] = [0, 1];
  const again = async (): Promise<void> => {
    const paymaker = await openAt(t, dir);
    await paymaker.ingest(bodyOf(0, first + 50, salt++), '');
    first += 50;
    await checkCount(paymaker, first);
    await paymaker.close();
  };
  await again();
  await again();
  await rm(ids, {recursive: true});
  await again();
  await rm(join(ids, 'CURRENT'));
  await again();
  for (const name of await readdir(ids)) await writeFile(join(ids, name), 'damaged');
  await again();
  const store = await EventIds.open(ids);
  await store.clear();
  await store.close();
  await again();
});

test('a ledger that was restored from a copy has the ids of the copy', async (t) => {
  const dir = await testFolder('ids-copy');
  const [file, copy] = [join(dir, 'ledger.db'), join(dir, 'copy')];
  const before = await openAt(t, dir);
  await before.ingest(bodyOf(0, 100), '');
  await before.close();
  await copyFile(file, copy);
  const lost = await openAt(t, dir);
  await lost.ingest(bodyOf(100, 100), '');
  await lost.close();
  await copyFile(copy, file);
  const sql = await openSqlite(dir);
  const restored = await openPaymaker(t, {...OPTIONS, dir, sql});
  await checkCount(restored, 100);
  // Those to come take the places of the lost ones, and it ends before their ids are told.
  sql.eventIds!.add = () => Promise.reject(new StoreError('store-unusable'));
  await restored.ingest(bodyOf(200, 100), '');
  await restored.close();
  const again = await openAt(t, dir);
  await again.ingest(bodyOf(0, 300, 1), '');
  await checkCount(again, 300);
});

test('where ids cannot be written, the upload counts, and the next one waits for them', async (t) => {
  const dir = await testFolder('ids-full');
  const sql = await openSqlite(dir);
  const eventIds = sql.eventIds!;
  let isFull = false;
  const add = eventIds.add.bind(eventIds);
  eventIds.add = (places) => (isFull ? Promise.reject(new StoreError('store-unusable')) : add(places));
  const paymaker = await openPaymaker(t, {...OPTIONS, dir, sql});
  isFull = true;
  await paymaker.ingest(bodyOf(0, 100), '');
  await checkCount(paymaker, 100);
  equal(await paymaker.ingest(bodyOf(0, 200, 1), '').catch((error: StoreError) => error.code), 'store-unusable');
  await checkCount(paymaker, 100);
  isFull = false;
  await paymaker.ingest(bodyOf(0, 200, 1), '');
  await checkCount(paymaker, 200);
});

test('a store that refuses everything after a failure is opened again, and goes on where it was', async () => {
  const path = join(await testFolder('ids-again'), 'ids');
  let [isFull, opened] = [false, 0];
  const ids = await EventIds.open(path, async (place) => {
    opened++;
    const store = await openLevelStore(place);
    let isBroken = false;
    return {
      ...store,
      write: (changes, durable) => {
        isBroken ||= isFull;
        return isBroken ? Promise.reject(new StoreError('store-unusable')) : store.write(changes, durable);
      },
    };
  });
  const [first, second] = ['a', 'b'].map((id, i) => ({id, sequence: 7 + i}));
  await ids.add([first!]);
  isFull = true;
  await rejects(ids.add([second!]), {code: 'store-unusable'});
  await rejects(ids.add([second!]), {code: 'store-unusable'});
  deepEqual([await ids.find(['a', 'b']), await ids.last()], [[7, undefined], first]);
  isFull = false;
  await ids.add([second!]);
  deepEqual([await ids.find(['a', 'b']), await ids.last()], [[7, 8], second]);
  equal(opened, 3);
  await ids.close();
});

test('a store that turns out to be damaged when it is read is removed', async () => {
  const path = join(await testFolder('ids-rotten'), 'ids');
  for (const which of ['get', 'getMany'] as const) {
    let isRotten = false;
    const ids = await EventIds.open(path, async (place) => {
      const store = await openLevelStore(place);
      const rotten = isRotten;
      isRotten = false;
      return rotten ? {...store, [which]: () => Promise.reject(new StoreError('store-damaged'))} : store;
    });
    await ids.add([{id: 'a', sequence: 7}]);
    await ids.close();
    isRotten = true;
    // Its beginning says so at once, what is behind it only when it is asked for.
    if (which === 'getMany') await rejects(ids.find(['a']), {code: 'store-damaged'});
    deepEqual([await ids.last(), await ids.find(['a'])], [undefined, [undefined]]);
    await ids.close();
  }
});

test('ids that are damaged while events are taken are made anew before the next ones', async (t) => {
  const dir = await testFolder('ids-damaged');
  const sql = await openSqlite(dir);
  const paymaker = await openPaymaker(t, {...OPTIONS, dir, sql});
  await paymaker.ingest(bodyOf(0, 100), '');
  // As after any failure.
  await sql.eventIds!.close();
  await rm(join(dir, 'event-ids'), {recursive: true});
  await paymaker.ingest(bodyOf(50, 100, 1), '');
  await checkCount(paymaker, 150);
});

/** A paymaker that forgets three events with `age`. */
async function openAging(t: TestContext): Promise<{sql: Sql; paymaker: Paymaker; age: () => Promise<void>}> {
  const dir = await testFolder('ids-history');
  let now = LAB_NOW_MS;
  const sql = await openSqlite(dir);
  const settings = labSettings({historyDepth: 3600});
  const paymaker = await openPaymaker(t, {...OPTIONS, dir, sql, settings, nowMs: () => now});
  await paymaker.ingest(bodyOf(0, 3), '');
  const age = (): Promise<void> => {
    now += 4_000_000;
    return paymaker.prune();
  };
  return {sql, paymaker, age};
}

test('ids go with their events', async (t) => {
  const {sql, paymaker, age} = await openAging(t);
  const find = (): Promise<boolean[]> =>
    sql
      .eventIds!.find(['event 0', 'event 1', 'event 2', 'event 3'])
      .then((all) => all.map((hint) => hint !== undefined));
  deepEqual(await find(), [true, true, true, false]);
  await age();
  deepEqual([await find(), await paymaker.ledger.countEvents('anns')], [[false, false, false, false], 0]);
});

test('ids of events that are gone do not keep others out', async (t) => {
  const {sql, paymaker, age} = await openAging(t);
  sql.eventIds!.remove = () => Promise.reject(new StoreError('store-unusable'));
  await age();
  equal(await paymaker.ledger.countEvents('anns'), 0);
  await paymaker.ingest(bodyOf(0, 3, 4_000_000), '');
  equal(await paymaker.ledger.countEvents('anns'), 3);
});

test('a ledger of the first version is brought up to date', async (t) => {
  const dir = await testFolder('ids-first');
  const sql = await openSqlite(dir);
  const first: Sql = {
    types: sql.types,
    generation: sql.generation,
    all: (text, values) => sql.all(text, values),
    run: (text, values) => sql.run(text, values),
    transaction: (work) => sql.transaction(work),
    close: () => sql.close(),
  };
  const paymaker = await openPaymaker(t, {...OPTIONS, dir, sql: first});
  await paymaker.ingest(bodyOf(0, 5000), '');
  const {map} = await paymaker.whoToPay();
  await first.run('DELETE FROM schema_version WHERE version > 1');
  await paymaker.close();
  const later = await openAt(t, dir);
  await checkCount(later, 5000);
  deepEqual((await later.whoToPay()).map, map);
  await later.ingest(bodyOf(0, 5000, 1), '');
  await checkCount(later, 5000);
  await later.close();
  const bare = await openSqlite(dir);
  t.after(() => bare.close());
  const indexes = await bare.all("SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'events'");
  deepEqual(indexes, [{name: 'events_by_time'}]);
  await Ledger.open(bare);
});
