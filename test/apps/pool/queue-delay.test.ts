import {deepEqual, equal, ok} from 'node:assert/strict';
import {test} from 'node:test';
import {QueueDelay} from '../../../src/apps/pool/ann-handler/queue-delay.ts';

/** A queue in front of a worker that needs `ms` for an item; posts of 100 come as fast as they are let in. */
function simulate(delay: QueueDelay, clock: {now: number}, ms: number, posts: number): number {
  const queue: {leave: () => void; at: number}[] = [];
  let longest = 0;
  let freeAt = clock.now;
  for (let i = 0; i < posts; i++) {
    while (delay.hasRoom(100)) {
      freeAt = Math.max(freeAt, clock.now) + 100 * ms;
      const begun = clock.now;
      const leave = delay.enter(100);
      const at = freeAt;
      queue.push({
        at,
        leave: () => {
          longest = Math.max(longest, at - begun);
          leave();
        },
      });
    }
    const {at, leave} = queue.shift()!;
    clock.now = at;
    leave();
  }
  while (queue.length > 0) {
    const {at, leave} = queue.shift()!;
    clock.now = at;
    leave();
  }
  return longest;
}

test('nobody waits longer than the bound, on a fast machine and on one that gets slower', () => {
  const clock = {now: 0};
  const delay = new QueueDelay({maxMs: 1500, now: () => clock.now});
  simulate(delay, clock, 0.05, 2000);
  const fast = simulate(delay, clock, 0.05, 2000);
  ok(fast > 1300 && fast <= 1501, `${fast} ms`);
  simulate(delay, clock, 0.5, 400);
  const slow = simulate(delay, clock, 0.5, 400);
  ok(slow > 1300 && slow <= 1501, `${slow} ms`);
  equal(delay.waiting, 0);
});

test('who comes when nobody waits is let in, however slow', () => {
  const clock = {now: 0};
  const delay = new QueueDelay({maxMs: 1500, now: () => clock.now});
  const leave = delay.enter(20);
  clock.now = 10_000_000;
  leave();
  equal(delay.hasRoom(1000), true);
  const second = delay.enter(1);
  deepEqual([delay.hasRoom(1), delay.ms > 1500], [false, true]);
  second();
  equal(delay.hasRoom(1), true);
});

test('what one item waited says little', () => {
  const clock = {now: 0};
  const delay = new QueueDelay({maxMs: 1500, now: () => clock.now});
  const leave = delay.enter(1);
  clock.now = 1_000_000;
  leave();
  const large = delay.enter(1024);
  equal(delay.hasRoom(1024), true);
  large();
});
