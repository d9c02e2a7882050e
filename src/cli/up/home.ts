// The directory of a private network: what is in it, and what survives a restart.
//
//   keys/        keys of the miner and of the pool; stay on --reset
//   pool.toml    configuration of the pool, written anew at each start
//   node/ pool/ ann/ blk/  data of the programs
//   logs/        their output
//   state/       ports, sums; also the lock that keeps a second network out
import {randomBytes} from 'node:crypto';
import {mkdir, rm} from 'node:fs/promises';
import {createServer} from 'node:net';
import {join} from 'node:path';
import {z} from 'zod';
import {encodeHex} from '../../core/bytes/index.ts';
import {encodeAddress, encodeWif} from '../../core/consensus/index.ts';
import {hash160, randomSecp256k1Key, secp256k1PublicKey} from '../../core/crypto/index.ts';
import {PKTREG} from '../../core/params/index.ts';
import {readWholeFile, writeFileAtomically} from '../../service/stores/atomic-file.ts';
import type {KeyValueStore} from '../../service/stores/key-value-store.ts';
import {openLevelStore} from '../../service/stores/level-store.ts';
import {UsageError} from '../usage-error.ts';

const LOOPBACK = '127.0.0.1';
/** Part of each block that the pool keeps. */
export const POOL_FEE = 0.01;
const MAX_KEY_FILE = 10_000;
const P2WPKH = Uint8Array.of(0, 20);

const PORT_NAMES = [
  'p2p',
  'rpc',
  'master',
  'annHandler',
  'blockHandler',
  'paymaker',
  'masterStatus',
  'annStatus',
  'blockStatus',
  'paymakerStatus',
  'page',
] as const;
export type Ports = Readonly<Record<(typeof PORT_NAMES)[number], number>>;

const KEY = z.object({address: z.string(), wif: z.string()});

/** Sums over all runs. */
export interface Totals {
  readonly announcements: number;
  readonly shares: number;
}

/** What the coinbases up to a block have paid. */
export interface PaidSoFar {
  readonly height: number;
  /** Of the block at the height, shown order. */
  readonly hash: string;
  /** Units by address; the steward's by itself. */
  readonly units: ReadonlyMap<string, bigint>;
  readonly stewardUnits: bigint;
}

const STATE = z.object({
  ports: z.record(z.string(), z.int()).optional(),
  totals: z.object({announcements: z.number(), shares: z.number()}).default({announcements: 0, shares: 0}),
  paid: z
    .object({height: z.int(), hash: z.string(), units: z.record(z.string(), z.string()), steward: z.string()})
    .optional(),
});
const STATE_KEY = new TextEncoder().encode('state');

/** True when nobody listens on a port of the loopback interface. Port 0 takes any: gives the port. */
function tryPort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, LOOPBACK, () => {
      const address = server.address();
      const bound = typeof address === 'object' ? address?.port : undefined;
      server.close(() => resolve(bound));
    });
  });
}

/** One process at a time has it. */
export class Home {
  readonly dir: string;
  readonly #store: KeyValueStore;
  #ports: Readonly<Record<string, number>>;
  totals: Totals;
  paid: PaidSoFar | undefined;

  private constructor(dir: string, store: KeyValueStore, state: z.output<typeof STATE>) {
    this.dir = dir;
    this.#store = store;
    this.#ports = state.ports ?? {};
    this.totals = state.totals;
    const {paid} = state;
    this.paid = paid && {
      height: paid.height,
      hash: paid.hash,
      units: new Map(Object.entries(paid.units).map(([address, units]) => [address, BigInt(units)])),
      stewardUnits: BigInt(paid.steward),
    };
  }

  /** reset: begins anew, with the keys that there are. Throws StoreError 'store-locked' while another process has it. */
  static async open(dir: string, reset: boolean): Promise<Home> {
    await mkdir(dir, {recursive: true, mode: 0o700});
    const store = await openLevelStore(join(dir, 'state'), {cacheBytes: 2 ** 20, writeBufferBytes: 2 ** 20});
    if (reset) {
      for (const name of ['node', 'pool', 'ann', 'blk', 'logs', 'pool.toml'])
        await rm(join(dir, name), {recursive: true, force: true});
      await store.write([{key: STATE_KEY, value: undefined}], true);
    }
    const bytes = await store.get(STATE_KEY);
    const state = STATE.parse(bytes === undefined ? {} : JSON.parse(new TextDecoder().decode(bytes)));
    return new Home(dir, store, state);
  }

  path(...names: readonly string[]): string {
    return join(this.dir, ...names);
  }

  /** Free ports of the loopback interface: those of the last run as far as nobody else has them now. */
  async choosePorts(): Promise<Ports> {
    const chosen: Record<string, number> = {};
    for (const name of PORT_NAMES) {
      const taken = new Set(Object.values(chosen));
      const before = this.#ports[name];
      let port = before === undefined || taken.has(before) ? undefined : await tryPort(before);
      while (port === undefined || taken.has(port)) port = await tryPort(0);
      chosen[name] = port;
    }
    this.#ports = chosen;
    await this.save();
    return chosen as Ports;
  }

  async save(): Promise<void> {
    const {paid} = this;
    const state: z.input<typeof STATE> = {
      ports: {...this.#ports},
      totals: this.totals,
      paid: paid && {
        height: paid.height,
        hash: paid.hash,
        units: Object.fromEntries([...paid.units].map(([address, units]) => [address, String(units)])),
        steward: String(paid.stewardUnits),
      },
    };
    await this.#store.write([{key: STATE_KEY, value: new TextEncoder().encode(JSON.stringify(state))}], true);
  }

  keyPath(name: string): string {
    return this.path('keys', `${name}.json`);
  }

  /** The address of a key of this network; the key is made where there is none. fresh: it was made now. */
  async address(name: string): Promise<{readonly address: string; readonly fresh: boolean}> {
    const path = this.keyPath(name);
    const bytes = await readWholeFile(path, MAX_KEY_FILE);
    if (bytes !== undefined) {
      try {
        return {address: KEY.parse(JSON.parse(new TextDecoder().decode(bytes))).address, fresh: false};
      } catch (error) {
        throw new UsageError(`${path} is no file with a key; put the right one there, or move it away for a new one`, {
          cause: error,
        });
      }
    }
    const key = randomSecp256k1Key();
    const script = Uint8Array.from([...P2WPKH, ...hash160(secp256k1PublicKey(key))]);
    const address = encodeAddress(script, PKTREG.addresses);
    const document = {network: PKTREG.name, address, wif: encodeWif(key, PKTREG.addresses)};
    await mkdir(this.path('keys'), {recursive: true, mode: 0o700});
    await writeFileAtomically(path, new TextEncoder().encode(`${JSON.stringify(document, undefined, 2)}\n`), 0o600);
    return {address, fresh: true};
  }

  /** Writes the configuration of the pool; its programs are restarted with the same one. */
  async writePoolConfig(ports: Ports, addresses: {readonly miner: string; readonly pool: string}): Promise<string> {
    const path = this.path('pool.toml');
    await writeFileAtomically(path, new TextEncoder().encode(poolConfig(this, ports, addresses)), 0o600);
    return path;
  }

  async close(): Promise<void> {
    await this.#store.close();
  }
}

function poolConfig(home: Home, ports: Ports, {miner, pool}: {readonly miner: string; readonly pool: string}): string {
  const listen = (port: number): string => `"${LOOPBACK}:${port}"`;
  const url = (port: number, path = ''): string => `"http://${LOOPBACK}:${port}${path}"`;
  // A path of Windows has backslashes; JSON and TOML escape them alike.
  const file = (...names: readonly string[]): string => JSON.stringify(home.path(...names));
  return `# Written by pkt up at each start; changes get lost. For a pool of your own copy it and use: pkt pool all -C FILE
network = "pktreg"
root_workdir = ${file('pool')}
master_url = ${url(ports.master, '/master')}
paymaker_url = ${url(ports.paymaker)}
paymaker_http_password = "${encodeHex(randomBytes(24))}"
# Short times: this pool is the whole network.
gather_ms = 1000

[[nodes]]
url = ${url(ports.rpc)}
cookie_file = ${file('node', '.cookie')}

[master]
listen = ${listen(ports.master)}
status_listen = ${listen(ports.masterStatus)}
ann_work = 128
share_work_divisor = 4
poll_ms = 200

[ann_handler.a]
listen = ${listen(ports.annHandler)}
status_listen = ${listen(ports.annStatus)}
public_url = ${url(ports.annHandler, '/submit')}

[blk_handler.b]
listen = ${listen(ports.blockHandler)}
status_listen = ${listen(ports.blockStatus)}
public_url = ${url(ports.blockHandler, '/submit')}

[paymaker]
listen = ${listen(ports.paymaker)}
status_listen = ${listen(ports.paymakerStatus)}
updateCycle = 2
historyDepth = 3600
annCompressor = {timespanMs = 1000, slotsToKeepEvents = 10}
pplnsAnnConstantX = 0.125
pplnsBlkConstantX = 2
poolFee = ${POOL_FEE}
poolFeeAddress = "${pool}"
# Before there is anything to go by, the miner gets it all: there is no other.
defaultAddress = "${miner}"
errorAddress = "${pool}"
`;
}
