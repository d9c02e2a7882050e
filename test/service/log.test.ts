import {deepEqual, equal, match} from 'node:assert/strict';
import {Writable} from 'node:stream';
import {test} from 'node:test';
import {CodedError} from '../../src/core/errors.ts';
import {createLog, type LogOptions} from '../../src/service/logs/pino-log.ts';

function collect(options: Omit<LogOptions, 'out'>): {log: ReturnType<typeof createLog>; lines: () => string[]} {
  let text = '';
  const out = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      text += chunk.toString();
      done();
    },
  });
  return {log: createLog({...options, out}), lines: () => text.split('\n').filter((line) => line !== '')};
}

test('a line of the log is an object with level, message and fields', () => {
  const {log, lines} = collect({level: 'info', format: 'json'});
  log.debug('not written');
  const hash = new Uint8Array(32);
  hash[0] = 0xab;
  log.info('block connected', {height: 7, hash, units: 2n ** 60n});
  log.warn('refused', {error: new CodedError('too-small', {text: 'it is too small'}, {size: 3n})});
  const [first, second, ...more] = lines().map((line) => JSON.parse(line) as Record<string, unknown>);
  equal(more.length, 0);
  const {time, ...rest} = first!;
  match(String(time), /^\d{4}-\d\d-\d\dT/);
  deepEqual(rest, {
    level: 30,
    msg: 'block connected',
    height: 7,
    hash: `${'00'.repeat(31)}ab`,
    units: '1152921504606846976',
  });
  deepEqual(second!['error'], {code: 'too-small', message: 'too-small: it is too small (size 3)', size: '3'});
});

test('the text form has one line an entry', () => {
  const {log, lines} = collect({level: 'debug', format: 'text'});
  log.debug('peer said hello', {agent: '/x:1/'});
  log.error('disk full');
  equal(lines().length, 2);
  match(lines()[0]!, /DEBUG.*peer said hello.*agent/);
  match(lines()[1]!, /ERROR.*disk full/);
});
