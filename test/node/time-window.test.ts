import {equal} from 'node:assert/strict';
import {test} from 'node:test';
import {medianTime} from '../../src/core/consensus/index.ts';
import {TimeWindow} from '../../src/node/chain/time-window.ts';
import {Random} from '../fuzz/random.ts';

test('the median of a window is that of its times, whatever their order', () => {
  const random = new Random(7);
  for (const size of [1, 2, 11, 111]) {
    const window = new TimeWindow(size);
    const times: number[] = [];
    for (let i = 0; i < 400; i++) {
      const time = 1000 + random.below(i % 50 < 5 ? 3 : 5000);
      times.push(time);
      window.push(time);
      equal(window.median, medianTime(times.slice(-size)), `size ${size}, time ${i}`);
    }
  }
});
