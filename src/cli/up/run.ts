import {Writable} from 'node:stream';
import {setTimeout as sleep} from 'node:timers/promises';
import {stringify} from 'lossless-json';
import {HttpError} from '../../service/http/http-client.ts';
import type {Log} from '../../service/logs/log.ts';
import {createLog, type LogLevel} from '../../service/logs/pino-log.ts';
import {PartError} from '../../service/processes/errors.ts';
import {RpcClient, RpcClientError, readCookie} from '../../service/rpc-client.ts';
import {StoreError} from '../../service/stores/key-value-store.ts';
import {aborted} from '../aborted.ts';
import {EXIT_INVALID} from '../exit-codes.ts';
import type {CommandContext} from '../options.ts';
import type {Terminal} from '../terminal.ts';
import {fileError, partFailure, UsageError} from '../usage-error.ts';
import {FigureReader} from './figures.ts';
import {Home, type Ports} from './home.ts';
import {PrivateNetwork} from './network.ts';
import {PageServer} from './page.ts';
import {blockLine, plainLine, screenLines} from './screen.ts';

export interface UpOptions {
  readonly dataDir: string;
  readonly reset: boolean;
  readonly untilBlock: number | undefined;
  readonly threads: number;
  readonly logLevel: LogLevel;
  readonly logFormat: 'json' | 'text';
}

const LOOPBACK = '127.0.0.1';
const LOOK_MS = 250;
/** Figures that change slowly, and sums on the disk. */
const SLOW_LOOK_MS = 2000;
const RPC_MS = 10_000;

/** Runs the network until it is interrupted or the height is reached. Returns the exit code. */
export async function runNetwork(options: UpOptions, context: CommandContext): Promise<number> {
  let home: Home;
  try {
    home = await Home.open(options.dataDir, options.reset);
  } catch (error) {
    throw asUsageError(error);
  }
  try {
    return await new Run(options, context, home).run();
  } catch (error) {
    throw asUsageError(error);
  } finally {
    await home.close();
  }
}

/** What a user can do something about, as one line. */
function asUsageError(error: unknown): unknown {
  if (error instanceof StoreError) return new UsageError(error.message, {cause: error});
  const {syscall, address, port, code, path} = error as NodeJS.ErrnoException & {address?: string; port?: number};
  if (syscall === 'listen') return new UsageError(`cannot listen on ${address}:${port}: ${code}`, {cause: error});
  if (code !== undefined && path !== undefined) return fileError('use', path, error);
  return error instanceof PartError ? partFailure(error) : error;
}

class Run {
  readonly #options: UpOptions;
  readonly #terminal: Terminal;
  readonly #interrupted: AbortSignal;
  readonly #home: Home;
  readonly #log: Log;
  readonly #ended = new AbortController();
  #failure: PartError | undefined;

  constructor(options: UpOptions, {terminal, interrupted}: CommandContext, home: Home) {
    this.#options = options;
    this.#terminal = terminal;
    this.#interrupted = interrupted;
    this.#home = home;
    // The log goes above the live screen.
    const out = new Writable({
      write: (lines, _encoding, done) => {
        terminal.note(String(lines).trimEnd());
        done();
      },
    });
    this.#log = createLog({level: options.logLevel, format: options.logFormat, out});
  }

  async run(): Promise<number> {
    const [miner, pool] = [await this.#address('miner'), await this.#address('pool')];
    const ports = await this.#home.choosePorts();
    const poolConfig = await this.#home.writePoolConfig(ports, {miner, pool});
    const {threads} = this.#options;
    const network = new PrivateNetwork({
      home: this.#home,
      ports,
      poolConfig,
      miner,
      pool,
      annThreads: Math.max(1, Math.ceil(threads / 2)),
      blkThreads: Math.max(1, Math.floor(threads / 2)),
      log: this.#log,
      onFailure: (error) => {
        this.#failure = error;
        this.#ended.abort();
      },
    });
    const nameOf = (address: string): string =>
      address === miner ? 'the miner' : address === pool ? 'the pool' : address;
    let code = 0;
    try {
      this.#terminal.note(`Starting a private PKT network in ${this.#home.dir}`);
      const stop = AbortSignal.any([this.#interrupted, this.#ended.signal]);
      // An interrupt during the start ends it.
      await Promise.race([network.start(), aborted(stop)]);
      if (!stop.aborted) code = await this.#watch(network, ports, nameOf, stop);
    } finally {
      await network.stop();
    }
    if (this.#failure !== undefined) throw this.#failure;
    return code;
  }

  async #address(name: string): Promise<string> {
    const {address, fresh} = await this.#home.address(name);
    this.#terminal.note(
      `The ${name} is paid to ${address}${fresh ? ', a new key in' : '; its key is in'} ${this.#home.keyPath(name)}`,
    );
    return address;
  }

  async #watch(
    network: PrivateNetwork,
    ports: Ports,
    nameOf: (address: string) => string,
    stop: AbortSignal,
  ): Promise<number> {
    const at = (port: number): string => `${LOOPBACK}:${port}`;
    const renew = (): ReturnType<typeof readCookie> => readCookie(this.#home.path('node', '.cookie'));
    const rpc = `http://${at(ports.rpc)}`;
    const node = new RpcClient({url: `${rpc}/`, ...(await renew()), renew, timeoutMs: RPC_MS});
    const figures = new FigureReader({
      home: this.#home,
      node,
      annStatus: at(ports.annStatus),
      blockStatus: at(ports.blockStatus),
    });
    await figures.open();
    const page = new PageServer({status: () => this.#status(figures, network, nameOf)});
    const pageUrl = `http://${at(ports.page)}/`;
    await page.listen(LOOPBACK, ports.page);
    const addresses = {rpc, page: pageUrl, pool: `http://${at(ports.master)}/master`, p2p: at(ports.p2p)};
    await this.#terminal.print(`ready ${JSON.stringify(addresses)}`);
    this.#terminal.note(`Page: ${pageUrl}   RPC: ${rpc}   cookie: ${this.#home.path('node', '.cookie')}`);
    const unwatch = this.#terminal.watchLines(
      () => screenLines(figures.figures, network.parts, nameOf, Date.now() / 1000),
      () => plainLine(figures.figures, nameOf),
    );
    try {
      await this.#follow(figures, nameOf, stop);
      this.#terminal.note('Stopping all programs');
      if (this.#failure !== undefined) return EXIT_INVALID;
      await network.stopMiners();
      await this.#tolerate(() => figures.readCounters(performance.now()));
      await network.stopHandlers();
      // A block that was on its way when mining ended counts as well.
      await this.#tolerate(() => this.#readChain(figures, nameOf));
      await this.#home.save();
    } finally {
      unwatch();
      await page.close();
    }
    await network.stop();
    if (this.#options.untilBlock !== undefined && !this.#interrupted.aborted) {
      await this.#terminal.print(this.#summary(figures, rpc, pageUrl));
    }
    return 0;
  }

  /** Looks again and again until the network is to stop. */
  async #follow(figures: FigureReader, nameOf: (address: string) => string, stop: AbortSignal): Promise<void> {
    const {untilBlock = Number.POSITIVE_INFINITY} = this.#options;
    let slowMs = Number.NEGATIVE_INFINITY;
    while (!stop.aborted && figures.paid.height < untilBlock) {
      await this.#tolerate(() => this.#readChain(figures, nameOf));
      if (performance.now() - slowMs >= SLOW_LOOK_MS) {
        slowMs = performance.now();
        await this.#tolerate(() => figures.readCounters(performance.now()));
        await this.#tolerate(() => figures.readNext());
        await this.#home.save();
      }
      await sleep(LOOK_MS, undefined, {signal: stop}).catch(() => {});
    }
  }

  async #readChain(figures: FigureReader, nameOf: (address: string) => string): Promise<void> {
    for (const block of await figures.readChain()) this.#terminal.note(blockLine(block, nameOf));
  }

  /** A part that is being started again does not answer. */
  async #tolerate(read: () => Promise<void>): Promise<void> {
    try {
      await read();
    } catch (error) {
      if (!(error instanceof RpcClientError || error instanceof HttpError)) throw error;
      this.#log.debug('figures are missing', {error});
    }
  }

  #status(figures: FigureReader, network: PrivateNetwork, nameOf: (address: string) => string): string {
    const {next, blocks, ...rest} = figures.figures;
    const paidRows = (units: ReadonlyMap<string, bigint>): object[] =>
      [...units].map(([address, each]) => ({address, name: nameOf(address), units: each}));
    const document = {
      ...rest,
      next: next.map(([address, part]) => ({address, name: nameOf(address), part})),
      blocks: blocks.map(({height, hash, time, paid}) => ({height, hash, time, paid: paidRows(paid)})),
      paid: paidRows(figures.paid.units),
      parts: network.parts,
    };
    return stringify(document)!;
  }

  #summary(figures: FigureReader, rpc: string, page: string): string {
    const {height, announcements, shares} = figures.figures;
    const {units, stewardUnits} = figures.paid;
    const payouts = Object.fromEntries(units);
    return stringify({height, announcements, shares, blocks: height, payouts, steward: stewardUnits, rpc, page})!;
  }
}
