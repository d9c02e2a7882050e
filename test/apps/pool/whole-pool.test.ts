import {deepEqual, equal, match} from 'node:assert/strict';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {type TestContext, test} from 'node:test';
import {AnnMiner} from '../../../src/apps/miner/ann/ann-miner.ts';
import {BlockPoolMiner} from '../../../src/apps/miner/blk/block-pool-miner.ts';
import {AnnFiles} from '../../../src/apps/pool/ann-handler/ann-files.ts';
import {AnnHandler} from '../../../src/apps/pool/ann-handler/ann-handler.ts';
import {AnnServer} from '../../../src/apps/pool/ann-handler/ann-server.ts';
import {SeenStore} from '../../../src/apps/pool/ann-handler/seen-store.ts';
import {BlockHandler} from '../../../src/apps/pool/block-handler/block-handler.ts';
import {BlockServer} from '../../../src/apps/pool/block-handler/block-server.ts';
import {BlockSubmitter} from '../../../src/apps/pool/block-handler/block-submitter.ts';
import {ShareBooks} from '../../../src/apps/pool/block-handler/share-books.ts';
import {AnnouncementValidator} from '../../../src/core/engines/index.ts';
import {PKTREG} from '../../../src/core/params/index.ts';
import {logId, type PoolEvent} from '../../../src/core/protocol/pool/index.ts';
import {WASM_VERIFIER} from '../../../src/service/crypto/secp256k1.ts';
import {NO_LOG} from '../../../src/service/logs/log.ts';
import {createHttpSender, EventLog} from '../../../src/service/pool/event-log.ts';
import {PoolFollower} from '../../../src/service/pool/pool-follower.ts';
import {Sprayer} from '../../../src/service/sprayer/sprayer.ts';
import {BlockVerifier} from '../../../src/service/threads/block-verifier.ts';
import {spawnNodeThread} from '../../../src/service/threads/node-threads.ts';
import {
  eventually,
  freePort,
  LAB_SETTINGS,
  openLabMaster,
  openLabNode,
  testAddress,
  testFolder,
} from '../../support/pool-lab.ts';

const now = (): number => performance.now();
const ALICE = testAddress(8);
const BOB = testAddress(9);

/** Takes events as a paymaker does. */
async function openSink(t: TestContext): Promise<{url: string; events: PoolEvent[]}> {
  const events: PoolEvent[] = [];
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const body = Buffer.concat(pieces);
      equal(request.headers.authorization, `Basic ${Buffer.from('x:pass').toString('base64')}`);
      for (const line of body.toString().trim().split('\n')) events.push(JSON.parse(line) as PoolEvent);
      response.end(JSON.stringify({result: {eventId: logId(new Uint8Array(body))}, error: [], warn: []}));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => new Promise((resolve) => server.close(resolve)));
  return {url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, events};
}

test('announcement miner, handlers, block miner, master and node make blocks together, and every piece of work is told of', async (t) => {
  const {node, rpc, generate} = await openLabNode(t);
  await generate(4);
  const sink = await openSink(t);
  const [annPort, blockPort] = [await freePort(), await freePort()];
  const [annUrl, blockUrl] = [`http://127.0.0.1:${annPort}`, `http://127.0.0.1:${blockPort}`];
  const {url} = await openLabMaster(t, {
    nodes: [rpc],
    settings: {
      ...LAB_SETTINGS,
      submitAnnUrls: [`${annUrl}/submit`],
      downloadAnnUrls: [annUrl],
      submitBlockUrls: [`${blockUrl}/submit`],
      paymakerUrl: sink.url,
      annTarget: 0x2003ffff,
      shareWorkDivisor: 4,
    },
  });
  const dir = await testFolder('whole');
  const openEvents = (name: string): Promise<EventLog> =>
    EventLog.open({
      dir: `${dir}/${name}`,
      log: NO_LOG,
      rotateMs: 100,
      send: createHttpSender(() => sink.url, 'x', 'pass'),
    });

  const validator = new AnnouncementValidator({threads: 1, spawn: spawnNodeThread, now});
  const annEvents = await openEvents('ann-events');
  const seen = await SeenStore.open(`${dir}/seen`);
  const files = await AnnFiles.open({
    dir: `${dir}/anns`,
    handler: () => 0,
    filesToKeep: 50,
    log: NO_LOG,
    nowMs: () => Date.now(),
    flushMs: 200,
  });
  const loopback = {address: '127.0.0.1', port: 0};
  const sprayer = await Sprayer.open({bind: loopback, password: 'pw', log: NO_LOG});
  const annHandler = new AnnHandler({
    network: PKTREG,
    publicUrl: `${annUrl}/submit`,
    validator,
    seen,
    events: annEvents,
    files,
    onAccepted: (anns) => sprayer.send(anns),
    now: () => performance.now(),
    nowMs: () => Date.now(),
    log: NO_LOG,
  });
  const annServer = new AnnServer({handler: annHandler, files, blockMinerPassword: 'pw', log: NO_LOG});
  await annServer.listen('127.0.0.1', annPort);
  const annFollower = new PoolFollower({urls: [url], depth: 6, work: true, userAgent: 'ah', pollMs: 100});
  annFollower.subscribe((state) => annHandler.follow(state));
  annFollower.open();

  const verifier = new BlockVerifier({threads: 1, spawn: spawnNodeThread, now, verifier: WASM_VERIFIER});
  const blockEvents = await openEvents('block-events');
  const submitter = await BlockSubmitter.open({
    nodes: [rpc],
    dir: `${dir}/blocks`,
    record: (share) => blockEvents.append(share),
    log: NO_LOG,
  });
  const shares = await ShareBooks.open(`${dir}/shares`, NO_LOG);
  t.after(() => shares.close());
  const blockHandler = new BlockHandler({
    shares,
    network: PKTREG,
    nodes: [rpc],
    verifier,
    submitter,
    events: blockEvents,
    privateSeed: null,
    nowMs: () => Date.now(),
    log: NO_LOG,
  });
  const blockServer = new BlockServer({handler: blockHandler, log: NO_LOG});
  await blockServer.listen('127.0.0.1', blockPort);
  const blockFollower = new PoolFollower({urls: [url], depth: 1, work: true, userAgent: 'bh', pollMs: 100});
  blockFollower.subscribe((state) => blockHandler.follow(state, [url]));
  blockFollower.open();

  const annMiner = new AnnMiner({
    pools: [url],
    payTo: ALICE,
    threads: 1,
    uploaders: 2,
    uploadTimeoutMs: 10_000,
    mineOld: -1,
    userAgent: 'ann',
    spawn: spawnNodeThread,
    firstHardNonce: 7,
    log: NO_LOG,
    onFailure: (error) => {
      throw error;
    },
    pollMs: 100,
    flushMs: 200,
  });
  const blockMiner = new BlockPoolMiner({
    firstHeaderNonce: 9,
    pool: url,
    payTo: BOB,
    threads: 1,
    capacity: 20_000,
    downloaders: 4,
    uploaders: 2,
    uploadTimeoutMs: 10_000,
    handlerPassword: 'pw',
    spray: {bind: loopback, subscribeTo: [sprayer.address]},
    keepDir: `${dir}/kept`,
    userAgent: 'blk',
    spawn: spawnNodeThread,
    log: NO_LOG,
    onFailure: (error) => {
      throw error;
    },
    pollMs: 100,
    downloadPollMs: 100,
    refreshMs: 300,
  });
  let mining = true;
  const stopMining = async (): Promise<void> => {
    if (!mining) return;
    mining = false;
    await annMiner.close();
    await blockMiner.close();
  };
  const close = async (): Promise<void> => {
    await stopMining();
    await sprayer.close();
    await annServer.close();
    await blockServer.close();
    await annFollower.close();
    await blockFollower.close();
    await files.close();
    await annEvents.close();
    await blockEvents.close();
    await seen.close();
    await submitter.close();
    await validator.close();
    await verifier.close();
  };
  try {
    annMiner.open();
    await blockMiner.open();
    const begun = node.parts.chain.height;
    for (let i = 0; i < 6 && node.parts.chain.height < begun + 3; i++) {
      await eventually(
        'another block',
        () => node.parts.chain.height > begun + i || node.parts.chain.height >= begun + 3,
      );
    }
    equal(node.parts.chain.height >= begun + 3, true);
    const line = annMiner.pools[0]!;
    equal(line.counts.accepted > 0, true);
    deepEqual([line.state, line.handlers.length], ['mining', 1]);
    // They go when their parents are too old, and blocks come fast here.
    await eventually('announcements are kept', () => blockMiner.figures().keptBytes > 0, 60);
    await stopMining();
    await eventually('events of all kinds', () =>
      ['anns', 'share', 'block'].every((type) => sink.events.some((event) => event.type === type)),
    );
    await eventually('everything accepted is told to the paymaker', () => {
      const told = sink.events.reduce((sum, event) => sum + (event.type === 'anns' ? event.accepted : 0), 0);
      return told === annHandler.counts.accepted && told >= annMiner.pools[0]!.counts.accepted;
    });
    for (const event of sink.events) {
      if (event.type === 'anns') equal(event.payTo, ALICE);
      if (event.type === 'share') equal(event.payTo, BOB);
    }
    const winners = sink.events.filter((event) => event.type === 'share' && event.block);
    equal(winners.length > 0, true);
    for (const winner of winners) {
      if (winner.type !== 'share') continue;
      match(winner.headerHash!, /^[0-9a-f]{64}$/);
      equal(((await rpc.call('getblockheader', [winner.headerHash])) as {hash: string}).hash, winner.headerHash);
    }
    const {shares, sources, handlers, intake, switches} = blockMiner.figures();
    // Announcements came both ways and were verified in part.
    equal(sources[0]!.received > 0 && handlers[0]!.files > 0, true);
    deepEqual([intake.sampled > 0, intake.bad, switches > 0], [true, 0, true]);
    equal(shares.accepted > 0 && shares.blocks > 0, true);
    equal(shares.refused, 0);
  } finally {
    await close();
  }
});
