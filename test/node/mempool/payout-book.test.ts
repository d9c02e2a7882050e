import {deepEqual, equal, rejects} from 'node:assert/strict';
import {mkdtemp, readFile, rm, stat, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {type TestContext, test} from 'node:test';
import {encodeAddress} from '../../../src/core/consensus/index.ts';
import {PKT, PKTREG} from '../../../src/core/params/index.ts';
import {PayoutBook, type PayoutBookOptions} from '../../../src/node/mempool/payout-book.ts';
import {type TEMPLATE_ERRORS, TemplateError} from '../../../src/node/mempool/template-errors.ts';
import {NO_LOG} from '../../../src/service/logs/log.ts';
import {StoreError} from '../../../src/service/stores/key-value-store.ts';

const script = (number: number): Uint8Array => Uint8Array.from([0, 20, ...new Uint8Array(20).fill(number)]);
const address = (number: number): string => encodeAddress(script(number), PKTREG.addresses);
const scriptAddress = (...bytes: number[]): string => `script:${Buffer.from(bytes).toString('base64')}`;

async function bookPath(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pkt-payouts-'));
  t.after(() => rm(folder, {recursive: true, force: true}));
  return join(folder, 'payouts.json');
}

function open(path?: string, more: Partial<PayoutBookOptions> = {}): Promise<PayoutBook> {
  return PayoutBook.open({network: PKTREG, log: NO_LOG, ...(path === undefined ? {} : {path}), ...more});
}

async function refused(book: PayoutBook, pairs: [string, string][], code: keyof typeof TEMPLATE_ERRORS): Promise<void> {
  await rejects(book.set(new Map(pairs)), (error) => error instanceof TemplateError && error.code === code);
}

test('what was set is there after a restart', async (t) => {
  const path = await bookPath(t);
  const book = await open(path, {fallback: [address(9)]});
  deepEqual(book.weights, [{script: script(9), weight: '1'}]);
  let told = 0;
  book.subscribe(() => told++);
  const payouts = new Map([
    [address(1), '0.25'],
    [address(2), '3e-7'],
  ]);
  await book.set(payouts);
  equal(told, 1);
  equal(book.version, 1);
  const weights = [
    {script: script(1), weight: '0.25'},
    {script: script(2), weight: '3e-7'},
  ];
  deepEqual(book.weights, weights);
  const again = await open(path, {fallback: [address(9)]});
  deepEqual(again.weights, weights);
  deepEqual(again.addresses, payouts);
  equal((await stat(path)).mode & 0o777, 0o600);
});

test('addresses of other networks, nonsense and lost money are refused, and the old payouts stay', async (t) => {
  const path = await bookPath(t);
  const book = await open(path);
  deepEqual(book.weights, []);
  await book.set(new Map([[address(1), '1']]));
  const before = await readFile(path, 'utf8');
  await refused(book, [[encodeAddress(script(1), PKT.addresses), '1']], 'bad-payout-address');
  await refused(book, [['nonsense', '1']], 'bad-payout-address');
  await refused(book, [[address(1), '-1']], 'bad-payout-weight');
  await refused(book, [[address(1), 'NaN']], 'bad-payout-weight');
  await refused(book, [], 'no-payouts');
  await refused(book, [[address(1), '0']], 'no-payouts');
  // Burnt, and one that would be taken for the commitment.
  await refused(book, [[scriptAddress(0x6a), '1']], 'unspendable-payout');
  await refused(
    book,
    [[scriptAddress(0x6a, 0x30, 9, 0xf9, 0x11, 2, ...new Uint8Array(44)), '1']],
    'unspendable-payout',
  );
  deepEqual(book.weights, [{script: script(1), weight: '1'}]);
  equal(book.version, 1);
  equal(await readFile(path, 'utf8'), before);
  await rejects(open(undefined, {fallback: ['nonsense']}), TemplateError);
});

test('payouts are bounded by what a block has room for', async () => {
  const book = await open();
  const many = (count: number, make: (i: number) => string): [string, string][] =>
    Array.from({length: count}, (_, i) => [make(i), '1']);
  const paid = (i: number): string => {
    const bytes = script(i & 255);
    bytes[5] = i >> 8;
    return encodeAddress(bytes, PKTREG.addresses);
  };
  await book.set(new Map(many(6060, paid)));
  await refused(book, many(6061, paid), 'payouts-too-large');
  const costly = (i: number): string => scriptAddress(0x51, 2, i & 255, i >> 8, 0x51, 0xae);
  await book.set(new Map(many(500, costly)));
  await refused(book, many(501, costly), 'payouts-too-large');
});

test('a file that cannot be read is passed over with a warning', async (t) => {
  const path = await bookPath(t);
  const own = await open(path);
  await own.set(new Map([[address(1), '1']]));
  const good = await readFile(path, 'utf8');
  for (const text of [
    '',
    '{',
    '[]',
    good.replace('pktreg', 'pkt'),
    good.replace('"1"', '1'),
    good.replace('"1"', '"x"'),
  ]) {
    await writeFile(path, text);
    const warnings: string[] = [];
    const log = {...NO_LOG, warn: (message: string) => warnings.push(message)};
    const book = await open(path, {log, fallback: [address(3)]});
    deepEqual(book.weights, [{script: script(3), weight: '1'}], text);
    equal(warnings.length, 1, text);
  }
});

test('payouts that cannot be kept are not used', async (t) => {
  const path = join(await bookPath(t), 'no', 'folder');
  const book = await open(path);
  await rejects(book.set(new Map([[address(1), '1']])), StoreError);
  deepEqual(book.weights, []);
});
