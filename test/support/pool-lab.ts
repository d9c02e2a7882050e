import {rmSync} from 'node:fs';
import {mkdtemp, rm} from 'node:fs/promises';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {TestContext} from 'node:test';
import {Master, type MasterOptions} from '../../src/apps/pool/master/master.ts';
import {MasterServer, type MasterServerOptions} from '../../src/apps/pool/master/master-server.ts';
import type {MasterSettings} from '../../src/apps/pool/master/master-work.ts';
import {encodeAddress} from '../../src/core/consensus/index.ts';
import {PKTREG} from '../../src/core/params/index.ts';
import {PktNode} from '../../src/node/node.ts';
import {NO_LOG} from '../../src/service/logs/log.ts';
import {RpcClient} from '../../src/service/rpc-client.ts';

/** An address of the private network, by number. */
export function testAddress(number: number): string {
  return encodeAddress(Uint8Array.from([0, 20, ...new Uint8Array(20).fill(number)]), PKTREG.addresses);
}

const folders: string[] = [];
process.on('exit', () => {
  for (const path of folders) rmSync(path, {recursive: true, force: true});
});

/** A new folder that is there until the process ends: what a test opens in it is closed after the test, in the order of opening. */
export async function testFolder(name: string): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), `pkt-${name}-`));
  folders.push(path);
  return path;
}

export interface LabNode {
  readonly node: PktNode;
  readonly rpc: RpcClient;
  generate(blocks: number): Promise<void>;
}

/** A node of the private network that pays address 1. */
export async function openLabNode(t: TestContext, connect: readonly number[] = []): Promise<LabNode> {
  const dataDir = await mkdtemp(join(tmpdir(), 'pkt-lab-'));
  const user = {user: 'pool', password: 'secret', role: 'admin' as const};
  const node = await PktNode.open({
    network: PKTREG,
    dataDir,
    version: 'test',
    log: NO_LOG,
    p2pListen: [{host: '127.0.0.1', port: 0}],
    connect: connect.map((port) => ({host: '127.0.0.1', port})),
    rpcListen: {host: '127.0.0.1', port: 0},
    rpcUsers: [user],
    miningAddresses: [testAddress(1)],
  });
  t.after(async () => {
    await node.close();
    await rm(dataDir, {recursive: true, force: true});
  });
  const rpc = new RpcClient({url: `http://${node.addresses.rpc!}/`, user: user.user, password: user.password});
  return {
    node,
    rpc,
    generate: async (blocks) => {
      await node.parts.generate(blocks, new AbortController().signal);
    },
  };
}

export const LAB_SETTINGS: MasterSettings = Object.freeze({
  masterUrl: 'http://127.0.0.1:1/master',
  submitAnnUrls: ['http://127.0.0.1:2/submit'],
  downloadAnnUrls: ['http://127.0.0.1:2'],
  submitBlockUrls: ['http://127.0.0.1:3/submit'],
  paymakerUrl: 'http://127.0.0.1:4',
  annVersions: [1],
  mineOldAnns: 2,
  annTarget: 0x207fffff,
  shareWorkDivisor: 4,
  shareTarget: undefined,
  privateSeed: null,
});

export interface LabMaster {
  readonly master: Master;
  readonly server: MasterServer;
  readonly url: string;
  close(): Promise<void>;
}

export async function openLabMaster(
  t: TestContext,
  options: Pick<MasterOptions, 'nodes'> &
    Partial<MasterOptions> &
    Pick<Partial<MasterServerOptions>, 'longPollMs' | 'maxWaiting' | 'limits'>,
): Promise<LabMaster> {
  const dir = options.dir ?? (await testFolder('master'));
  const master = await Master.open({settings: LAB_SETTINGS, log: NO_LOG, pollMs: 20, ...options, dir});
  const {longPollMs, maxWaiting, limits} = options;
  const server = new MasterServer({
    master,
    log: NO_LOG,
    ...(longPollMs !== undefined && {longPollMs}),
    ...(maxWaiting !== undefined && {maxWaiting}),
    ...(limits !== undefined && {limits}),
  });
  const {port} = await server.listen('127.0.0.1', 0);
  let closed = false;
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await server.close();
    await master.close();
  };
  t.after(close);
  return {master, server, url: `http://127.0.0.1:${port}/some/prefix`, close};
}

/** A port that nobody listens on, for programs whose address others must know before they run. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const {port} = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Resolves when the condition holds; fails after ten seconds, or as many as are given. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  seconds = 10,
): Promise<void> {
  for (let tries = 0; tries < 50 * seconds; tries++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`waited in vain: ${what}`);
}
