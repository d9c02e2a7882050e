import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtemp, readFile, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {RpcClient} from '../../src/service/rpc-client.ts';

/** A `pkt node` of pktreg on loopback, with a data directory of its own. */
export class NodeProcess {
  readonly #child: ChildProcess;
  readonly dataDir: string;
  /** host:port */
  readonly rpc: string;

  private constructor(child: ChildProcess, dataDir: string, rpc: string) {
    this.#child = child;
    this.dataDir = dataDir;
    this.rpc = rpc;
  }

  /** Starts a node and waits until it is up. */
  static async start(options: readonly string[] = []): Promise<NodeProcess> {
    const dataDir = await mkdtemp(join(tmpdir(), 'pkt-node-'));
    const args = ['node', '--network', 'pktreg', '--data-dir', dataDir, '--outbound', '0', '--log-level', 'error'];
    const listen = ['--p2p-listen', '127.0.0.1:0', '--rpc-listen', '127.0.0.1:0'];
    const child = spawn(process.execPath, ['dist/src/cli/main.js', ...args, ...listen, ...options], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    for await (const line of createInterface({input: child.stdout})) {
      if (!line.startsWith('ready ')) continue;
      const {rpc} = JSON.parse(line.slice(6)) as {rpc: string};
      return new NodeProcess(child, dataDir, rpc);
    }
    await rm(dataDir, {recursive: true, force: true});
    throw new Error('the node did not start');
  }

  /** A client with the password of the cookie file. */
  async client(): Promise<RpcClient> {
    const [user, password] = (await readFile(join(this.dataDir, '.cookie'), 'utf8')).split(':');
    return new RpcClient({url: `http://${this.rpc}/`, user: user!, password: password!});
  }

  /** Exit code of the node, once it has ended. */
  async ended(): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
    return this.#child.exitCode;
  }

  /** Stops the node in order; gives its exit code. */
  async stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    await this.ended();
    await rm(this.dataDir, {recursive: true, force: true});
    return this.#child.exitCode;
  }
}
