import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtemp, readFile, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {TestContext} from 'node:test';
import type {NodeAddresses} from '../../src/node/node.ts';
import {RpcClient} from '../../src/service/rpc-client.ts';

const READY_MS = 30_000;
const WAIT_MS = 60_000;
const POLL_MS = 20;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunningNodeOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** `pkt node` on pktreg as a process of its own, listening on loopback. */
export class RunningNode {
  readonly dataDir: string;
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  addresses!: NodeAddresses;
  stdout = '';
  stderr = '';

  private constructor(dataDir: string, {args = [], env = {}}: RunningNodeOptions) {
    this.dataDir = dataDir;
    const listen = ['--p2p-listen', '127.0.0.1:0', '--rpc-listen', '127.0.0.1:0', '--outbound', '0', '--threads', '1'];
    const all = ['dist/src/cli/main.js', 'node', '--network', 'pktreg', '--data-dir', dataDir, ...listen, ...args];
    this.child = spawn(process.execPath, all, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {...process.env, ...env},
    });
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.ended = once(this.child, 'close').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
    }));
  }

  /** Starts a process without waiting for anything. */
  static spawn(dataDir: string, options: RunningNodeOptions = {}): RunningNode {
    return new RunningNode(dataDir, options);
  }

  /** Starts a node and waits for its line "ready". */
  static async start(dataDir: string, options: RunningNodeOptions = {}): Promise<RunningNode> {
    const node = new RunningNode(dataDir, options);
    await node.ready();
    return node;
  }

  /** A node of a test, in a folder of its own; both end with the test. */
  static async of(t: TestContext, options: RunningNodeOptions = {}): Promise<RunningNode> {
    const dataDir = await mkdtemp(join(tmpdir(), 'pkt-node-'));
    t.after(() => rm(dataDir, {recursive: true, force: true}));
    const node = new RunningNode(dataDir, options);
    t.after(() => node.kill());
    await node.ready();
    return node;
  }

  /** Resolves with the line "ready"; throws when the process ends without it. */
  async ready(): Promise<void> {
    const deadline = setTimeout(() => this.child.kill('SIGKILL'), READY_MS);
    const ended = this.ended.then(({code, signal}) => {
      throw new Error(`the node ended with ${signal ?? code} before it was ready: ${this.stderr}`);
    });
    ended.catch(() => {});
    try {
      for (;;) {
        const match = /^ready (\{.*\})$/m.exec(this.stdout);
        if (match !== null) {
          this.addresses = JSON.parse(match[1]!) as NodeAddresses;
          return;
        }
        await Promise.race([once(this.child.stdout!, 'data'), ended]);
      }
    } finally {
      clearTimeout(deadline);
    }
  }

  /** A method of the node, called with its cookie. */
  async call<Result = unknown>(method: string, ...params: readonly unknown[]): Promise<Result> {
    const [user, password] = (await readFile(join(this.dataDir, '.cookie'), 'utf8')).split(':') as [string, string];
    const client = new RpcClient({url: `http://${this.addresses.rpc}/`, user, password, timeoutMs: 60_000});
    return (await client.call(method, [...params])) as Result;
  }

  /** Waits until the chain has a height. */
  async reaches(height: number): Promise<void> {
    for (const begun = performance.now(); (await this.call<number>('getblockcount')) < height; ) {
      if (performance.now() - begun > WAIT_MS) throw new Error(`height ${height} was not reached: ${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Sends a signal and waits for the end. */
  end(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
    this.child.kill(signal);
    return this.ended;
  }

  /** Ends it at once, whatever it does. */
  kill(): Promise<Ended> {
    return this.end('SIGKILL');
  }
}
