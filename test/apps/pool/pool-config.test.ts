import {deepEqual, equal, match, ok} from 'node:assert/strict';
import {test} from 'node:test';
import {PoolConfigError, readPoolSettings} from '../../../src/apps/pool/pool-config.ts';
import {EXISTING_POOL_TOML, OWN_POOL_TOML} from '../../support/pool-configs.ts';

/** What is told of a configuration with mistakes. */
function refusal(text: string): string {
  try {
    readPoolSettings(text);
  } catch (error) {
    if (error instanceof PoolConfigError) return error.message;
    throw error;
  }
  throw new Error('it was taken');
}

function lineOf(text: string, part: string): number {
  return text.split('\n').findIndex((line) => line.includes(part)) + 1;
}

test('the file of an existing announcement handler is read as it is', () => {
  const settings = readPoolSettings(EXISTING_POOL_TOML);
  deepEqual(
    [settings.network, settings.nodes, settings.master, settings.paymaker_url],
    ['pkt', [], undefined, undefined],
  );
  deepEqual(settings.paymaker_http_password, 'correct horse');
  deepEqual(settings.ann_handler['ah0'], {
    public_url: 'http://ah0.pool.example/submit',
    listen: '0.0.0.0:8081',
    threads: 5,
    queue_anns: 256 * 1024,
    files_to_keep: 512,
    block_miner_passwd: 'battery staple',
    bind_pvt: '10.0.0.5:6666',
    spray_at: ['10.0.0.6:6667'],
    mss: 1472,
  });
  deepEqual(Object.keys(settings.ann_handler), ['ah0', 'ah1']);
  equal(settings.ann_handler['ah1']!.listen, '[::1]:8082');
});

test('all but what nobody can guess may be left out of it', () => {
  const needed = /^(\[|paymaker_http_password|master_url|root_workdir|public_url|bind_pub)/;
  const lines = EXISTING_POOL_TOML.split('\n').filter((line) => needed.test(line));
  equal(Object.keys(readPoolSettings(lines.join('\n')).ann_handler).length, 2);
  for (const [i, line] of lines.entries()) {
    if (line.startsWith('[')) continue;
    const [key] = line.split(' ') as [string];
    const told = refusal(lines.filter((_, k) => k !== i).join('\n'));
    match(told, new RegExp(`(${key === 'bind_pub' ? 'listen' : key}): is missing`));
  }
});

test('mistakes are told all at once, with their line and what to do', () => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['num_workers = 5', 'num_workerz = 5', /ann_handler\.ah0\.num_workerz: is not known; known here are .*num_workers/],
    ['num_workers = 5', 'num_workers = "many"', /ah0\.num_workers: expected how many threads/],
    ['input_queue_len = 256', 'input_queue_len = 0', /ah0\.input_queue_len: expected how many posts/],
    ['skip_check_chance = 0.5', 'skip_check_chance = 7', /ah0\.skip_check_chance: expected a number from 0 to 1/],
    ['subscribe_to = []', 'subscribe_to = ["1.2.3.4:5"]', /ah0\.subscribe_to: .*run "pkt sprayer"/],
    ['bind_pub = "0.0.0.0:8081"', 'bind_pub = "0.0.0.0"', /ah0\.listen: expected HOST:PORT/],
    ['bind_pvt = "10.0.0.5:6666"', 'bind_pvt = "10.0.0.5:66666"', /ah0\.bind_pvt: expected a port of at most 65535/],
    ['/ah0.pool.example/submit"', '/ah0.pool.example"', /ah0\.public_url: .*ends with \/submit/],
    ['pool.example/master"', 'pool.example/master/"', /master_url: .*without slash at the end/],
    ['pool.example/master"', 'pool.example:port master"', /master_url: expected an address/],
    ['spray_workers = 4', 'listen = "0.0.0.0:1"', /ah0\.listen: says the same as listen|ah0\.bind_pub: says the same/],
    ['paymaker_http_password = "correct horse"', 'paymaker_http_passwd = "x"', /paymaker_http_passwd: is not known/],
  ];
  for (const [from, to, text] of cases) {
    const changed = EXISTING_POOL_TOML.replace(from, to);
    ok(changed !== EXISTING_POOL_TOML, from);
    const told = refusal(changed);
    match(told, text);
    if (!/listen/.test(String(text))) ok(told.includes(`line ${lineOf(changed, to)}: `), `${to}: ${told}`);
  }
  const both = EXISTING_POOL_TOML.replace('num_workers = 5', 'a = 1').replace('num_workers = 1', 'b = 2');
  match(refusal(both), /line \d+: ann_handler\.ah0\.a: .*line \d+: ann_handler\.ah1\.b: /);
});

test('TOML that is none is refused with its line', () => {
  const broken = EXISTING_POOL_TOML.replace('num_workers = 5', 'num_workers = ');
  match(refusal(broken), new RegExp(`^bad-toml: .*line ${lineOf(broken, 'num_workers = ')}\\b`));
  match(refusal('\u0000'), /^bad-toml/);
  match(refusal(`${EXISTING_POOL_TOML}\n[ann_handler.ah0]\n`), /^bad-toml/);
});

test('the file of a whole pool needs everything that a pool has', () => {
  equal(readPoolSettings(OWN_POOL_TOML).master!.ann_work, 128);
  const without = (part: RegExp): string => refusal(OWN_POOL_TOML.replace(part, ''));
  match(without(/\[\[nodes\]\][^[]*/), /nodes: is missing/);
  match(without(/\[master\][^[]*/), /master: is missing/);
  match(without(/paymaker_url.*\n/), /paymaker_url: is missing/);
  match(without(/ann_work = 128\n/), /line \d+: master: give ann_work or ann_target, one of them/);
  const unknown = OWN_POOL_TOML.replace('user = "x"', 'usr = "x"');
  ok(refusal(unknown).includes(`line ${lineOf(unknown, 'usr')}: nodes.0.usr: is not known; known here are url, user`));
});
