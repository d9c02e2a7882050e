// A block handler over HTTP with the share of the vectors: nodes and template server are small programs of the test, and the
// proof is compared instead of computed, since the vectors do not tell the hashes that it was made on.
import {createServer, type IncomingMessage, type ServerResponse} from 'node:http';
import type {AddressInfo} from 'node:net';
import type {TestContext} from 'node:test';
import {BlockHandler, type BlockHandlerOptions} from '../../src/apps/pool/block-handler/block-handler.ts';
import {BlockServer, type BlockServerOptions} from '../../src/apps/pool/block-handler/block-server.ts';
import {BlockSubmitter, type BlockSubmitterOptions} from '../../src/apps/pool/block-handler/block-submitter.ts';
import {ShareBooks} from '../../src/apps/pool/block-handler/share-books.ts';
import {decodeHex} from '../../src/core/bytes/index.ts';
import {BlockError, encodeShare, type NodeProofInput, type ProofResult} from '../../src/core/packetcrypt/index.ts';
import {PKT} from '../../src/core/params/index.ts';
import {decodeWork, type PoolConfig, type PoolWork, type ShareEvent} from '../../src/core/protocol/pool/index.ts';
import {type Log, NO_LOG} from '../../src/service/logs/log.ts';
import {EventLog} from '../../src/service/pool/event-log.ts';
import type {PoolState} from '../../src/service/pool/pool-follower.ts';
import {RpcClient} from '../../src/service/rpc-client.ts';
import {readVectors} from './vectors.ts';

export interface ShareVectors {
  readonly work: string;
  readonly blockTemplate: string;
  readonly config: PoolConfig;
  readonly post: {
    readonly headers: Readonly<Record<string, string>>;
    readonly body: {readonly coinbase_commit: string; readonly header_and_proof: string};
  };
  readonly parsed: {readonly header: string; readonly annParentHeights: readonly number[]};
  readonly shareId: string;
  readonly checkpcshare: {readonly sharetarget: number; readonly height: number};
  readonly submitblock: string;
  readonly headerHash: string;
  readonly reply: {readonly result: ShareEvent; readonly error: readonly string[]; readonly warn: readonly string[]};
  readonly blockEvent: {readonly hash: string; readonly height: number; readonly difficulty: number};
  readonly mutations: readonly ShareMutation[];
}

export interface ShareMutation {
  readonly what: string;
  readonly byte?: number;
  readonly xor?: number;
  readonly httpStatus?: number;
  readonly errorContains?: string;
  readonly shouldBe?: string;
  readonly nodeError?: string;
}

export const SHARE: ShareVectors = readVectors('pool-share');
export const SHARE_WORK: PoolWork = decodeWork(decodeHex(SHARE.work));
/** Shown hash of the block that the announcements of the share were made on; any would do. */
export const SHARE_PARENT: string = `00${'ab'.repeat(31)}`;

type Respond = (request: IncomingMessage, body: Buffer, response: ServerResponse) => void | Promise<void>;

/** A server on loopback; it ends with the test. */
export async function openHttp(t: TestContext, respond: Respond): Promise<string> {
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => void respond(request, Buffer.concat(pieces), response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A node that knows one block and answers submissions as it is told to. */
export interface FakeNode {
  readonly rpc: RpcClient;
  /** Blocks that were submitted, hexadecimal. */
  readonly submitted: string[];
  readonly asked: string[];
  /** Result of submitblock; a rejection stands for an answer that never comes. */
  onSubmit: (hex: string) => unknown;
}

export async function openFakeNode(t: TestContext): Promise<FakeNode> {
  const asked: string[] = [];
  const submitted: string[] = [];
  const answer = async (method: string, [first]: readonly unknown[]): Promise<unknown> => {
    if (method === 'getblockhash') return SHARE_PARENT;
    if (method === 'getblock') {
      const {hash, height, difficulty} = SHARE.blockEvent;
      return first === hash ? {hash, height, difficulty} : undefined;
    }
    if (method !== 'submitblock') return undefined;
    submitted.push(first as string);
    return await node.onSubmit(first as string);
  };
  const url = await openHttp(t, async (_request, body, response) => {
    const {method, params, id} = JSON.parse(body.toString()) as {method: string; params: unknown[]; id: unknown};
    asked.push(method);
    let result: unknown;
    try {
      result = await answer(method, params);
    } catch {
      response.destroy();
      return;
    }
    const error = result === undefined ? {code: -5, message: 'there is no such thing'} : null;
    response.end(JSON.stringify({result: result ?? null, error, id}));
  });
  const rpc = new RpcClient({url: `${url}/`, user: 'x', password: 'x', timeoutMs: 5000});
  const node: FakeNode = {rpc, submitted, asked, onSubmit: () => null};
  return node;
}

/** Nobody listens there. */
export function deadNode(): RpcClient {
  return new RpcClient({url: 'http://127.0.0.1:1/', user: 'x', password: 'x', timeoutMs: 500});
}

/** The reason of the vectors' node for a block that it has. */
export const ALREADY: string = `rejected: 1.0 ErrDuplicateBlock: already have block ${SHARE.headerHash}\n\n<stack trace>`;

/** What the pool says while the share is good. */
export function shareState(work: PoolWork = SHARE_WORK): PoolState {
  return {config: SHARE.config, blocks: new Map(), work};
}

/** Accepts header, proof and commitment of the vectors as a block, and nothing else. */
export class ComparingVerifier {
  readonly inputs: NodeProofInput[] = [];
  /** What the proof is good for. */
  outcome: ProofResult['outcome'] = 'OK';

  checkProof(input: NodeProofInput): Promise<ProofResult> {
    this.inputs.push(input);
    const {header, proof, commitment} = input;
    const {header_and_proof: shown, coinbase_commit: commit} = encodeShare({header, proof, commitment: commitment!});
    const same = shown === SHARE.post.body.header_and_proof && commit === SHARE.post.body.coinbase_commit;
    if (!same) return Promise.reject(new BlockError('INSUF_POW'));
    return Promise.resolve({outcome: this.outcome} as ProofResult);
  }
}

export interface ShareLab {
  readonly handler: BlockHandler;
  readonly submitter: BlockSubmitter;
  readonly verifier: ComparingVerifier;
  readonly url: string;
  readonly masterUrl: string;
  /** Paths that the template server was asked for. */
  readonly fetched: string[];
  /** What the template server answers. */
  template: {status: number; body: Uint8Array};
  post(body: unknown, headers?: Readonly<Record<string, string>>): Promise<ShareAnswer>;
  close(): Promise<void>;
}

export interface ShareAnswer {
  readonly status: number;
  readonly body: {readonly result: unknown; readonly error: readonly string[]; readonly warn: readonly string[]};
}

export interface ShareLabOptions {
  readonly nodes: readonly RpcClient[];
  readonly dir: string;
  readonly handler?: Partial<BlockHandlerOptions>;
  readonly server?: Partial<BlockServerOptions>;
  readonly submitter?: Partial<BlockSubmitterOptions>;
  readonly log?: Log;
  /** Called before the share of a block is written down. */
  readonly beforeRecord?: () => Promise<void>;
}

/** Events gather in `dir`/events and are never sent. */
export async function openShareLab(t: TestContext, options: ShareLabOptions): Promise<ShareLab> {
  const {nodes, dir, log = NO_LOG, beforeRecord} = options;
  const fetched: string[] = [];
  const masterUrl = await openHttp(t, (request, _body, response) => {
    fetched.push(request.url!);
    const isThere = request.url === '/bt_1011.bin';
    response.writeHead(isThere ? lab.template.status : 404).end(isThere ? lab.template.body : '');
  });
  const events = await EventLog.open({dir: `${dir}/events`, log, rotateMs: 600_000, send: () => Promise.resolve()});
  const submitter = await BlockSubmitter.open({
    nodes,
    dir: `${dir}/blocks`,
    record: async (share) => {
      await beforeRecord?.();
      await events.append(share);
    },
    log,
    retryMs: 20,
    ...options.submitter,
  });
  const verifier = new ComparingVerifier();
  const shares = await ShareBooks.open(`${dir}/shares`, log);
  const handler = new BlockHandler({
    network: PKT,
    nodes,
    verifier: verifier as unknown as BlockHandlerOptions['verifier'],
    submitter,
    events,
    shares,
    privateSeed: null,
    nowMs: () => SHARE.reply.result.time,
    log,
    templateRetryMs: 10,
    ...options.handler,
  });
  const server = new BlockServer({handler, log, ...options.server});
  const {port} = await server.listen('127.0.0.1', 0);
  const url = `http://127.0.0.1:${port}`;
  let closed = false;
  const lab: ShareLab = {
    handler,
    submitter,
    verifier,
    url,
    masterUrl,
    fetched,
    template: {status: 200, body: decodeHex(SHARE.blockTemplate)},
    post: async (body, headers = SHARE.post.headers) => {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const response = await fetch(`${url}/submit`, {method: 'POST', body: Buffer.from(text), headers});
      return {status: response.status, body: (await response.json()) as ShareAnswer['body']};
    },
    close: async () => {
      if (closed) return;
      closed = true;
      submitter.giveUp();
      await server.close();
      await submitter.close();
      await events.close();
      await shares.close();
    },
  };
  t.after(() => lab.close());
  return lab;
}
