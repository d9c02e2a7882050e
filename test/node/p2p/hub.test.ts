import {deepEqual, equal, ok} from 'node:assert/strict';
import {test} from 'node:test';
import {createPktreg, PKT, PKTREG} from '../../../src/core/params/index.ts';
import {encodeFilter, filterHash, filterHeader} from '../../../src/core/primitives/index.ts';
import {encodeFrame, SERVICE} from '../../../src/core/protocol/p2p/index.ts';
import {RECONNECT_MS} from '../../../src/node/p2p/addresses/address-book.ts';
import {formatEndpoint, parseIp} from '../../../src/node/p2p/addresses/ip.ts';
import {MAX_QUEUED_BYTES} from '../../../src/node/p2p/connection.ts';
import {HUB_LIMITS} from '../../../src/node/p2p/hub.ts';
import {branch, genesisOf} from '../../support/easy-blocks.ts';
import {acceptAll, hashOf, LAB_START_MS, Lab, type LabNode, type Stranger} from '../../support/peer-lab.ts';

const SHORT = createPktreg({money: {coinbaseMaturity: 5, stewardExpiry: 60}});
const ip = (text: string): Uint8Array => parseIp(text)!;
const at = (text: string): {ip: Uint8Array; port: number} => ({ip: ip(text), port: 64764});
const seen = (text: string): {ip: Uint8Array; port: number; services: bigint; time: number} => ({
  ...at(text),
  services: 9n,
  time: LAB_START_MS / 1000 - 100,
});
const SOURCE = ip('9.9.9.9');

test('the greeting through the hub, and what the operator sees of a peer', async (t) => {
  const lab = new Lab(t, PKTREG);
  const [a, b] = [await lab.node(), await lab.node()];
  lab.connect(a, b);
  await lab.run(61_000);
  const [info] = a.hub.peers();
  equal(info?.address, '8.2.0.1:64764');
  deepEqual([info?.kind, info?.isReady, info?.version, info?.userAgent], ['outbound', true, 70013, '/lab:1/']);
  deepEqual([info?.services, info?.startHeight, info?.timeOffset, info?.latencyMs], [9n, 0, 0, 0]);
  ok(info!.bytesSent > 200 && info!.bytesReceived > 200);
  deepEqual(a.hub.totals.bytesSent, b.hub.totals.bytesReceived);
  equal(b.hub.peers()[0]?.kind, 'inbound');
  a.hub.disconnect(info!.id);
  await lab.run(500);
  deepEqual([a.hub.count, b.hub.count], [0, 0]);
  ok(a.hub.totals.bytesSent > 200, 'totals outlive connections');
  equal(a.book.find(b.endpoint)?.tried, true, 'who greeted us is remembered');
});

test('a ping on demand is answered, and waited for', async (t) => {
  const lab = new Lab(t, PKTREG);
  const node = await lab.node();
  const peer = lab.stranger(node, 'inbound');
  await lab.run(250);
  node.hub.ping();
  await lab.run(5000);
  equal(node.hub.peers()[0]?.pingWaitMs, 5000);
  const [ping] = peer.take('ping');
  peer.send('pong', ping!);
  await lab.run(250);
  deepEqual([node.hub.peers()[0]?.pingWaitMs, node.hub.peers()[0]?.latencyMs], [undefined, 5000]);
});

test('limits on who comes in', async (t) => {
  const lab = new Lab(t, PKTREG);
  const node = await lab.node();
  const greeted: Stranger[] = [];
  for (let i = 0; i < HUB_LIMITS.inboundPerHost; i++) {
    ok(node.hub.mayAccept(at('8.8.8.8')));
    greeted.push(lab.stranger(node, 'inbound', {ip: ip('8.8.8.8')}));
  }
  await lab.run(250);
  equal(node.hub.mayAccept(at('8.8.8.8')), false, 'too many of one host');
  for (let i = 0; i < 20; i++) lab.stranger(node, 'inbound', {ip: ip('127.0.0.1')});
  ok(node.hub.mayAccept(at('127.0.0.1')), 'programs on this host are not limited');
  node.bans.addHost(ip('7.7.7.7'), lab.nowMs);
  equal(node.hub.mayAccept(at('7.7.7.7')), false, 'banned');
  await lab.run(250);
  for (let i = 0; i < HUB_LIMITS.halfOpen; i++) {
    ok(node.hub.mayAccept(at(`6.${i}.1.1`)));
    lab.stranger(node, 'inbound', {ip: ip(`6.${i}.1.1`), version: {version: 70013}}).end.take();
  }
  equal(node.hub.mayAccept(at('5.5.5.5')), false, 'too many that have not greeted');
  await lab.run(11_000);
  ok(node.hub.mayAccept(at('5.5.5.5')));
  equal(node.hub.count, greeted.length + 20);
});

test('when all places are taken a newcomer replaces one of the crowd, not who is worth keeping', async (t) => {
  const lab = new Lab(t, PKTREG);
  const limits = {total: 40, inboundPerHost: 40, halfOpen: 40};
  const node = await lab.node({limits});
  const old = Array.from({length: 15}, (_, i) => lab.stranger(node, 'inbound', {ip: ip(`8.${i}.1.1`)}));
  await lab.run(250);
  const crowd = Array.from({length: 25}, (_, i) => lab.stranger(node, 'inbound', {ip: ip(`6.6.1.${i}`)}));
  await lab.run(250);
  const [useful] = crowd.slice(-1) as [Stranger];
  useful.connection.lastUsefulMs = lab.nowMs;
  for (let i = 0; i < 10; i++) {
    ok(node.hub.mayAccept(at(`5.${i}.1.1`)));
    lab.stranger(node, 'inbound', {ip: ip(`5.${i}.1.1`)});
    await lab.run(250);
  }
  equal(node.hub.count, limits.total);
  ok(
    old.every(({isConnected}) => isConnected),
    'who was there long stays',
  );
  ok(useful.isConnected, 'who gave something new stays');
  equal(crowd.filter(({isConnected}) => !isConnected).length, 10);
});

test('without inbound connections there is nobody to evict', async (t) => {
  const lab = new Lab(t, PKTREG);
  const node = await lab.node({limits: {total: 1, inboundPerHost: 4, halfOpen: 4}});
  lab.stranger(node, 'outbound');
  await lab.run(250);
  equal(node.hub.mayAccept(at('5.5.5.5')), false);
});

test('a host that offends is banned with all its connections; this host and named nodes are not', async (t) => {
  const lab = new Lab(t, PKTREG);
  const node = await lab.node();
  const malformed = encodeFrame(PKTREG.magic, 'ping', new Uint8Array(7));
  const offend = async (peer: Stranger): Promise<void> => {
    await lab.run(250);
    for (let i = 0; i < 10; i++) peer.end.send(malformed);
    await lab.run(250);
    equal(peer.isConnected, false);
  };
  const [bad, same, neighbour] = ['2600::1', '2600::2', '2600:0:0:1::1'].map((text) =>
    lab.stranger(node, 'inbound', {ip: ip(text)}),
  ) as [Stranger, Stranger, Stranger];
  await offend(bad);
  deepEqual([same.isConnected, neighbour.isConnected], [false, true]);
  equal(node.hub.mayAccept(at('2600::77')), false);
  await offend(lab.stranger(node, 'inbound', {ip: ip('127.0.0.1')}));
  await offend(lab.stranger(node, 'manual', {ip: ip('8.8.8.8')}));
  equal(node.bans.size, 1);
  lab.nowMs += 86_400_000;
  ok(node.hub.mayAccept(at('2600::77')));
});

test('a node that reaches itself leaves and does not come back', async (t) => {
  const lab = new Lab(t, PKTREG);
  const node = await lab.node({outboundTarget: 2});
  node.book.add([seen('8.1.0.1')], SOURCE, lab.nowMs);
  await lab.run(250);
  const [request] = node.dialed.splice(0);
  equal(request?.host, '8.1.0.1');
  lab.connect(node, node, request);
  await lab.run(500);
  equal(node.hub.count, 0);
  await lab.run(10 * RECONNECT_MS);
  deepEqual(node.dialed, []);
});

test('connections are opened up to the target, to different groups, and again after a while', async (t) => {
  const lab = new Lab(t, PKTREG);
  const node = await lab.node({outboundTarget: 6});
  const addresses = [
    '8.8.1.1',
    '8.8.2.2',
    '8.9.1.1',
    '2600:1::1',
    '2600:1:0:1::1',
    'fc11::1',
    'fc21::1',
    '7.7.7.7',
    '6.6.6.6',
  ];
  node.book.add(addresses.map(seen), SOURCE, lab.nowMs);
  await lab.run(250);
  const hosts = node.dialed.map(({host}) => host);
  equal(hosts.length, 6);
  equal(hosts.filter((host) => host.startsWith('8.8.')).length <= 1, true);
  equal(hosts.filter((host) => host.startsWith('2600:')).length <= 1, true);
  await lab.run(5000);
  equal(node.dialed.length, 6, 'as many are under way');
  for (const request of node.dialed.splice(0)) node.hub.dialFailed(request);
  await lab.run(RECONNECT_MS - 6000);
  ok(node.dialed.length <= 3, 'those that failed are not tried again so soon');
  for (const request of node.dialed.splice(0)) node.hub.dialFailed(request);
  await lab.run(RECONNECT_MS);
  equal(node.dialed.length, 6);
});

test('a flood of addresses from a peer leaves the book small, and nothing of it is passed on', async (t) => {
  const lab = new Lab(t, PKTREG);
  const node = await lab.node();
  const flooder = lab.stranger(node, 'inbound');
  await lab.run(250);
  for (let i = 0; i < 20; i++) {
    flooder.send(
      'addr',
      Array.from({length: 1000}, (_, j) => seen(`8.${i}.${j >> 8}.${j & 255}`)),
    );
  }
  await lab.run(1000);
  ok(node.book.size <= 1000, `${node.book.size}`);
  const curious = lab.stranger(node, 'inbound');
  curious.send('getaddr', undefined);
  await lab.run(250);
  deepEqual(curious.take('addr'), []);
  for (let i = 0; i < 10; i++) node.book.worked(at(`7.${i}.1.1`), 9n, lab.nowMs);
  const another = lab.stranger(node, 'inbound');
  another.send('getaddr', undefined);
  another.send('getaddr', undefined);
  await lab.run(250);
  const told = another.take('addr');
  deepEqual(
    told.map((list) => list.length),
    [3],
  );
  ok(told[0]!.every((address) => formatEndpoint(address).startsWith('7.')));
});

test('what a connection of our own begins with', async (t) => {
  const lab = new Lab(t, PKTREG);
  const node = await lab.node({advertise: [at('8.8.8.8')]});
  const peer = lab.stranger(node, 'outbound');
  await lab.run(250);
  deepEqual(
    peer.heard.map(({command}) => command),
    ['version', 'verack', 'getaddr', 'addr', 'sendheaders', 'getheaders'],
  );
  equal(formatEndpoint(peer.take('addr')[0]![0]!), '8.8.8.8:64764');
  const near = lab.stranger(node, 'manual', {ip: ip('10.0.0.1')});
  await lab.run(250);
  equal(near.take('getaddr').length, 0, 'a private network has no addresses to tell');
  const old = lab.stranger(node, 'inbound', {version: {version: 70002, startHeight: 0}});
  await lab.run(250);
  deepEqual(
    old.heard.map(({command}) => command),
    ['version', 'verack'],
  );
});

test('a peer that does not read while much is sent to it is dropped', async (t) => {
  const lab = new Lab(t, PKTREG);
  const node = await lab.node();
  const peer = lab.stranger(node, 'inbound');
  await lab.run(250);
  peer.end.reading = false;
  const ping = {nonce: 1n};
  for (let i = 0; i < 2 * (MAX_QUEUED_BYTES / 32) && peer.isConnected; i += 5000) {
    for (let k = 0; k < 5000; k++) peer.send('ping', ping);
    await lab.run(2500);
    if (lab.nowMs - LAB_START_MS > 50_000) break;
  }
  ok(peer.connection.wire.queuedBytes <= MAX_QUEUED_BYTES + 2 ** 20);
  await lab.run(61_000);
  equal(peer.isConnected, false);
});

test('a peer that sends too much is read more slowly', async (t) => {
  const lab = new Lab(t, PKTREG);
  const node = await lab.node();
  const peer = lab.stranger(node, 'inbound');
  await lab.run(250);
  for (let i = 0; i < 30_000; i++) peer.send('ping', {nonce: 1n});
  await lab.run(250);
  const wire = peer.connection.wire as unknown as {reading: boolean};
  equal(wire.reading, false);
  await lab.run(12_000);
  equal(wire.reading, true);
  equal(peer.isConnected, true);
});

test('headers and filters are not told before the node is current; blocks are', async (t) => {
  const lab = new Lab(t, PKT);
  const node = await lab.node();
  const peer = lab.stranger(node, 'inbound', {version: {startHeight: 0}});
  const locator = {version: 0, locator: [new Uint8Array(32)], stop: new Uint8Array(32)};
  const genesis = hashOf(genesisOf(PKT));
  peer.send('getheaders', locator);
  peer.send('getdata', [{type: 2, hash: genesis}]);
  await lab.run(500);
  deepEqual([peer.take('headers').length, peer.take('block').length], [0, 1]);
});

test('questions are answered only so fast, and those that wait are bounded', async (t) => {
  const lab = new Lab(t, PKTREG);
  const node = await lab.node();
  const peer = lab.stranger(node, 'inbound', {version: {startHeight: 0}});
  await lab.run(250);
  const question = {version: 0, locator: [new Uint8Array(32)], stop: new Uint8Array(32)};
  for (let i = 0; i < 1000; i++) peer.send('getheaders', question);
  await lab.run(250);
  const first = peer.take('headers').length;
  ok(first >= 50 && first <= 54, `${first}`);
  await lab.run(60_000);
  const later = peer.take('headers').length;
  ok(later > 0 && later <= 64, `${later}`);
  equal(peer.isConnected, true);
});

test('what waits for peers that do not read is bounded in all', async (t) => {
  const lab = new Lab(t, SHORT);
  const node = await lab.node();
  const [block] = branch({network: SHORT, tag: 0}, genesisOf(SHORT), 0, 1);
  await node.chain.accept(block!);
  const items = Array.from({length: 49_000}, () => ({type: 2, hash: hashOf(block!)}));
  const peers = Array.from({length: 14}, () => lab.stranger(node, 'inbound'));
  await lab.run(250);
  for (const {end} of peers) end.reading = false;
  for (const peer of peers) peer.send('getdata', items);
  await lab.run(500);
  ok(node.hub.load.waiting > 400_000 && node.hub.load.waiting <= 500_064, `${node.hub.load.waiting}`);
  const late = lab.stranger(node, 'inbound');
  late.send('getdata', items.slice(0, 500));
  await lab.run(250);
  ok(late.take('block').length > 200, 'a few are answered in any case');
  for (const peer of peers) peer.end.close();
  await lab.run(500);
  ok(node.hub.load.waiting < 1000);
});

async function filterNode(lab: Lab): Promise<LabNode> {
  const filter = (hash: Uint8Array): Uint8Array => encodeFilter(hash, [Uint8Array.of(hash[0]!)]);
  return lab.node({
    services: SERVICE.network | SERVICE.witness | SERVICE.compactFilters,
    filters: {
      filter: (hash) => Promise.resolve(filter(hash)),
      filterHeader: (hash) => Promise.resolve(filterHeader(filterHash(filter(hash)), new Uint8Array(32))),
    },
  });
}

test('compact filters, their headers and checkpoints', async (t) => {
  const lab = new Lab(t, SHORT);
  const node = await filterNode(lab);
  const blocks = branch({network: SHORT, tag: 0}, genesisOf(SHORT), 0, 1010);
  await acceptAll(node.chain, blocks);
  const peer = lab.stranger(node, 'inbound', {version: {startHeight: 0}});
  await lab.run(250);
  const stop = hashOf(blocks[1004]!);
  peer.send('getcfilters', {filterType: 0, startHeight: 1003, stop});
  await lab.run(250);
  const filters = peer.take('cfilter');
  deepEqual(
    filters.map(({blockHash}) => blockHash),
    blocks.slice(1002, 1005).map(hashOf),
  );
  peer.send('getcfheaders', {filterType: 0, startHeight: 1003, stop});
  await lab.run(250);
  const [headers] = peer.take('cfheaders');
  deepEqual(
    headers?.hashes,
    filters.map(({filter}) => filterHash(filter)),
  );
  deepEqual(headers?.stop, stop);
  peer.send('getcfcheckpt', {filterType: 0, stop});
  await lab.run(250);
  equal(peer.take('cfcheckpt')[0]?.headers.length, 1);
  // Too many, of another kind, backwards, of a block that is not there.
  peer.send('getcfilters', {filterType: 0, startHeight: 0, stop});
  peer.send('getcfilters', {filterType: 1, startHeight: 1003, stop});
  peer.send('getcfheaders', {filterType: 0, startHeight: 1006, stop});
  peer.send('getcfcheckpt', {filterType: 0, stop: new Uint8Array(32)});
  await lab.run(500);
  deepEqual(
    peer.heard.filter(({command}) => command.startsWith('cf')),
    [],
  );
  const without = await lab.node();
  const asking = lab.stranger(without, 'inbound', {version: {startHeight: 0}});
  asking.send('getcfcheckpt', {filterType: 0, stop: hashOf(genesisOf(SHORT))});
  await lab.run(250);
  deepEqual(asking.take('cfcheckpt'), []);
});

test('manual nodes: added once, tried once, removed with their connection', async (t) => {
  const lab = new Lab(t, PKTREG);
  const [a, b] = [await lab.node(), await lab.node()];
  const node = {host: 'Node.example', port: 1};
  equal(a.dialer.add(node, true), true);
  equal(a.dialer.add({host: 'node.example', port: 1}, true), false);
  await lab.run(250);
  const [request] = a.dialed.splice(0);
  deepEqual([request?.kind, request?.host], ['manual', 'Node.example']);
  lab.connect(a, b, request);
  await lab.run(2 * RECONNECT_MS);
  deepEqual(a.dialed, [], 'one connection to a node');
  equal(a.dialer.manualNodes()[0]?.connection, 1);
  b.hub.disconnect(1);
  await lab.run(250);
  equal(a.dialer.manualNodes()[0]?.connection, undefined);
  equal(a.dialed.length, 1, 'connected again');
  lab.connect(a, b, a.dialed.splice(0)[0]);
  await lab.run(250);
  equal(a.hub.removeNode(node), true);
  equal(a.hub.removeNode(node), false);
  equal(a.hub.count, 0);
  lab.connect(a, b);
  a.dialer.add({host: '8.2.0.1', port: 64764}, true);
  await lab.run(RECONNECT_MS);
  deepEqual(a.dialed, [], 'connected already');
  a.dialer.add(node, false);
  await lab.run(250);
  a.hub.dialFailed(a.dialed.splice(0)[0]!);
  await lab.run(10 * RECONNECT_MS);
  deepEqual(a.dialed, []);
});
