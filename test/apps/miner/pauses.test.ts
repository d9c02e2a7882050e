import {deepEqual, equal} from 'node:assert/strict';
import {mkdir, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {test} from 'node:test';
import {createPauses} from '../../../src/apps/miner/pauses.ts';
import {isWithin, readHours} from '../../../src/apps/miner/schedule.ts';
import {type PowerSource, readPowerSource} from '../../../src/service/measure/power-source.ts';
import {listeningLog} from '../../support/ann-lab.ts';
import {testFolder} from '../../support/pool-lab.ts';

test('hours of the day, also over midnight', () => {
  deepEqual(readHours('22:00-07:30'), {from: 1320, to: 450});
  for (const wrong of ['', '22-7', '22:00', '25:00-01:00', '12:60-13:00', '7:00-7:00', '1:00-2:00-3:00', 'a:bc-1:00'])
    equal(readHours(wrong), undefined, wrong);
  const night = [readHours('22:00-07:00')!];
  for (const [minute, inside] of [
    [1319, false],
    [1320, true],
    [0, true],
    [419, true],
    [420, false],
  ] as const)
    equal(isWithin(night, minute), inside, String(minute));
  const parts = [...night, readHours('12:00-13:00')!];
  equal(isWithin(parts, 12 * 60 + 30), true);
  equal(isWithin(parts, 13 * 60), false);
  equal(isWithin([], 0), true);
});

test('the source of power is read from what Linux lists', async () => {
  const dir = await testFolder('power');
  const supply = async (place: string, files: Record<string, string>): Promise<void> => {
    await mkdir(join(dir, place), {recursive: true});
    for (const [name, text] of Object.entries(files)) await writeFile(join(dir, place, name), `${text}\n`);
  };
  equal(await readPowerSource(join(dir, 'none')), 'unknown');
  await supply('mouse/hid', {type: 'Battery', status: 'Discharging', scope: 'Device'});
  equal(await readPowerSource(join(dir, 'mouse')), 'unknown');
  await supply('laptop/BAT0', {type: 'Battery', status: 'Discharging'});
  equal(await readPowerSource(join(dir, 'laptop')), 'battery');
  await supply('laptop/AC', {type: 'Mains', online: '0'});
  equal(await readPowerSource(join(dir, 'laptop')), 'battery');
  await supply('laptop/AC', {type: 'Mains', online: '1'});
  equal(await readPowerSource(join(dir, 'laptop')), 'mains');
  await supply('full/BAT0', {type: 'Battery', status: 'Full'});
  equal(await readPowerSource(join(dir, 'full')), 'mains');
});

test('a miner rests outside its hours and on battery; where nothing is known of batteries, this is said once', async () => {
  const {log, said} = listeningLog();
  let power: PowerSource = 'mains';
  let now = new Date(2026, 0, 1, 23, 0);
  const ask = createPauses({
    hours: [readHours('22:00-07:00')!],
    readPower: () => Promise.resolve(power),
    now: () => now,
    log,
  });
  equal(await ask(), undefined);
  power = 'battery';
  equal(await ask(), 'on battery');
  now = new Date(2026, 0, 1, 12, 0);
  equal(await ask(), 'outside the schedule');
  now = new Date(2026, 0, 1, 23, 0);
  power = 'unknown';
  equal(await ask(), undefined);
  equal(await ask(), undefined);
  equal(said.length, 1);
});
