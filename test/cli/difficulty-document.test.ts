import {deepEqual, equal, ok} from 'node:assert/strict';
import {existsSync, readFileSync} from 'node:fs';
import {test} from 'node:test';
import {
  chooseAnnouncements,
  degrade,
  effectiveTarget,
  effectiveWork,
  MAX_TARGET,
  powerMultiplier,
  softNonceMax,
  UNUSABLE_TARGET,
  workForCompact,
} from '../../src/core/packetcrypt/index.ts';
import {annTargetForWork, shareTarget} from '../../src/core/protocol/pool/index.ts';
import {tableRows} from '../support/document-tables.ts';
import {readVectors} from '../support/vectors.ts';

const text = readFileSync('docs/difficulty.md', 'utf8');
const NONE = '–';

function hex(compact: number): string {
  return `0x${compact.toString(16).padStart(8, '0')}`;
}

function workText(compact: number): string {
  return compact === UNUSABLE_TARGET ? NONE : String(workForCompact(compact));
}

function targetText(compact: number): string {
  return compact === UNUSABLE_TARGET ? NONE : hex(compact);
}

/** Every row of a table, as `compute` makes it of the row's own input. */
function checkTable(head: string, least: number, compute: (cells: readonly string[]) => readonly unknown[]): void {
  const rows = tableRows(text, head);
  ok(rows.length >= least, `${head}: ${rows.length} rows`);
  for (const row of rows) deepEqual(compute(row).map(String), row, head);
}

test('targets, work and soft nonces of docs/difficulty.md', () => {
  checkTable('| `ann_work` | Work bits', 6, ([work]) => {
    const bits = annTargetForWork(Number(work));
    return [work, hex(bits), workForCompact(bits), softNonceMax(bits)];
  });
  ok(text.includes(`\`0x20020000\``) && annTargetForWork(128) === 0x20020000);
  ok(text.includes(`${hex(MAX_TARGET)} is the easiest target`));
});

test('ageing in docs/difficulty.md', () => {
  const head = '| Age |';
  const line = text.split('\n').find((each) => each.startsWith(head))!;
  const targets = [...line.matchAll(/(0x[0-9a-f]{8}) becomes/g)].map(([, bits]) => Number(bits));
  equal(targets.length, 3);
  checkTable(head, 11, ([age]) => [
    age,
    ...targets.flatMap((bits) => {
      const aged = degrade(bits, Number(age));
      return [targetText(aged), workText(aged)];
    }),
  ]);
});

test('what a block takes, in docs/difficulty.md', () => {
  checkTable('| Block | Least announcement |', 7, ([block, ann, count]) => {
    const [bits, least, n] = [Number(block), Number(ann), Number(count)];
    return [
      ...[block, ann, count, workForCompact(bits), workForCompact(least), powerMultiplier(least, n)],
      ...[effectiveWork(bits, least, n), hex(effectiveTarget(bits, least, n))],
    ];
  });
  // The sentences below the table.
  const takes = (count: number): number => Number(effectiveWork(0x1c160000, 0x20020000, count));
  equal(Math.round(takes(1_000_000) / takes(100_000_000)), 10_000);
  const stronger = Number(powerMultiplier(0x20020000, 2_000_000)) / Number(powerMultiplier(0x20020000, 1_000_000));
  equal(stronger, 4);
});

test('the line that docs/block-mining.md shows has the multiplier of its set', () => {
  const shown = readFileSync('docs/block-mining.md', 'utf8');
  const [, real, eff, count, work, times] = shown.match(
    /real: (\d+) Ke\/s eff: (\d+) Pe\/s {3}anns: (\d+) @ (\d+) .* x(\d+) G/,
  )!;
  const multiplier = (BigInt(work!) * BigInt(count!) ** 2n) / 1024n;
  ok(text.includes(`a set of ${count} announcements whose least work is ${work}`));
  ok(
    text.includes(
      `multiplier of ${multiplier}, shown as \`x${times} G\`; and ${real} Ke/s times that is the ${eff} Pe/s`,
    ),
  );
  equal(multiplier / 10n ** 9n, BigInt(times!));
  equal((multiplier * BigInt(real!) * 1000n) / 10n ** 15n, BigInt(eff!));
  equal(multiplier, powerMultiplier(annTargetForWork(64), Number(count)));
});

test('the table of the best set in docs/difficulty.md, and its choice', () => {
  const PER_BLOCK = 1000;
  const START = 0x2001ffff;
  const power = (blocks: number): bigint =>
    workForCompact(degrade(START, 2 + blocks))! * BigInt(PER_BLOCK * blocks) ** 2n;
  checkTable('| Blocks used |', 6, ([blocks]) => {
    const used = Number(blocks);
    const part = (100n * power(used)) / power(1);
    return [used, PER_BLOCK * used, workForCompact(degrade(START, 2 + used)), power(used), `${part} %`];
  });
  const supply = [0, 1, 2, 3, 4, 5].map((i) => ({parentBlockHeight: 997 - i, workBits: START, count: PER_BLOCK}));
  equal(chooseAnnouncements(supply, 1000, 0x1c160000)!.taken.filter((taken) => taken > 0).length, 3);
});

test('the choices of docs/difficulty.md; the existing pool software makes the same', () => {
  const head = '| Supply: parents, work bits, number |';
  checkTable(head, 3, ([supply, room]) => {
    const [, first, last, bits, count] = supply!.match(/^(\d+) to (\d+), (0x[0-9a-f]{8}), (\d+) each$/)!;
    const classes = Array.from({length: Number(last) - Number(first) + 1}, (_, i) => {
      return {parentBlockHeight: Number(first) + i, workBits: Number(bits), count: Number(count)};
    });
    const choice = chooseAnnouncements(classes, 1000, 0x1c160000, Number(room));
    if (choice === undefined) return [supply, room, 0, NONE, NONE, NONE];
    const used = choice.taken.filter((taken) => taken > 0).length;
    return [supply, room, used, hex(choice.annLeastWorkTarget), choice.count, hex(choice.effectiveTarget)];
  });
  // The same supplies are among the vectors.
  const {cases} = readVectors<{cases: {classes: unknown[]; best: {classes: number; worst: number} | null}[]}>(
    'pool-selection',
  );
  const chosen = tableRows(text, head).map(([, , used, least]) => `${used} ${least}`);
  const vectors = cases.map(({best}) => (best === null ? `0 ${NONE}` : `${best.classes} ${hex(best.worst)}`));
  for (const each of chosen) ok(vectors.includes(each), each);
});

test('how hard announcements should be, in docs/difficulty.md', () => {
  const HASHES = 128_000;
  ok(text.includes('128,000 hashes in one block time'));
  checkTable('| `ann_work` | Found', 7, ([work]) => {
    const bits = annTargetForWork(Number(work));
    const found = HASHES / Number(work);
    let best = {blocks: 0, power: 0n};
    for (let blocks = 1; degrade(bits, 2 + blocks) !== UNUSABLE_TARGET; blocks++) {
      const power = workForCompact(degrade(bits, 2 + blocks))! * BigInt(found * blocks) ** 2n;
      if (power >= best.power) best = {blocks, power};
    }
    const upload = `${Math.round((found * 1024 * 8) / 60 / 1000)} kbit/s`;
    return [work, found, upload, best.blocks, best.power];
  });
});

test('shares in docs/difficulty.md', () => {
  const head = '| Divisor |';
  const block = Number(/Share target of a block (0x[0-9a-f]{8})/.exec(text)![1]);
  checkTable(head, 5, ([divisor]) => {
    const target = shareTarget(block, Number(divisor));
    const works = [block, target].map((bits) => Number(effectiveWork(bits, 0x20020000, 1_000_001)));
    return [divisor, hex(target), workForCompact(target), Math.round(works[0]! / works[1]!)];
  });
});

test('what docs/difficulty.md links to exists', () => {
  for (const [, target] of text.matchAll(/\]\(([^)#]+)/g)) ok(existsSync(`docs/${target}`), target);
});
