import {deepEqual, equal, throws} from 'node:assert/strict';
import {test} from 'node:test';
import fc from 'fast-check';
import {dividePayouts, type Payout, parseWeight} from '../../src/node/mempool/payouts.ts';

const script = (number: number): Uint8Array => Uint8Array.of(0, 1, number);
const noDust = (): boolean => false;
const sum = (payouts: readonly Payout[]): bigint => payouts.reduce((total, {value}) => total + value, 0n);

test('weights are decimal numbers, exactly', () => {
  equal(parseWeight('1'), 10n ** 18n);
  equal(parseWeight('0.1'), 10n ** 17n);
  equal(parseWeight('1e-7'), 10n ** 11n);
  equal(parseWeight('12.5E+3'), 12_500n * 10n ** 18n);
  equal(parseWeight('0.0000000000000000019'), 1n);
  equal(parseWeight('3.'), 3n * 10n ** 18n);
  for (const text of ['', '-1', 'NaN', 'Infinity', '1e', '0x10', ' 1', '1e999', '.5']) {
    throws(() => parseWeight(text), RangeError, text);
  }
});

test('equal weights: the rest goes to the lowest scripts', () => {
  const weights = [3, 1, 2].map((number) => ({script: script(number), weight: '1'}));
  deepEqual(dividePayouts(weights, 100n, 0n, noDust), [
    {script: script(1), value: 34n},
    {script: script(2), value: 33n},
    {script: script(3), value: 33n},
  ]);
});

test('largest fractions first', () => {
  const weights = [
    {script: script(1), weight: '0.15'},
    {script: script(2), weight: '0.25'},
    {script: script(3), weight: '0.6'},
  ];
  deepEqual(
    dividePayouts(weights, 11n, 0n, noDust).map(({value}) => value),
    [2n, 3n, 6n],
  );
});

test('fees and dust go to the largest', () => {
  const weights = [
    {script: script(1), weight: '1'},
    {script: script(2), weight: '98'},
    {script: script(3), weight: '1'},
  ];
  deepEqual(
    dividePayouts(weights, 1000n, 7n, ({value}) => value < 11n),
    [{script: script(2), value: 1007n}],
  );
});

test('one script named twice is one payee', () => {
  const weights = [
    {script: script(1), weight: '1'},
    {script: script(1), weight: '2'},
    {script: script(2), weight: '1'},
  ];
  deepEqual(
    dividePayouts(weights, 4n, 0n, noDust).map(({value}) => value),
    [3n, 1n],
  );
});

test('nobody to pay is refused', () => {
  throws(() => dividePayouts([], 1n, 0n, noDust), RangeError);
  throws(() => dividePayouts([{script: script(1), weight: '0'}], 1n, 0n, noDust), RangeError);
});

test('not a unit is lost, whatever the order of the weights', () => {
  const weight = fc.oneof(
    fc.integer({min: 0, max: 1000}).map(String),
    fc.double({min: 1e-9, max: 1e9, noNaN: true}).map(String),
  );
  const input = fc.array(fc.tuple(fc.integer({min: 0, max: 40}), weight), {minLength: 1, maxLength: 30});
  const amount = fc.bigInt({min: 0n, max: 2n ** 43n});
  fc.assert(
    fc.property(input, amount, amount, fc.bigInt({min: 0n, max: 2n ** 30n}), (pairs, minerPart, fees, dust) => {
      const weights = pairs.map(([number, text]) => ({script: script(number), weight: text}));
      fc.pre(weights.some(({weight: text}) => parseWeight(text) > 0n));
      const isDust = ({value}: Payout): boolean => value < dust;
      const payouts = dividePayouts(weights, minerPart, fees, isDust);
      equal(sum(payouts), minerPart + fees);
      deepEqual(dividePayouts(weights.toReversed(), minerPart, fees, isDust), payouts);
      equal(payouts.filter(isDust).length <= 1, true);
    }),
    {numRuns: 500},
  );
});
