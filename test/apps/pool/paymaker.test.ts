import {deepEqual, equal, match, ok} from 'node:assert/strict';
import {join} from 'node:path';
import {test} from 'node:test';
import fc from 'fast-check';
import {whoToPayDocument} from '../../../src/apps/pool/paymaker/documents.ts';
import {PaymakerError} from '../../../src/apps/pool/paymaker/errors.ts';
import {toDouble18} from '../../../src/apps/pool/paymaker/fixed.ts';
import type {Paymaker, WhoToPay} from '../../../src/apps/pool/paymaker/paymaker.ts';
import {readPaymakerSettings} from '../../../src/apps/pool/paymaker/settings.ts';
import {PKTREG} from '../../../src/core/params/index.ts';
import {
  LAB_NOW_MS,
  labSettings,
  openPaymaker,
  PAYMAKER_VECTORS,
  type Scenario,
  uploadOf,
  VECTORS_NOW_MS,
  vectorSettings,
} from '../../support/pool-books.ts';
import {testAddress, testFolder} from '../../support/pool-lab.ts';
import {checkAsyncProperty} from '../../support/property.ts';

const ONE = 10n ** 18n;
const [WORKED] = PAYMAKER_VECTORS.scenarios as readonly [Scenario];

function sumOf(fractions: ReadonlyMap<string, bigint>): bigint {
  return [...fractions.values()].reduce((sum, part) => sum + part, 0n);
}

/** Equal within a tolerance; addresses that get nothing may be left out. */
function equalMaps(
  actual: ReadonlyMap<string, number>,
  expected: Readonly<Record<string, number>>,
  what: string,
): void {
  for (const address of new Set([...actual.keys(), ...Object.keys(expected)])) {
    const [a, b] = [actual.get(address) ?? 0, expected[address] ?? 0];
    ok(Math.abs(a - b) <= 1e-12, `${what}: ${address} gets ${a}, expected ${b}`);
  }
}

function fractions({map}: WhoToPay): Record<string, bigint> {
  return Object.fromEntries(map.fractions);
}

for (const scenario of PAYMAKER_VECTORS.scenarios) {
  test(`compatible books give the maps of existing ones: ${scenario.name}`, async (t) => {
    const dir = await testFolder('paymaker');
    const settings = vectorSettings({compatible: true});
    const paymaker = await openPaymaker(t, {dir, settings});
    for (const events of scenario.uploads) {
      // Some handlers write whole numbers as 2.0.
      const text = Buffer.from(uploadOf(events)).toString();
      const body = Buffer.from(text.replace(/("(?:difficulty|encryptions)":\d+)(?=[,}])/g, '$1.0'));
      const {eventId} = await paymaker.ingest(body, '');
      if (scenario['bodySha256Prefix'] !== undefined) equal(eventId, scenario['bodySha256Prefix']);
    }
    const check = async (books: typeof paymaker, when: string): Promise<void> => {
      for (const {maxtime, result} of scenario.queries) {
        const {map} = await books.whoToPay(maxtime ?? undefined);
        equalMaps(map.shown, result, `${when}, ${maxtime}`);
        equal(sumOf(map.fractions), ONE);
      }
    };
    await check(paymaker, 'at once');
    await paymaker.close();
    await check(await openPaymaker(t, {dir, settings}), 'after a restart');
  });
}

test('the worked example, to the digit and in whole numbers', async (t) => {
  const paymaker = await openPaymaker(t);
  for (const events of WORKED.uploads) await paymaker.ingest(uploadOf(events), '');
  const who = await paymaker.whoToPay();
  const {config} = PAYMAKER_VECTORS;
  deepEqual(fractions(who), {
    [String(config['poolFeeAddress'])]: (2n * ONE) / 10n,
    pkt1qdv3up40nt5d3r7dks0ctpfshx4w7kyf87q2q35: (3n * ONE) / 10n,
    pkt1q2kdw45yzvn2hjhfep9ccehg9402f2uhguapfee: (2n * ONE) / 10n,
    pkt1qmal8pegzz4z0fq6thmny483h38ltcjlg5j86ps: (2n * ONE) / 10n,
    pkt1q8uuats6gukme6phggtq3fekv2u2c8wl5yyqj35: ONE / 10n,
  });
  deepEqual(who.map.warnings, []);
  const document = whoToPayDocument(who, paymaker.statistics, paymaker.settings, VECTORS_NOW_MS);
  equal(document['latestPayout'], WORKED['latestPayout']);
  equal(document['blkPayoutWarmupPeriod'], WORKED['blkPayoutWarmupPeriod']);
  equal(document['annPayoutWarmupPeriod'], WORKED['annPayoutWarmupPeriod']);
  deepEqual([document['lastWonBlockTime'], document['winsPerHour']], [1_700_000_130_000, [1, 0]]);
  const annMinerStats = document['annMinerStats'] as Record<string, {credits: number}>;
  const [address, expected] = Object.entries(WORKED['annMinerStats'] as Record<string, object>)[0]!;
  deepEqual(annMinerStats[address], expected);
  const past = await paymaker.whoToPay(1_700_000_200_000);
  equalMaps(past.map.shown, WORKED.queries[1]!.result, 'the past');
  equal(sumOf(past.map.fractions), ONE);
});

test('nothing known: all but the fee goes to the default address', async (t) => {
  const paymaker = await openPaymaker(t);
  const {map} = await paymaker.whoToPay();
  equal(sumOf(map.fractions), ONE);
  equal(toDouble18(map.fractions.get(String(PAYMAKER_VECTORS.config['defaultAddress']))!), 0.8);
  deepEqual(map.warnings, [
    'Ran out of block shares to pay paying [50%] to defaultAddress',
    'Ran out of ann shares to pay paying [50%] to defaultAddress',
  ]);
});

/** Events of a few miners over some slots, with blocks between and a share told twice. */
const EVENTS = fc.array(
  fc.record({
    kind: fc.constantFrom('anns', 'share', 'block'),
    miner: fc.integer({min: 1, max: 5}),
    time: fc.integer({min: 0, max: 600_000}),
    size: fc.integer({min: 0, max: 1024}),
    twice: fc.boolean(),
  }),
  {minLength: 1, maxLength: 60},
);

function eventOf(
  {kind, miner, time, size}: {kind: string; miner: number; time: number; size: number},
  i: number,
): object {
  const id = i.toString(16).padStart(32, '0');
  const base = {type: kind, time: LAB_NOW_MS - 700_000 + time, eventId: id};
  if (kind === 'block') return {...base, hash: id.repeat(2), height: 5, difficulty: 1 + size / 7};
  const payTo = testAddress(miner);
  if (kind === 'share') return {...base, payTo, target: 0x1e020000, encryptions: 5};
  return {...base, payTo, accepted: size, unsigned: size, totalLen: 0, target: 0x20020000};
}

function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  const rest = [...items];
  const result: Item[] = [];
  while (rest.length > 0) result.push(...rest.splice(Math.floor(random() * rest.length), 1));
  return result;
}

test('the order of uploads and repetitions do not matter, nor whether sums are kept or made anew', async (t) => {
  const dir = await testFolder('orders');
  let number = 0;
  const settings = labSettings({pplnsBlkConstantX: 8, pplnsAnnConstantX: 0.01});
  const open = (name: number): Promise<Paymaker> =>
    openPaymaker(t, {dir: join(dir, String(name)), network: PKTREG, settings, nowMs: () => LAB_NOW_MS});
  const property = fc.asyncProperty(EVENTS, fc.integer(), async (rows, seed) => {
    let state = seed;
    const random = (): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
      return (state >>> 0) / 2 ** 32;
    };
    const events = rows.map(eventOf);
    // Another handler tells of the same block later.
    const echoes = rows.flatMap(({kind, twice, time}, i) =>
      twice ? [{...events[i]!, ...(kind === 'block' && {time: LAB_NOW_MS - 690_000 + time})}] : [],
    );
    const maps: (readonly [string, bigint][])[] = [];
    for (let round = 0; round < 2; round++) {
      const dirNumber = number++;
      const paymaker = await open(dirNumber);
      const all = shuffled([...events, ...echoes], random);
      while (all.length > 0) {
        const body = uploadOf(all.splice(0, 1 + Math.floor(random() * 10)));
        await paymaker.ingest(body, '');
        if (random() < 0.3) await paymaker.ingest(body, '');
        await paymaker.whoToPay();
      }
      const kept = await paymaker.whoToPay();
      maps.push([...kept.map.fractions].sort());
      maps.push([...(await paymaker.whoToPay(4_000_000_000_000)).map.fractions].sort());
      equal(sumOf(kept.map.fractions), ONE);
      await paymaker.close();
      const again = await open(dirNumber);
      const {map, paid} = await again.whoToPay();
      maps.push([...map.fractions].sort());
      deepEqual([paid.shares.oldest, paid.anns.oldest], [kept.paid.shares.oldest, kept.paid.anns.oldest]);
      await again.close();
    }
    for (const map of maps) deepEqual(map, maps[0]);
  });
  await checkAsyncProperty(property, 12);
});

test('thousands of events of the same moment are counted once each', async (t) => {
  const settings = labSettings({pplnsBlkConstantX: 900, pplnsAnnConstantX: 15});
  const paymaker = await openPaymaker(t, {network: PKTREG, settings, nowMs: () => LAB_NOW_MS});
  const rows = Array.from({length: 9000}, (_, i) => ({
    kind: i % 2 === 0 ? 'share' : 'anns',
    miner: 1 + (i % 5),
    time: 100_000 + 60_000 * Math.floor(i / 4000),
    size: 1024,
  }));
  const events = [{kind: 'block', miner: 0, time: 0, size: 21}, ...rows].map(eventOf);
  await paymaker.ingest(uploadOf(events.slice(0, 5001)), '');
  await paymaker.ingest(uploadOf(events.slice(4000)), '');
  const [kept, made] = [await paymaker.whoToPay(), await paymaker.whoToPay(4e12)];
  deepEqual(fractions(made), fractions(kept));
  // The windows end amid a slot, so that a part is read from the ledger, in pages.
  deepEqual([kept.paid.shares.left, kept.paid.anns.left, kept.map.warnings], [0n, 0n, []]);
  equal(kept.paid.shares.oldest, LAB_NOW_MS - 700_000 + 100_000);
});

test('what is odd in an upload is told, and the rest of it counts', async (t) => {
  const nowMs = (): number => LAB_NOW_MS;
  const paymaker = await openPaymaker(t, {network: PKTREG, settings: labSettings(), nowMs});
  const share = (time: number, eventId: string, more: object = {}): object => ({
    type: 'share',
    payTo: testAddress(1),
    target: 0x1e020000,
    time,
    eventId,
    ...more,
  });
  const block = {type: 'block', height: 1, difficulty: 2, time: LAB_NOW_MS - 3_000_000, eventId: 'b'};
  const cases = [
    [share(LAB_NOW_MS + 300_001, 'ahead'), /^1 events are from the future/],
    [share(LAB_NOW_MS - 600_001, 'late'), /^1 events are late/],
    [share(LAB_NOW_MS - 400_000_000, 'old'), /^1 events are older than 172800 seconds/],
    [share(LAB_NOW_MS, 'nobody', {payTo: 'pkt1bad'}), /^1 events have an address that cannot be paid/],
    [{type: 'strange', time: LAB_NOW_MS, eventId: 'x'}, /^1 lines are no events/],
    [{type: 'share', payTo: testAddress(1), time: LAB_NOW_MS}, /^1 lines are no events/],
  ] as const;
  await paymaker.ingest(uploadOf([block]), '');
  for (const [event, expected] of cases) {
    const {warn} = await paymaker.ingest(uploadOf([event]), '');
    match(warn[0] ?? '', expected);
  }
  const {warn} = await paymaker.ingest(uploadOf([share(LAB_NOW_MS + 300_000, 'soon'), share(LAB_NOW_MS, 'now')]), '');
  deepEqual(warn, []);
  const times: [string, number][] = [];
  for await (const page of paymaker.ledger.eventsBetween('share', 0, 4e12)) {
    times.push(...page.map(({id, time}): [string, number] => [id, time - LAB_NOW_MS]));
  }
  deepEqual(times, [
    ['late', -600_001],
    ['ahead', 0],
    ['nobody', 0],
    ['now', 0],
    ['soon', 300_000],
  ]);
  equal(toDouble18((await paymaker.whoToPay()).map.fractions.get(testAddress(1))!), 4 * 0.125);
});

test('history is forgotten at its end, and only there', async (t) => {
  let now = LAB_NOW_MS;
  const settings = labSettings({historyDepth: 3600, pplnsBlkConstantX: 100, pplnsAnnConstantX: 1});
  const dir = await testFolder('history');
  const paymaker = await openPaymaker(t, {dir, network: PKTREG, settings, nowMs: () => now});
  const rows = [0, 1, 2, 3].flatMap((miner) => {
    const time = miner * 900_000 - 3_000_000 + 700_000;
    return ['block', 'share', 'anns'].map((kind) => ({
      kind,
      miner: miner + 1,
      time: kind === 'block' ? time - 1 : time,
      size: 100,
    }));
  });
  await paymaker.ingest(uploadOf(rows.map(eventOf)), '');
  const payees = async (books: Paymaker): Promise<number[]> => {
    const {map} = await books.whoToPay();
    return [1, 2, 3, 4].filter((miner) => map.fractions.has(testAddress(miner)));
  };
  deepEqual(await payees(paymaker), [1, 2, 3, 4]);
  now += 1_500_000;
  await paymaker.prune();
  deepEqual(await payees(paymaker), [2, 3, 4]);
  deepEqual(paymaker.counts, {blocks: 4, compressedAnnSlots: 3, shares: 3});
  deepEqual((await paymaker.whoToPay()).map, (await paymaker.whoToPay(4e12)).map);
  await paymaker.close();
  const again = await openPaymaker(t, {dir, network: PKTREG, settings, nowMs: () => now});
  deepEqual(await payees(again), [2, 3, 4]);
});

test('all mistakes in settings are told at once', () => {
  const wrong = {
    historyDepth: 10,
    pplnsAnnConstantX: 0,
    poolFee: 1,
    defaultAddress: 'pkt1bad',
    errorAddress: testAddress(1),
    strange: 1,
  };
  const refused = (value: unknown): string => {
    try {
      readPaymakerSettings(value, PKTREG);
    } catch (error) {
      ok(error instanceof PaymakerError && error.code === 'bad-settings');
      return error.message;
    }
    throw new Error('the settings were taken');
  };
  const message = refused(wrong);
  for (const part of [
    'privateSeed',
    'historyDepth',
    'pplnsAnnConstantX',
    'pplnsBlkConstantX',
    'poolFee',
    'defaultAddress',
    'strange',
  ]) {
    match(message, new RegExp(part));
  }
  const settings = labSettings();
  match(refused({...settings, poolFee: 0.1}), /poolFeeAddress: expected/);
  match(refused({...settings, paymakerHttpPasswd: undefined}), /paymakerHttpPasswd: expected/);
  const handler = {name: 'a', password: 'secret'};
  match(refused({...settings, handlers: [handler, handler]}), /the same name.*the same password/);
  match(refused({...settings, defaultAddress: PAYMAKER_VECTORS.config['defaultAddress']}), /defaultAddress/);
});
