import {mkdtemp, readFile, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {TestContext} from 'node:test';
import {parse, stringify} from 'lossless-json';
import {PKTREG} from '../../src/core/params/index.ts';
import {type NodeOptions, PktNode} from '../../src/node/node.ts';
import {NO_LOG} from '../../src/service/logs/log.ts';

const LOOPBACK = {host: '127.0.0.1', port: 0};
export const ADMIN = {user: 'admin', password: 'correct horse', role: 'admin'} as const;
export const LIMITED = {user: 'guest', password: 'let me ask', role: 'limited'} as const;

export interface RpcErrorShown {
  readonly code: number;
  readonly message: string;
  readonly stack: readonly string[];
}

export interface RpcReply {
  readonly result: unknown;
  readonly error: RpcErrorShown | null;
  readonly id: unknown;
}

/** Whole numbers that a double does not hold become bigint. */
function readNumber(text: string): number | bigint {
  const value = Number(text);
  return /^-?\d+$/.test(text) && !Number.isSafeInteger(value) ? BigInt(text) : value;
}

export function authorization({user, password}: {readonly user: string; readonly password: string}): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** A node in this process with its RPC on loopback, an admin and a limited user. It ends with the test. */
export class RpcTestNode {
  readonly node: PktNode;
  readonly dataDir: string;
  #id = 0;

  private constructor(node: PktNode, dataDir: string) {
    this.node = node;
    this.dataDir = dataDir;
  }

  static async open(t: TestContext, options: Partial<NodeOptions> = {}): Promise<RpcTestNode> {
    const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'pkt-rpc-')));
    const node = await PktNode.open({
      network: PKTREG,
      dataDir,
      version: '9.9.9',
      log: NO_LOG,
      rpcListen: LOOPBACK,
      rpcUsers: [ADMIN, LIMITED],
      noDnsSeed: true,
      outbound: 0,
      threads: 1,
      ...options,
    });
    t.after(async () => {
      await node.close();
      await rm(dataDir, {recursive: true, force: true});
    });
    return new RpcTestNode(node, dataDir);
  }

  /** host:port */
  get address(): string {
    return this.node.addresses.rpc!;
  }

  post(body: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return fetch(`http://${this.address}/`, {
      method: 'POST',
      body,
      headers: {authorization: authorization(ADMIN), ...headers},
    });
  }

  /** One call with its whole answer. */
  async ask(method: string, params?: unknown, user: typeof ADMIN | typeof LIMITED = ADMIN): Promise<RpcReply> {
    const body = stringify({id: ++this.#id, method, params})!;
    const response = await this.post(body, {authorization: authorization(user)});
    return parse(await response.text(), null, readNumber) as RpcReply;
  }

  /** The result of a call that must go well. */
  async call<Result = unknown>(method: string, ...params: readonly unknown[]): Promise<Result> {
    const {result, error} = await this.ask(method, params);
    if (error !== null) throw new Error(`${method}: ${error.message}`);
    return result as Result;
  }

  /** The refusal of a call that must not go well: code and text without the version. */
  async refusal(method: string, ...params: readonly unknown[]): Promise<string> {
    const {error} = await this.ask(method, params);
    if (error === null) throw new Error(`${method} was not refused`);
    return error.message.replace('9.9.9 ', '');
  }

  async cookie(): Promise<string> {
    return await readFile(join(this.dataDir, '.cookie'), 'utf8');
  }
}
