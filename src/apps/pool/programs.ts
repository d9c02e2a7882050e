// The programs of a pool, each put together from its parts.
import {join} from 'node:path';
import {AnnouncementValidator, type SpawnThread} from '../../core/engines/index.ts';
import {NETWORKS, type Network} from '../../core/params/index.ts';
import type {ShareEvent} from '../../core/protocol/pool/index.ts';
import {loadVerifier} from '../../service/crypto/secp256k1.ts';
import {StatusServer, type StatusServerOptions} from '../../service/http/status-server.ts';
import type {Log} from '../../service/logs/log.ts';
import {createHttpSender, EventLog} from '../../service/pool/event-log.ts';
import {createNatsSender} from '../../service/pool/nats-events.ts';
import {NatsLink} from '../../service/pool/nats-link.ts';
import {PoolFollower} from '../../service/pool/pool-follower.ts';
import {type Credentials, RpcClient, readCookie} from '../../service/rpc-client.ts';
import type {SprayAddress} from '../../service/sprayer/spray-hub.ts';
import {Sprayer} from '../../service/sprayer/sprayer.ts';
import {BlockVerifier} from '../../service/threads/block-verifier.ts';
import {AnnFiles} from './ann-handler/ann-files.ts';
import {AnnHandler, TRACKED_PARENTS} from './ann-handler/ann-handler.ts';
import {AnnServer} from './ann-handler/ann-server.ts';
import {SeenStore} from './ann-handler/seen-store.ts';
import {BlockHandler} from './block-handler/block-handler.ts';
import {BlockServer} from './block-handler/block-server.ts';
import {BlockSubmitter} from './block-handler/block-submitter.ts';
import {ShareBooks} from './block-handler/share-books.ts';
import {Master} from './master/master.ts';
import {MasterServer} from './master/master-server.ts';
import type {MasterSettings} from './master/master-work.ts';
import {NatsIntake} from './paymaker/nats-intake.ts';
import {Paymaker} from './paymaker/paymaker.ts';
import {PaymakerServer} from './paymaker/paymaker-server.ts';
import {PayoutSender} from './paymaker/payout-sender.ts';
import {openPostgres} from './paymaker/postgres.ts';
import {type PaymakerSettings, readPaymakerSettings} from './paymaker/settings.ts';
import {type AnnHandlerSettings, annTargetOf, PoolConfigError, type PoolSettings} from './pool-config.ts';
import {annHandlerStatus, blockHandlerStatus, masterStatus, paymakerStatus} from './status.ts';

export interface ProgramOptions {
  readonly settings: PoolSettings;
  readonly log: Log;
  readonly version: string;
  readonly spawn: SpawnThread;
  /** Wall clock, milliseconds. */
  readonly nowMs: () => number;
  /** The program cannot go on. */
  readonly onFailure: (error: unknown) => void;
}

/** A running program of a pool. */
export interface PoolProgram {
  /** Where it listens. */
  readonly address: string;
  /** Where its health and metrics are. */
  readonly status?: string;
  close(): Promise<void>;
}

const NODE_MS = 30_000;
/** Blocks that a block handler knows without asking a node: announcements are seldom older. */
const KNOWN_PARENTS = 6;
const SUBMIT = /\/submit$/;

function networkOf({network}: PoolSettings): Network {
  return NETWORKS.find(({name}) => name === network)!;
}

/** Closes what was opened, last first; a failure in between keeps nothing else from being closed. */
class Closers {
  readonly #list: (() => Promise<void> | void)[] = [];

  add(close: () => Promise<void> | void): void {
    this.#list.push(close);
  }

  async close(): Promise<void> {
    let failure: unknown;
    for (const close of this.#list.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
  }
}

interface Listener {
  listen(host: string, port: number): Promise<{readonly port: number}>;
}

/** A program that does not listen yet. */
interface Opened extends StatusServerOptions {
  readonly server: Listener;
  readonly listen: string;
  readonly statusListen: string | undefined;
}

/** Opens a program; what was opened is closed again when a part fails. */
async function opened(open: (closers: Closers) => Promise<Opened>): Promise<PoolProgram> {
  const closers = new Closers();
  try {
    const {server, listen, statusListen, ...status} = await open(closers);
    const bind = async (each: Listener, at: string): Promise<string> => {
      const {host, port} = listenOf(at);
      return `${host}:${(await each.listen(host, port)).port}`;
    };
    const address = await bind(server, listen);
    if (statusListen === undefined) return {address, close: () => closers.close()};
    const statusServer = new StatusServer(status);
    closers.add(() => statusServer.close());
    return {address, status: await bind(statusServer, statusListen), close: () => closers.close()};
  } catch (error) {
    await closers.close();
    throw error;
  }
}

async function openNodes({nodes}: PoolSettings): Promise<RpcClient[]> {
  return Promise.all(
    nodes.map(async ({url, user = '', password = '', cookie_file: cookie}) => {
      const options = {url, user, password, timeoutMs: NODE_MS};
      if (cookie === undefined) return new RpcClient(options);
      // A node that starts makes a new one.
      const renew = (): Promise<Credentials> => readCookie(cookie);
      return new RpcClient({...options, ...(await renew()), renew});
    }),
  );
}

function listenOf(listen: string): {host: string; port: number} {
  const colon = listen.lastIndexOf(':');
  return {host: listen.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(listen.slice(colon + 1))};
}

/** What the master hands out, as the settings say. Throws PoolConfigError where they say nothing. */
export function masterSettings(settings: PoolSettings): MasterSettings {
  const {master} = settings;
  if (master === undefined) throw new PoolConfigError('bad-pool-config', {mistakes: 'master: is missing'});
  const annUrls = Object.values(settings.ann_handler).map(({public_url: url}) => url);
  return {
    masterUrl: settings.master_url,
    submitAnnUrls: annUrls,
    downloadAnnUrls: annUrls.map((url) => url.replace(SUBMIT, '')),
    submitBlockUrls: Object.values(settings.blk_handler).map(({public_url: url}) => url),
    paymakerUrl: settings.paymaker_url ?? '',
    annVersions: master.ann_versions,
    mineOldAnns: master.mine_old_anns,
    annTarget: annTargetOf(master),
    shareWorkDivisor: master.share_work_divisor,
    shareTarget: undefined,
    privateSeed: settings.private_seed ?? null,
  };
}

/** standby: takes the files of the masters named in the settings before it makes its own. */
export function openMasterProgram({settings, log}: ProgramOptions, standby: boolean): Promise<PoolProgram> {
  return opened(async (closers) => {
    const handedOut = masterSettings(settings);
    const {listen, status_listen: statusListen, poll_ms: pollMs} = settings.master!;
    const master = await Master.open({
      nodes: await openNodes(settings),
      settings: handedOut,
      dir: join(settings.root_workdir, standby ? 'master_standby' : 'master'),
      log,
      pollMs,
      ...(standby && {standbyOf: [settings.master_url, ...settings.standby_urls]}),
    });
    closers.add(() => master.close());
    const server = new MasterServer({master, log});
    closers.add(() => server.close());
    return {server, listen, statusListen, ...masterStatus(master, server)};
  });
}

function openFollower(options: ProgramOptions, depth: number, closers: Closers): PoolFollower {
  const {settings, log, version} = options;
  const follower = new PoolFollower({
    urls: [settings.master_url, ...settings.standby_urls],
    depth,
    work: true,
    userAgent: `pktstack ${version}`,
    log,
  });
  closers.add(() => follower.close());
  return follower;
}

/** The servers through which events go; undefined where they go over HTTP. */
function openLink({settings, log}: ProgramOptions, name: string, closers: Closers): NatsLink | undefined {
  const {events: servers, events_credentials: credentialsFile, events_ca: caFile} = settings;
  if (servers.length === 0) return undefined;
  const link = new NatsLink({servers, credentialsFile, caFile, name: `pktstack ${name}`, log});
  closers.add(() => link.close());
  return link;
}

/** handler: names it among all programs of the pool, and its folder. The master tells where the paymaker is if the settings do not. */
async function openEvents(
  options: ProgramOptions,
  handler: string,
  follower: PoolFollower,
  closers: Closers,
): Promise<EventLog> {
  const {settings, log} = options;
  const {paymaker_http_password: password, events_stream: stream, gather_ms: gatherMs} = settings;
  const link = openLink(options, handler, closers);
  const events = await EventLog.open({
    dir: join(settings.root_workdir, handler, 'paylogdir'),
    log,
    ...(gatherMs !== undefined && {rotateMs: gatherMs}),
    send:
      link === undefined
        ? createHttpSender(() => settings.paymaker_url ?? follower.state?.config.paymakerUrl, 'x', password)
        : createNatsSender({link, stream, handler, password}),
  });
  closers.add(() => events.close());
  return events;
}

function sprayAddressOf(listen: string): SprayAddress {
  const {host, port} = listenOf(listen);
  return {address: host, port};
}

/** Undefined where nothing is to be sprayed. */
async function openSprayer(own: AnnHandlerSettings, log: Log): Promise<Sprayer | undefined> {
  if (own.bind_pvt === undefined) return undefined;
  return Sprayer.open({
    bind: sprayAddressOf(own.bind_pvt),
    password: own.block_miner_passwd,
    sprayAt: own.spray_at.map(sprayAddressOf),
    mss: own.mss,
    log,
  });
}

/** name: section of the settings. */
export function openAnnHandlerProgram(options: ProgramOptions, name: string): Promise<PoolProgram> {
  const {settings, log, spawn, nowMs, onFailure} = options;
  const own = settings.ann_handler[name];
  if (own === undefined)
    throw new RangeError(`"name" expected one of ${Object.keys(settings.ann_handler).join(', ')}, got ${name}`);
  return opened(async (closers) => {
    const id = `ah_${name}`;
    const dir = join(settings.root_workdir, id);
    const validator = new AnnouncementValidator({
      threads: own.threads,
      spawn,
      now: () => performance.now(),
      maxWaiting: own.queue_anns,
      onCrash: ({error, replaced}) => {
        log.error('a validating thread died', {error, replaced});
        if (!replaced) onFailure(error);
      },
    });
    closers.add(() => validator.close());
    const follower = openFollower(options, TRACKED_PARENTS, closers);
    const events = await openEvents(options, id, follower, closers);
    const seen = await SeenStore.open(join(dir, 'seen'));
    closers.add(() => seen.close());
    let number = 0;
    const files = await AnnFiles.open({
      dir: join(dir, 'anns'),
      handler: () => number,
      filesToKeep: own.files_to_keep,
      log,
      nowMs,
      ...(settings.gather_ms !== undefined && {flushMs: settings.gather_ms}),
    });
    closers.add(() => files.close());
    const sprayer = await openSprayer(own, log);
    if (sprayer !== undefined) closers.add(() => sprayer.close());
    const handler = new AnnHandler({
      network: networkOf(settings),
      publicUrl: own.public_url,
      validator,
      seen,
      events,
      files,
      ...(sprayer && {onAccepted: (anns) => sprayer.send(anns)}),
      now: () => performance.now(),
      nowMs,
      log,
    });
    follower.subscribe((state) => {
      handler.follow(state);
      number = handler.number ?? number;
    });
    follower.open();
    const server = new AnnServer({handler, files, blockMinerPassword: own.block_miner_passwd, log});
    closers.add(() => server.close());
    const {listen, status_listen: statusListen} = own;
    return {server, listen, statusListen, ...annHandlerStatus(handler, validator, events)};
  });
}

/** name: section of the settings. */
export function openBlockHandlerProgram(options: ProgramOptions, name: string): Promise<PoolProgram> {
  const {settings, log, spawn, nowMs, onFailure} = options;
  const own = settings.blk_handler[name];
  if (own === undefined)
    throw new RangeError(`"name" expected one of ${Object.keys(settings.blk_handler).join(', ')}, got ${name}`);
  return opened(async (closers) => {
    const id = `blk_${name}`;
    const dir = join(settings.root_workdir, id);
    const nodes = await openNodes(settings);
    const verifier = new BlockVerifier({
      threads: own.threads,
      spawn,
      now: () => performance.now(),
      verifier: loadVerifier(),
      onCrash: ({error, replaced}) => {
        log.error('a verifying thread died', {error, replaced});
        if (!replaced) onFailure(error);
      },
    });
    closers.add(() => verifier.close());
    const follower = openFollower(options, KNOWN_PARENTS, closers);
    const events = await openEvents(options, id, follower, closers);
    const record = (share: ShareEvent): Promise<void> => events.append(share);
    const submitter = await BlockSubmitter.open({nodes, dir: join(dir, 'blocks'), record, log});
    closers.add(() => submitter.close());
    const shares = await ShareBooks.open(join(dir, 'shares'), log);
    closers.add(() => shares.close());
    const handler = new BlockHandler({
      network: networkOf(settings),
      nodes,
      verifier,
      submitter,
      events,
      shares,
      privateSeed: settings.private_seed ?? null,
      nowMs,
      log,
    });
    const masters = [settings.master_url, ...settings.standby_urls];
    follower.subscribe((state) => handler.follow(state, masters));
    follower.open();
    const server = new BlockServer({handler, log});
    closers.add(() => server.close());
    // Miners whose block no node answers about are answered, too.
    closers.add(() => submitter.giveUp());
    const {listen, status_listen: statusListen} = own;
    return {server, listen, statusListen, ...blockHandlerStatus(handler, submitter, events)};
  });
}

/** Reads the section of the paymaker; password and seed are those of the whole pool. Throws PaymakerError 'bad-settings'. */
export function paymakerSettings(settings: PoolSettings): PaymakerSettings {
  const {
    listen: _listen,
    status_listen: _status,
    ledger: _ledger,
    ledger_password_file: _file,
    ...own
  } = settings.paymaker ?? {listen: ''};
  const common = {paymakerHttpPasswd: settings.paymaker_http_password, privateSeed: settings.private_seed ?? null};
  return readPaymakerSettings({...common, ...own}, networkOf(settings));
}

/** Pays by the node that the master takes templates from: the first one. */
export function openPaymakerProgram(options: ProgramOptions): Promise<PoolProgram> {
  const {settings, log, nowMs} = options;
  const section = settings.paymaker;
  if (section === undefined) throw new RangeError('"paymaker" expected a section of the settings, got none');
  return opened(async (closers) => {
    const [node] = await openNodes(settings);
    const {ledger, ledger_password_file: passwordFile} = section;
    const own = paymakerSettings(settings);
    const paymaker = await Paymaker.open({
      dir: join(settings.root_workdir, 'paymaker'),
      ...(ledger !== undefined && {sql: await openPostgres({url: ledger, passwordFile, log})}),
      network: networkOf(settings),
      settings: own,
      nowMs,
      log,
    });
    closers.add(() => paymaker.close());
    const sender = new PayoutSender({
      paymaker,
      callNode: (method, params) => node!.call(method, params),
      nowMs,
      log,
    });
    closers.add(() => sender.close());
    sender.start();
    const link = openLink(options, 'paymaker', closers);
    const stream = settings.events_stream;
    const intake = link === undefined ? undefined : new NatsIntake({paymaker, link, stream, log});
    closers.add(() => intake?.close());
    const server = new PaymakerServer({paymaker, nowMs, log});
    closers.add(() => server.close());
    const {listen, status_listen: statusListen} = section;
    return {server, listen, statusListen, ...paymakerStatus(paymaker, sender, intake)};
  });
}
