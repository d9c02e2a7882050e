import {deepEqual, equal, match, notEqual} from 'node:assert/strict';
import {test} from 'node:test';
import {decodeTemplateFile, decodeWork, readBlockInfo, readPoolConfig} from '../../../src/core/protocol/pool/index.ts';
import {httpRequest} from '../../../src/service/http/http-client.ts';
import {PoolFollower, type PoolState} from '../../../src/service/pool/pool-follower.ts';
import {RpcClient} from '../../../src/service/rpc-client.ts';
import {eventually, LAB_SETTINGS, openLabMaster, openLabNode, testAddress, testFolder} from '../../support/pool-lab.ts';

const LIMITS = {timeoutMs: 10_000, maxBytes: 10_000_000};

async function get(url: string): Promise<{status: number; body: Uint8Array; header: (name: string) => string | null}> {
  const {status, body, headers} = await httpRequest(url, LIMITS);
  return {status, body, header: (name) => headers.get(name)};
}

const text = (body: Uint8Array): string => Buffer.from(body).toString();

test('a master hands out work, and everything that clients ask for with it', async (t) => {
  const {rpc, generate, node} = await openLabNode(t);
  const {url, master} = await openLabMaster(t, {nodes: [rpc]});
  await eventually('first work', () => master.published?.height === 1);
  await generate(12);
  await eventually('work for height 13', () => master.published?.height === 13);
  const config = await get(`${url}/config.json`);
  equal(config.header('content-type'), 'application/json');
  equal(config.header('cache-control'), 'max-age=8, stale-while-revalidate=2');
  match(text(config.body), /^\{\n\t"tipHash"/);
  const {tipHash, currentHeight, annTarget, version} = readPoolConfig(JSON.parse(text(config.body)));
  deepEqual([currentHeight, annTarget, version], [13, LAB_SETTINGS.annTarget, 3]);
  equal(tipHash, Buffer.from(node.parts.chain.tip.hash.reverse()).toString('hex'));

  const file = await get(`${url}/work_13.bin`);
  equal(file.header('content-type'), 'application/octet-stream');
  const work = decodeWork(file.body);
  equal(work.height, 13);
  equal(Buffer.from(work.header.slice(4, 36).reverse()).toString('hex'), tipHash);
  const template = decodeTemplateFile((await get(`${url}/bt_13.bin`)).body);
  deepEqual([template.height, template.coinbase, template.header], [13, work.coinbase, work.header]);

  let hash = tipHash;
  for (let height = 12; height >= 2; height--) {
    const answer = await get(`${url}/blkinfo_${hash}.json`);
    equal(answer.header('cache-control'), 'max-age=999999999');
    const info = readBlockInfo(JSON.parse(text(answer.body)));
    deepEqual([info.header.height, info.sigKey], [height, null]);
    equal('confirmations' in info.header, false);
    hash = info.header.previousblockhash;
  }
  for (const [path, status] of [
    [`blkinfo_${'0'.repeat(64)}.json`, 404],
    ['work_15.bin', 404],
    ['work_99999999999.bin', 404],
    ['bt_14.bin', 404],
    ['nothing', 404],
    ['../../etc/passwd', 404],
    ['work_13.bin?x=1', 404],
  ] as const) {
    const answer = await get(`${url}/${path}`);
    equal(answer.status, status, path);
    equal(answer.header('cache-control'), 'no-store', path);
  }
});

test('work that is not there yet is waited for; old work is made up', async (t) => {
  const {rpc, generate} = await openLabNode(t);
  await generate(6);
  const quick = await openLabMaster(t, {nodes: [rpc], longPollMs: 300});
  const {url, master, server} = await openLabMaster(t, {nodes: [rpc], maxWaiting: 3});
  await eventually('first work', () => master.published !== undefined && quick.master.published !== undefined);
  const again = await get(`${quick.url}/work_8.bin`);
  deepEqual([again.status, again.header('x-pc-longpoll'), again.body.length], [300, 'try-again', 0]);
  const waiting = [1, 2, 3].map(() => get(`${url}/work_8.bin`));
  await eventually('three waiting', () => server.waiting === 3);
  equal((await get(`${url}/work_8.bin`)).status, 503);
  await generate(1);
  for (const {status, body} of await Promise.all(waiting)) {
    equal(status, 200);
    equal(decodeWork(body).height, 8);
  }
  equal(server.waiting, 0);
  const old = decodeWork((await get(`${url}/work_3.bin`)).body);
  deepEqual([old.height, old.coinbase.length], [3, 0]);
});

test('before the first template nothing is ready', async (t) => {
  const nobody = new RpcClient({url: 'http://127.0.0.1:1/', user: 'x', password: 'x', timeoutMs: 500});
  const {url, master} = await openLabMaster(t, {nodes: [nobody]});
  const answer = await get(`${url}/config.json`);
  deepEqual([answer.status, text(answer.body)], [500, 'Server not ready']);
  await eventually('the reason is told', () => /no node answers/.test(master.reason));
});

test('a restart goes on with the same files; a reorganisation does not', async (t) => {
  const {rpc, node, generate} = await openLabNode(t);
  await generate(4);
  const dir = await testFolder('restart');
  const first = await openLabMaster(t, {nodes: [rpc], dir});
  await eventually('first work', () => first.master.published?.height === 5);
  const {work} = first.master.published!;
  await first.close();
  // Another template: the payouts have changed.
  await node.parts.payouts.set(new Map([[testAddress(2), '7']]));
  const second = await openLabMaster(t, {nodes: [rpc], dir});
  await eventually('work after the restart', () => second.master.published?.height === 5);
  deepEqual(second.master.published!.work, work);
  await second.close();
  const other = {...LAB_SETTINGS, annTarget: 0x2000ffff};
  const third = await openLabMaster(t, {nodes: [rpc], dir, settings: other});
  await eventually('work with another target', () => third.master.published !== undefined);
  equal(decodeWork(third.master.published!.work).annTarget, 0x2000ffff);
  // Another chain of the same height.
  const rival = await openLabNode(t);
  await rival.generate(6);
  const tip = third.master.published!.config.tipHash;
  await rpc.call('addnode', [rival.node.addresses.p2p[0], 'onetry']);
  await eventually('work on the other chain', () => third.master.published?.height === 7);
  notEqual(third.master.published!.config.tipHash, tip);
});

test('a standby hands out the same files', async (t) => {
  const {rpc, generate} = await openLabNode(t);
  await generate(3);
  const primary = await openLabMaster(t, {nodes: [rpc]});
  await eventually('first work', () => primary.master.published?.height === 4);
  const standby = await openLabMaster(t, {nodes: [rpc], standbyOf: [primary.url]});
  await eventually('work of the standby', () => standby.master.published?.height === 4);
  deepEqual(standby.master.published!.work, primary.master.published!.work);
  deepEqual(standby.master.published!.template, primary.master.published!.template);
  await primary.close();
  await generate(1);
  await eventually('work without the primary', () => standby.master.published?.height === 5);
});

test('a node that dies is replaced by the next', async (t) => {
  const {rpc, generate} = await openLabNode(t);
  await generate(2);
  const dead = new RpcClient({url: 'http://127.0.0.1:1/', user: 'x', password: 'x', timeoutMs: 500});
  const {master} = await openLabMaster(t, {nodes: [dead, rpc]});
  await eventually('work from the second node', () => master.published?.height === 3);
});

test('a follower hears of every change at once, with the blocks below, and outlives its masters', async (t) => {
  const {rpc, generate} = await openLabNode(t);
  await generate(9);
  const {url, master, close} = await openLabMaster(t, {nodes: [rpc]});
  await eventually('first work', () => master.published !== undefined);
  const states: PoolState[] = [];
  const follower = new PoolFollower({
    urls: ['http://127.0.0.1:1/gone', url],
    depth: 6,
    work: true,
    userAgent: 'test',
    pollMs: 60_000,
  });
  t.after(() => follower.close());
  follower.subscribe((state) => states.push(state));
  follower.open();
  await eventually('first state', () => states.length === 1);
  deepEqual(
    [...states[0]!.blocks.keys()].sort((a, b) => a - b),
    [4, 5, 6, 7, 8, 9],
  );
  equal(states[0]!.work!.height, 10);
  equal(follower.health, 'live');
  await generate(1);
  await eventually('new work without waiting for the next look', () => states.at(-1)!.config.currentHeight === 11);
  equal(states.at(-1)!.work!.height, 11);
  deepEqual(
    [...states.at(-1)!.blocks.keys()].sort((a, b) => a - b),
    [5, 6, 7, 8, 9, 10],
  );
  await close();
  equal(follower.state!.config.currentHeight, 11);
});
