import {deepEqual, equal, match, ok} from 'node:assert/strict';
import {cp, mkdir, readdir, readFile, rm, truncate} from 'node:fs/promises';
import {test} from 'node:test';
import {decodeHex, encodeHex} from '../../../src/core/bytes/index.ts';
import type {PoolEvent, ShareEvent} from '../../../src/core/protocol/pool/index.ts';
import {eventually, testFolder} from '../../support/pool-lab.ts';
import {
  ALREADY,
  deadNode,
  openFakeNode,
  openShareLab,
  SHARE,
  SHARE_PARENT,
  SHARE_WORK,
  shareState,
} from '../../support/share-lab.ts';

const {body: BODY} = SHARE.post;
const SHARE_REPLY = SHARE.reply.result;
const {headerHash: _hash, ...REST} = SHARE_REPLY;
/** What is told of the same share where it is no block. */
const PLAIN: ShareEvent = {...REST, block: false};

/** Events that are on disk. */
async function eventsIn(dir: string): Promise<PoolEvent[]> {
  const names = (await readdir(`${dir}/events`)).sort();
  const texts = await Promise.all(names.map((name) => readFile(`${dir}/events/${name}`, 'utf8')));
  return texts
    .join('')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as PoolEvent);
}

/** Blocks that wait for a node. */
async function kept(dir: string): Promise<string[]> {
  return (await readdir(`${dir}/blocks`)).sort();
}

/** The upload with one byte of header and proof changed. */
function changed(byte: number, xor: number): typeof BODY {
  const bytes = decodeHex(BODY.header_and_proof);
  bytes[byte] = bytes[byte]! ^ xor;
  return {...BODY, header_and_proof: encodeHex(bytes)};
}

test('the share of the vectors gets the reply of the vectors, and the node its bytes', async (t) => {
  const dir = await testFolder('share');
  const node = await openFakeNode(t);
  const lab = await openShareLab(t, {nodes: [node.rpc], dir});
  deepEqual(await lab.post(BODY), {
    status: 500,
    body: {result: '', error: ['no currentWork'], warn: []},
  });
  lab.handler.follow(shareState(), [lab.masterUrl]);
  let onDisk: PoolEvent[] = [];
  node.onSubmit = async () => {
    onDisk = await eventsIn(dir);
    return null;
  };
  const first = await lab.post(BODY);
  deepEqual(first, {status: 200, body: SHARE.reply});
  deepEqual(node.submitted, [SHARE.submitblock]);
  deepEqual(onDisk, [], 'told only once it is known what has become of it');
  deepEqual(await eventsIn(dir), [SHARE_REPLY]);
  deepEqual(await kept(dir), []);

  const [{blockHeight, shareTarget, parentHashes}] = lab.verifier.inputs as [(typeof lab.verifier.inputs)[number]];
  deepEqual([blockHeight, shareTarget], [SHARE.checkpcshare.height, SHARE.checkpcshare.sharetarget]);
  const parent = encodeHex(decodeHex(SHARE_PARENT).reverse());
  deepEqual(
    parentHashes.map((hash) => encodeHex(hash!)),
    SHARE.parsed.annParentHeights.map(() => parent),
  );
  equal(node.asked.filter((method) => method === 'getblockhash').length, 1, 'asked once for all announcements');

  deepEqual(await lab.post(BODY), first);
  deepEqual([node.submitted.length, lab.verifier.inputs.length, (await eventsIn(dir)).length], [1, 1, 1]);
  deepEqual(lab.handler.counts, {shares: 1, blocks: 1, refused: 0, duplicates: 1});
});

test('an event is on disk before the miner hears of its share', async (t) => {
  const dir = await testFolder('share');
  const node = await openFakeNode(t);
  let recorded = false;
  const lab = await openShareLab(t, {
    nodes: [node.rpc],
    dir,
    beforeRecord: async () => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      recorded = true;
    },
  });
  lab.handler.follow(shareState(), [lab.masterUrl]);
  await lab.post(BODY);
  equal(recorded, true);
  deepEqual(await eventsIn(dir), [SHARE_REPLY]);
});

test('a share that is no block is told of and not submitted', async (t) => {
  const dir = await testFolder('share');
  const node = await openFakeNode(t);
  const lab = await openShareLab(t, {nodes: [node.rpc], dir});
  lab.handler.follow(shareState(), [lab.masterUrl]);
  lab.verifier.outcome = 'SHARE_OK';
  deepEqual(await lab.post(BODY), {status: 200, body: {result: PLAIN, error: [], warn: []}});
  deepEqual(await eventsIn(dir), [PLAIN]);
  deepEqual(node.submitted, []);
});

test('the changed shares of the vectors come out as the vectors say', async (t) => {
  const dir = await testFolder('share');
  const node = await openFakeNode(t);
  const lab = await openShareLab(t, {nodes: [node.rpc], dir});
  lab.handler.follow(shareState(), [lab.masterUrl]);
  let refused = 0;
  for (const {what, byte, xor, httpStatus, errorContains} of SHARE.mutations) {
    if (httpStatus === undefined) continue;
    const {status, body} = await lab.post(changed(byte!, xor!));
    equal(status, httpStatus, what);
    equal(body.result, '', what);
    equal(body.error.length, 1, what);
    ok(body.error[0]!.includes(errorContains!), `${what}: ${body.error[0]}`);
    refused++;
  }
  equal(refused, 3);
  // Without its version entry a proof is another one.
  const shortened = {...BODY, header_and_proof: BODY.header_and_proof.slice(0, -'040102'.length)};
  const {status, body} = await lab.post(shortened);
  deepEqual([status, body.result], [400, '']);
  deepEqual([node.submitted, await eventsIn(dir)], [[], []]);

  // Time, version and bits are restored: the same share, whatever stands there.
  const [time] = SHARE.mutations;
  for (const [at, xor] of [
    [time!.byte!, time!.xor!],
    [0, 1],
    [72, 1],
  ] as const) {
    const again = await lab.post(changed(at, xor));
    deepEqual(again, {status: 200, body: SHARE.reply});
    equal((again.body.result as ShareEvent).eventId, time!.shouldBe);
  }
  deepEqual([node.submitted, (await eventsIn(dir)).length], [[SHARE.submitblock], 1]);
  equal(lab.handler.counts.duplicates, 2);
});

test('what is no share is refused in the words of existing handlers', async (t) => {
  const node = await openFakeNode(t);
  const lab = await openShareLab(t, {nodes: [node.rpc], dir: await testFolder('share')});
  lab.handler.follow(shareState(), [lab.masterUrl]);
  const wrongEntry = changed(80, 3);
  const cases: readonly (readonly [unknown, RegExp])[] = [
    ['', /^no content$/],
    ['{"a":', /^Upload is not parsable as json$/],
    [wrongEntry, /^First element after header must be Pcp$/],
    [{...BODY, header_and_proof: 'zz'}, /^Upload is not/],
    [{...BODY, coinbase_commit: `${BODY.coinbase_commit}00`}, /^Upload is not a share/],
    [null, /^Upload is not a share/],
  ];
  for (const [body, text] of cases) {
    const answer = await lab.post(body);
    equal(answer.status, 400, String(text));
    match(answer.body.error[0]!, text);
    equal(answer.body.result, '');
  }
  const long = await lab.post(`"${'x'.repeat(400_000)}"`);
  deepEqual(long, {status: 400, body: {result: '', error: ['too big'], warn: []}});
});

test('several nodes: one is dead, one refuses, one is slow, and the block is in as soon as one takes it', async (t) => {
  const dir = await testFolder('share');
  const [slow, refusing, good] = [await openFakeNode(t), await openFakeNode(t), await openFakeNode(t)];
  let release = (): void => {};
  slow.onSubmit = () =>
    new Promise((resolve) => {
      release = () => resolve(null);
    });
  refusing.onSubmit = () => 'rejected: 1.0 ErrHighHash: not enough work';
  const lab = await openShareLab(t, {nodes: [deadNode(), slow.rpc, refusing.rpc, good.rpc], dir});
  lab.handler.follow(shareState(), [lab.masterUrl]);
  deepEqual(await lab.post(BODY), {status: 200, body: SHARE.reply});
  for (const node of [slow, refusing, good]) deepEqual(node.submitted, [SHARE.submitblock]);
  deepEqual(await kept(dir), []);
  release();
});

test('a node that has the block already has taken it', async (t) => {
  const dir = await testFolder('share');
  const node = await openFakeNode(t);
  node.onSubmit = () => ALREADY;
  const lab = await openShareLab(t, {nodes: [node.rpc], dir});
  lab.handler.follow(shareState(), [lab.masterUrl]);
  deepEqual(await lab.post(BODY), {status: 200, body: SHARE.reply});
});

test('a block that every node refuses is a share all the same', async (t) => {
  const dir = await testFolder('share');
  const node = await openFakeNode(t);
  node.onSubmit = () => 'rejected: 1.0 ErrMissingParent: no such parent\n\nstack of the node';
  const lab = await openShareLab(t, {nodes: [node.rpc], dir});
  lab.handler.follow(shareState(), [lab.masterUrl]);
  deepEqual(await lab.post(BODY), {status: 200, body: {result: PLAIN, error: [], warn: []}});
  deepEqual(await eventsIn(dir), [PLAIN]);
  deepEqual(await kept(dir), []);
});

test('a share sent again after a restart gets the answer it had, whoever sends it', async (t) => {
  const dir = await testFolder('share');
  const node = await openFakeNode(t);
  node.onSubmit = () => null;
  const lab = await openShareLab(t, {nodes: [node.rpc], dir});
  lab.handler.follow(shareState(), [lab.masterUrl]);
  const first = await lab.post(BODY);
  equal(first.status, 200);
  equal((await eventsIn(dir)).length, 1);
  await lab.close();

  const again = await openShareLab(t, {nodes: [node.rpc], dir});
  again.handler.follow(shareState(), [again.masterUrl]);
  const other = {
    ...SHARE.post.headers,
    'x-pc-payto': 'pkt1q6hqsqhqdgqfd8t3xwgceulu7k9d9w5t2amath0qxyfjlvl3s3u4sjza2g2',
  };
  deepEqual(await again.post(BODY, other), first);
  deepEqual(again.handler.counts.duplicates, 1);
  await eventually('what was told before has been sent', async () => (await eventsIn(dir)).length === 0);
  await again.close();

  // A line that a crash has cut off, and a file that cannot be used, cost no share.
  const [name] = await readdir(`${dir}/shares`);
  await truncate(`${dir}/shares/${name}`, 20);
  const third = await openShareLab(t, {nodes: [node.rpc], dir});
  third.handler.follow(shareState(), [third.masterUrl]);
  equal((await third.post(BODY)).status, 200);
  await third.close();
  await rm(`${dir}/shares/${name}`);
  await mkdir(`${dir}/shares/${name}`);
  const fourth = await openShareLab(t, {nodes: [node.rpc], dir});
  fourth.handler.follow(shareState(), [fourth.masterUrl]);
  equal((await fourth.post(BODY)).status, 200);
});

test('while no node answers a block is kept, and submitted at the next start', async (t) => {
  const dir = await testFolder('share');
  const node = await openFakeNode(t);
  node.onSubmit = () => Promise.reject(new Error('gone'));
  const lab = await openShareLab(t, {nodes: [node.rpc, deadNode()], dir, submitter: {giveUpMs: 200}});
  lab.handler.follow(shareState(), [lab.masterUrl]);
  deepEqual(await lab.post(BODY), {status: 200, body: {result: PLAIN, error: [], warn: []}});
  ok(node.submitted.length > 1, 'asked again and again');
  deepEqual(await kept(dir), [`block_${SHARE.headerHash}.bin`, `share_${SHARE.headerHash}.json`]);
  deepEqual(await eventsIn(dir), [PLAIN]);
  await lab.close();

  node.submitted.length = 0;
  node.onSubmit = () => null;
  const again = await openShareLab(t, {nodes: [node.rpc], dir});
  await eventually('the block is in', () => again.submitter.waiting === 0);
  deepEqual(node.submitted, [SHARE.submitblock]);
  deepEqual(await kept(dir), []);
  deepEqual((await eventsIn(dir)).at(-1), SHARE_REPLY);
});

test('stopping does not wait for nodes, and the miner is answered', async (t) => {
  const dir = await testFolder('share');
  const node = await openFakeNode(t);
  let asked = false;
  node.onSubmit = () => {
    asked = true;
    return new Promise(() => {});
  };
  const lab = await openShareLab(t, {nodes: [node.rpc], dir});
  lab.handler.follow(shareState(), [lab.masterUrl]);
  const answer = lab.post(BODY);
  await eventually('the node is asked', () => asked);
  await lab.close();
  deepEqual(await answer, {status: 200, body: {result: PLAIN, error: [], warn: []}});
  deepEqual(await kept(dir), [`block_${SHARE.headerHash}.bin`, `share_${SHARE.headerHash}.json`]);
});

test('a program that is killed at any moment loses neither block nor share', async (t) => {
  const node = await openFakeNode(t);
  const root = await testFolder('killed');
  const dir = `${root}/live`;
  await mkdir(dir);
  // What is on disk when the node has heard of it but not answered; when it has answered and nothing more has been written.
  const snapshots: string[] = [];
  const snapshot = async (name: string): Promise<void> => {
    snapshots.push(name);
    await cp(dir, `${root}/${name}`, {recursive: true});
  };
  node.onSubmit = async () => {
    await snapshot('submitting');
    return null;
  };
  const lab = await openShareLab(t, {nodes: [node.rpc], dir, beforeRecord: () => snapshot('accepted')});
  lab.handler.follow(shareState(), [lab.masterUrl]);
  await lab.post(BODY);
  deepEqual(snapshots, ['submitting', 'accepted']);
  for (const [name, answer] of [
    ['submitting', null],
    ['accepted', ALREADY],
  ] as const) {
    const other = `${root}/${name}`;
    deepEqual(await eventsIn(other), []);
    node.submitted.length = 0;
    node.onSubmit = () => answer;
    const reopened = await openShareLab(t, {nodes: [node.rpc], dir: other});
    await eventually('the block is in', () => reopened.submitter.waiting === 0);
    deepEqual(node.submitted, [SHARE.submitblock], name);
    deepEqual(await eventsIn(other), [SHARE_REPLY], name);
    deepEqual(await kept(other), [], name);
  }
});

test('a share that cannot be written down is refused; sent again it is the block that it was', async (t) => {
  const dir = await testFolder('share');
  const node = await openFakeNode(t);
  const {StoreError} = await import('../../../src/service/stores/key-value-store.ts');
  let full = true;
  const beforeRecord = (): Promise<void> =>
    full ? Promise.reject(new StoreError('store-unusable', {reason: 'no space left'})) : Promise.resolve();
  const lab = await openShareLab(t, {nodes: [node.rpc], dir, beforeRecord});
  lab.handler.follow(shareState(), [lab.masterUrl]);
  deepEqual(await lab.post(BODY), {status: 500, body: {result: '', error: ['server not ready'], warn: []}});
  deepEqual(await eventsIn(dir), []);
  equal((await kept(dir)).length, 2);
  full = false;
  node.onSubmit = () => ALREADY;
  deepEqual(await lab.post(BODY), {status: 200, body: SHARE.reply});
  deepEqual(await eventsIn(dir), [SHARE_REPLY]);
  deepEqual(await kept(dir), []);
});

test('a template that cannot be had is asked for again, of every master, and the share is not lost', async (t) => {
  const dir = await testFolder('share');
  const node = await openFakeNode(t);
  const lab = await openShareLab(t, {nodes: [node.rpc], dir});
  lab.template = {status: 404, body: new Uint8Array(0)};
  lab.handler.follow(shareState(), ['http://127.0.0.1:1/gone', lab.masterUrl]);
  const refusal = {result: '', error: ['Unable to get block template'], warn: []};
  deepEqual(await lab.post(BODY), {status: 500, body: refusal});
  const other = decodeHex(SHARE.blockTemplate);
  other[10] = other[10]! ^ 1;
  for (const body of [other, other.subarray(0, 100), new Uint8Array(0)]) {
    lab.template = {status: 200, body};
    deepEqual(await lab.post(BODY), {status: 500, body: refusal});
  }
  ok(lab.fetched.length > 4);
  deepEqual(node.submitted, []);
  lab.template = {status: 200, body: decodeHex(SHARE.blockTemplate)};
  deepEqual(await lab.post(BODY), {status: 200, body: SHARE.reply});
  deepEqual(node.submitted, [SHARE.submitblock]);
});

test('once a block is taken further ones on the same work are shares; new work begins anew', async (t) => {
  const dir = await testFolder('share');
  const node = await openFakeNode(t);
  const lab = await openShareLab(t, {nodes: [node.rpc], dir});
  lab.handler.follow(shareState(), [lab.masterUrl]);
  // A second block at the same time: the other nonce stands for another proof.
  lab.verifier.checkProof = () => Promise.resolve({outcome: 'OK', workHash: new Uint8Array(32)});
  const bodies = [0, 1, 2, 3].map((i) => changed(76, i));
  const answers = await Promise.all(bodies.map((body) => lab.post(body)));
  const blocks = answers.map(({body}) => (body.result as ShareEvent).block);
  deepEqual(blocks.filter(Boolean).length, 1);
  equal(node.submitted.length, 1);
  equal(new Set(answers.map(({body}) => (body.result as ShareEvent).eventId)).size, 4);
  equal((await eventsIn(dir)).length, 4);

  // The same chain, another coinbase: a new work.
  const coinbase = SHARE_WORK.coinbase.slice();
  lab.handler.follow(shareState({...SHARE_WORK, coinbase}), [lab.masterUrl]);
  equal((await lab.post(BODY)).status, 200);
  equal(node.submitted.length, 1, 'equal work is the same work');
  const header = SHARE_WORK.header.slice();
  header[68] = header[68]! ^ 1;
  lab.handler.follow(shareState({...SHARE_WORK, header}), [lab.masterUrl]);
  const template = decodeHex(SHARE.blockTemplate);
  const at = Buffer.from(template).indexOf(Buffer.from(SHARE_WORK.header));
  template.set(header, at);
  lab.template = {status: 200, body: template};
  equal(((await lab.post(BODY)).body.result as ShareEvent).block, true);
  equal(node.submitted.length, 2);
});

test('a block that no node answers about keeps the next one waiting for a moment only', async (t) => {
  const dir = await testFolder('share');
  const node = await openFakeNode(t);
  const lab = await openShareLab(t, {nodes: [node.rpc], dir, handler: {turnMs: 50}});
  lab.handler.follow(shareState(), [lab.masterUrl]);
  lab.verifier.checkProof = () => Promise.resolve({outcome: 'OK', workHash: new Uint8Array(32)});
  let release = (): void => {};
  node.onSubmit = () =>
    new Promise((resolve) => {
      release = () => resolve(null);
    });
  const first = lab.post(changed(76, 0));
  await eventually('the first is submitted', () => node.submitted.length === 1);
  node.onSubmit = () => null;
  equal(((await lab.post(changed(76, 1))).body.result as ShareEvent).block, true);
  release();
  equal(((await first).body.result as ShareEvent).block, true);
});

test('while no node tells the parents shares are not judged; what the master tells needs no node', async (t) => {
  const dir = await testFolder('share');
  const node = await openFakeNode(t);
  const lab = await openShareLab(t, {nodes: [deadNode()], dir, submitter: {giveUpMs: 50}});
  lab.handler.follow(shareState(), [lab.masterUrl]);
  deepEqual(await lab.post(BODY), {status: 500, body: {result: '', error: ['server not ready'], warn: []}});
  const second = await openShareLab(t, {nodes: [node.rpc], dir: await testFolder('share')});
  const header = {
    hash: SHARE_PARENT,
    height: 1008,
    version: 4,
    versionHex: '00000004',
    merkleroot: SHARE_PARENT,
    time: 1,
    nonce: 1,
    bits: '207fffff',
    difficulty: 1,
    previousblockhash: SHARE_PARENT,
  };
  const blocks = new Map([[1008, {header, sigKey: null}]]);
  second.handler.follow({...shareState(), blocks}, [second.masterUrl]);
  deepEqual(await second.post(BODY), {status: 200, body: SHARE.reply});
  deepEqual(node.asked, ['submitblock']);
});

test('a block of the chain is told to the paymaker when new work stands on it', async (t) => {
  const dir = await testFolder('share');
  const node = await openFakeNode(t);
  const lab = await openShareLab(t, {nodes: [node.rpc], dir});
  lab.handler.follow(shareState(), [lab.masterUrl]);
  const header = SHARE_WORK.header.slice();
  header.set(decodeHex(SHARE.headerHash).reverse(), 4);
  lab.handler.follow(shareState({...SHARE_WORK, header, height: 1012}), [lab.masterUrl]);
  await eventually('the event', async () => (await eventsIn(dir)).length === 1);
  deepEqual(await eventsIn(dir), [{...SHARE.blockEvent, time: SHARE_REPLY.time}]);
  const {status, body} = await lab.post(BODY);
  equal(status, 400);
  match(body.error[0]!, /^Share is for wrong work, expecting previous hash \[[0-9a-f]{64}\]/);
});
