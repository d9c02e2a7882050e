// Every sample exchange of the vectors with a service of ours. What differs stands in DEVIATIONS with its reason; everything else
// must be the same: status, the headers that the sample names, and the body.
import {deepEqual, equal, match, ok} from 'node:assert/strict';
import {createHash} from 'node:crypto';
import {readFileSync} from 'node:fs';
import {mkdir, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {type TestContext, test} from 'node:test';
import {parse, stringify} from 'lossless-json';
import {PaymakerServer} from '../../../src/apps/pool/paymaker/paymaker-server.ts';
import {decodeHex, encodeHex, writeU32} from '../../../src/core/bytes/index.ts';
import {PKT} from '../../../src/core/params/index.ts';
import {isReservedPrefix} from '../../../src/core/protocol/pool/index.ts';
import {NO_LOG} from '../../../src/service/logs/log.ts';
import {RpcClient} from '../../../src/service/rpc-client.ts';
import {
  type AnnHandlerLab,
  type AnnHandlerLabOptions,
  hashOf,
  infoOf,
  mineAnns,
  openAnnHandlerLab,
  PUBLIC_URL,
  stateOf,
} from '../../support/ann-handler-lab.ts';
import {openPaymaker} from '../../support/pool-books.ts';
import {eventually, LAB_SETTINGS, openLabMaster, testFolder} from '../../support/pool-lab.ts';
import {deadNode, openFakeNode, openHttp, openShareLab, SHARE, shareState} from '../../support/share-lab.ts';
import {readVectors} from '../../support/vectors.ts';

type Fields = Readonly<Record<string, unknown>>;

interface Exchange {
  readonly service: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  };
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: unknown;
  };
}

interface HttpVectors {
  readonly exchanges: readonly Exchange[];
  readonly nodeRpc: {
    readonly calls: readonly {
      readonly request: {readonly method: string; readonly params: readonly unknown[]};
      readonly response: Fields;
    }[];
  };
}

interface WorkVectors {
  readonly cases: readonly {
    readonly template: Fields & {readonly header: string};
    readonly privateSeed: string | null;
    readonly expect: {readonly tipHash: string; readonly work: string; readonly blockTemplate: string};
  }[];
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** JSON where it is such. */
  readonly body: unknown;
  readonly bytes: Uint8Array;
}

interface Deviation {
  readonly reason: string;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

const {exchanges: EXCHANGES, nodeRpc: NODE_RPC} = readVectors<HttpVectors>('pool-http');
const [, WORK] = readVectors<WorkVectors>('pool-work').cases as [unknown, WorkVectors['cases'][number]];
const TIP = 4999;
const JSON_TYPE = {'content-type': 'application/json'};

const envelope = (result: unknown, ...error: string[]): Fields => ({result, error, warn: []});

/** By number of the exchange. */
const DEVIATIONS: ReadonlyMap<number, Deviation> = new Map([
  [
    1,
    {
      reason: 'the comma was missing (§2.2.1, §12 no. 8)',
      headers: {...JSON_TYPE, 'cache-control': 'max-age=8, stale-while-revalidate=2'},
    },
  ],
  ...[2, 6].map(
    (i) =>
      [
        i,
        {
          reason: 'the newest two works can change with a reorganisation (§7.4)',
          headers: {'content-type': 'application/octet-stream', 'cache-control': 'max-age=8'},
        },
      ] as const,
  ),
  [4, {reason: 'old work is made up: existing block handlers wait for ever without (§2.2.2)', status: 200}],
  [
    13,
    {
      reason: 'the sample was made with another share on the same work; the vectors hold the body of this one',
      body: {
        result: {
          type: 'share',
          payTo: EXCHANGES[13]!.request.headers!['x-pc-payto'],
          block: false,
          time: 1_795_234_025_513,
          eventId: SHARE.shareId,
          target: 524_287_996,
          annCount: '256',
          annMinWork: 537_133_055,
          encryptions: 0,
        },
        error: [],
        warn: [],
      },
    },
  ],
  [14, {reason: 'every post is answered in the envelope (§2.1)', headers: JSON_TYPE, body: envelope('', 'overloaded')}],
  [15, {reason: 'every post is answered in the envelope (§2.1)', body: envelope(null, '401 Unauthorized')}],
  [
    17,
    {
      reason: 'an upload without events is taken and kept for inspection, or it came back for ever (§12 no. 43)',
      status: 200,
      body: {
        result: {eventId: createHash('sha256').update('junk').digest('hex').slice(0, 32)},
        error: [],
        warn: ['1 lines are no events', 'there is no event in it; kept for inspection'],
      },
    },
  ],
  [19, {reason: 'the first slot was made twice (§12 no. 46); memory is what it is'}],
  [20, {reason: 'the time of the question'}],
]);

async function ask(base: string, {request}: Exchange, body?: Uint8Array | string, more = {}): Promise<Answer> {
  const init = {method: request.method, headers: {...request.headers, ...more}, ...(body !== undefined && {body})};
  const response = await fetch(`${base}${request.path}`, init as RequestInit);
  const bytes = new Uint8Array(await response.arrayBuffer());
  const text = Buffer.from(bytes).toString();
  const isJson = text !== '' && response.headers.get('content-type')?.startsWith('application/json') === true;
  return {status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text, bytes};
}

/** A node with one template and the blocks below it. */
async function openTemplateNode(
  t: TestContext,
  template: Fields,
  tip: string,
  header: Fields,
): Promise<readonly [RpcClient]> {
  const url = await openHttp(t, (_request, body, response) => {
    const {method, params, id} = JSON.parse(body.toString()) as {method: string; params: [string]; id: unknown};
    // Below the tip hashes are heights.
    const height = params[0] === header['previousblockhash'] ? TIP - 1 : Number.parseInt(params[0] ?? '0', 16);
    const below = {...header, hash: params[0], height, previousblockhash: hashOf(height - 1), confirmations: 1};
    const results: Fields = {
      getbestblockhash: tip,
      getrawblocktemplate: template,
      getblockchaininfo: {initialblockdownload: false},
      getblockheader: params[0] === tip ? {...header, confirmations: 1, nextblockhash: tip} : below,
    };
    response.end(JSON.stringify({result: results[method] ?? null, error: null, id}));
  });
  return [new RpcClient({url: `${url}/`, user: 'x', password: 'x'})];
}

const CONFIG = EXCHANGES[1]!.response.body as Fields & {readonly tipHash: string; readonly masterUrl: string};
const INFO = EXCHANGES[7]!.response.body as {readonly header: Fields};
const MASTER_SETTINGS = {
  ...LAB_SETTINGS,
  masterUrl: CONFIG.masterUrl,
  submitAnnUrls: CONFIG['submitAnnUrls'] as string[],
  downloadAnnUrls: CONFIG['downloadAnnUrls'] as string[],
  submitBlockUrls: CONFIG['submitBlockUrls'] as string[],
  paymakerUrl: CONFIG['paymakerUrl'] as string,
  annTarget: CONFIG['annTarget'] as number,
};

/** On the tip that the samples name, or on that of the work vectors. */
async function openMaster(t: TestContext, of: 'samples' | 'work'): Promise<string> {
  const [tip, privateSeed] = of === 'samples' ? [CONFIG.tipHash, null] : [WORK.expect.tipHash, WORK.privateSeed];
  const header = decodeHex(WORK.template.header);
  header.set(decodeHex(tip).reverse(), 4);
  const template = {...WORK.template, header: encodeHex(header)};
  const nodes = await openTemplateNode(t, template, tip, {...INFO.header, hash: tip});
  const {url, master} = await openLabMaster(t, {
    nodes,
    settings: {...MASTER_SETTINGS, privateSeed},
    longPollMs: 100,
  });
  await eventually('work', () => master.published !== undefined);
  return url;
}

async function openBlocks(t: TestContext, maxPosts?: number): Promise<string> {
  const node = await openFakeNode(t);
  const lab = await openShareLab(t, {
    nodes: [node.rpc],
    dir: await testFolder('share'),
    handler: {nowMs: () => 1_795_234_025_513},
    ...(maxPosts !== undefined && {server: {maxPosts}}),
  });
  lab.handler.follow(shareState(), [lab.masterUrl]);
  lab.verifier.outcome = 'SHARE_OK';
  return lab.url;
}

async function openPay(t: TestContext): Promise<string> {
  const nowMs = (): number => PAY_NOW_MS;
  const paymaker = await openPaymaker(t, {nowMs});
  const server = new PaymakerServer({paymaker, nowMs, log: NO_LOG});
  const {port} = await server.listen('127.0.0.1', 0);
  t.after(() => server.close());
  return `http://127.0.0.1:${port}`;
}

async function openAnns(t: TestContext, tip = TIP, options: AnnHandlerLabOptions = {}): Promise<AnnHandlerLab> {
  const lab = await openAnnHandlerLab(t, await testFolder('ann'), {network: PKT, ...options});
  lab.handler.follow(stateOf(tip));
  return lab;
}

const ANNS = mineAnns(20, TIP);
const ann = (change: (bytes: Uint8Array) => void = () => {}): Uint8Array => {
  const bytes = ANNS.slice(0, 1024);
  change(bytes);
  return bytes;
};
/** With numbers as they are spelt in the vectors, since the id is that of the text. */
const LINES = parse(readFileSync(join('test', 'vectors', 'pool-paymaker.json'), 'utf8')) as {
  readonly scenarios: readonly {readonly uploads: readonly (readonly object[])[]}[];
};
const UPLOAD = LINES.scenarios[0]!.uploads[0]!.map((event) => `${stringify(event)}\n`).join('');
/** Shortly after the last of these events. */
const PAY_NOW_MS = 1_700_000_300_000;

/** Drives one exchange; its number is that in the vectors. */
type Drive = (t: TestContext, exchange: Exchange) => Promise<Answer | undefined>;

const withAnn =
  (bytes: Uint8Array, state: Parameters<typeof stateOf> = [TIP], headers: Fields = {}): Drive =>
  async (t, exchange) => {
    const lab = await openAnnHandlerLab(t, await testFolder('ann'), {network: PKT});
    lab.handler.follow(stateOf(...state));
    return ask(lab.url, exchange, bytes, headers);
  };

const signed: Drive = async (t, exchange) => {
  const lab = await openAnns(t);
  const blocks = new Map([[TIP, {...infoOf(TIP), sigKey: 'ab'.repeat(32)}]]);
  lab.handler.follow({...stateOf(TIP), blocks});
  return ask(
    lab.url,
    exchange,
    ann((bytes) => bytes.fill(7, 56, 88)),
  );
};

const withFiles: Drive = async (t, exchange) => {
  const dir = await testFolder('ann');
  await mkdir(`${dir}/anns`, {recursive: true});
  const {files} = EXCHANGES[36]!.response.body as {files: string[]};
  for (const name of files) await writeFile(`${dir}/anns/${name}`, ANNS.subarray(0, 2048));
  const lab = await openAnnHandlerLab(t, dir, {server: {blockMinerPassword: 'secret'}});
  return ask(lab.url, exchange);
};

const blockServer: Drive = async (t, exchange) => {
  const body = exchange.request.body?.startsWith('<') ? JSON.stringify(SHARE.post.body) : exchange.request.body;
  return ask(await openBlocks(t), exchange, body);
};

const paymaker: Drive = async (t, exchange) => {
  const url = await openPay(t);
  return ask(url, exchange, exchange.request.body === '<lines>' ? UPLOAD : exchange.request.body);
};

const master =
  (of: 'samples' | 'work'): Drive =>
  async (t, exchange) =>
    ask(await openMaster(t, of), exchange);

const DRIVES: readonly Drive[] = [
  async (t, exchange) => {
    const {url} = await openLabMaster(t, {nodes: [deadNode()]});
    return ask(url, exchange);
  },
  master('samples'),
  master('work'),
  master('samples'),
  master('samples'),
  master('samples'),
  master('work'),
  master('samples'),
  master('samples'),
  blockServer,
  blockServer,
  blockServer,
  blockServer,
  blockServer,
  async (t, exchange) => ask(await openBlocks(t, 0), exchange, '{}'),
  paymaker,
  paymaker,
  paymaker,
  paymaker,
  async (t, exchange) => {
    const url = await openPay(t);
    await ask(url, EXCHANGES[16]!, UPLOAD);
    return ask(url, exchange);
  },
  paymaker,
  async (t, exchange) => {
    const lab = await openAnns(t);
    const body = ANNS.slice();
    // Four of them twice.
    body.set(ANNS.subarray(0, 4 * 1024), 16 * 1024);
    return ask(lab.url, exchange, body);
  },
  async (t, exchange) => ask((await openAnns(t, TIP, {maxWaiting: 5})).url, exchange, ANNS),
  async (t, exchange) => {
    const lab = await openAnnHandlerLab(t, await testFolder('ann'));
    return ask(lab.url, exchange, ann());
  },
  withAnn(ann(), [TIP - 1]),
  withAnn(ann(), [TIP], {'x-pc-payto': 'bad-address!'}),
  withAnn(ann(), [TIP], {'x-pc-payto': 'a'.repeat(101)}),
  withAnn(ann().subarray(0, 1000)),
  signed,
  withAnn(ann((bytes) => bytes.fill(7, 56, 88))),
  withAnn(ann((bytes) => writeU32(bytes, 12, TIP - 1))),
  withAnn(ann(), [TIP, {annTarget: 0x1e00ffff}]),
  // Takes 2⁶⁴ hashes.
  () => Promise.resolve(undefined),
  withAnn(ann((bytes) => bytes.fill(1, 24, 56))),
  withAnn(ann(), [TIP, {annVersions: [2], submitAnnUrls: [PUBLIC_URL]}]),
  withAnn(
    ann((bytes) => {
      bytes[200] = bytes[200]! ^ 1;
    }),
  ),
  withFiles,
  withFiles,
  withFiles,
  withFiles,
];

/** What the sample says as it stands for this laboratory. */
function expectedBody(number: number, {body}: Exchange['response'], got: Answer): unknown {
  const deviation = DEVIATIONS.get(number);
  if (deviation?.body !== undefined) return deviation.body;
  switch (number) {
    case 2:
      return WORK.expect.work;
    case 6:
      return WORK.expect.blockTemplate;
    case 4:
      return encodeHex(got.bytes);
    case 19: {
      const {memory} = got.body as {memory: Fields};
      deepEqual(Object.keys(memory), Object.keys((body as {memory: Fields}).memory));
      return {...(body as Fields), compressedAnnSlots: 4, memory};
    }
    case 20:
      return {...(body as Fields), generatedAt: PAY_NOW_MS};
    case 21: {
      const {result, ...rest} = body as {result: Fields};
      const {eventId} = (got.body as {result: Fields}).result;
      match(String(eventId), /^[0-9a-f]{32}$/);
      // 20 announcements in place of 1024, of the easiest target there is.
      return {...rest, result: {...result, accepted: 16, unsigned: 20, target: 0x207fffff, eventId}};
    }
    case 37:
      return encodeHex(ANNS.subarray(0, 2048));
    default:
      return body;
  }
}

const BINARY = new Set([2, 4, 6, 37]);

equal(DRIVES.length, EXCHANGES.length);
for (const [number, exchange] of EXCHANGES.entries()) {
  const {service, request, response} = exchange;
  const name = `${number}: ${service}, ${request.method} ${request.path.slice(0, 30)} gives ${response.status}`;
  test(name, async (t) => {
    const got = await DRIVES[number]!(t, exchange);
    if (got === undefined) {
      deepEqual([isReservedPrefix(0n), isReservedPrefix(2n ** 64n - 1n), isReservedPrefix(1n)], [true, true, false]);
      return;
    }
    const deviation = DEVIATIONS.get(number);
    equal(got.status, deviation?.status ?? response.status);
    const headers = deviation?.headers ?? response.headers;
    for (const [header, value] of Object.entries(headers)) equal(got.headers.get(header), value, header);
    deepEqual(BINARY.has(number) ? encodeHex(got.bytes) : got.body, expectedBody(number, response, got));
    if (number === 1) match(Buffer.from(got.bytes).toString(), /^\{\n\t"tipHash"/);
  });
}

test('every deviation differs from its sample', () => {
  for (const [number, {status, headers, body, reason}] of DEVIATIONS) {
    const {response} = EXCHANGES[number]!;
    ok(reason.length > 10);
    if (status !== undefined) ok(status !== response.status, `status of ${number}`);
    if (headers !== undefined) ok(JSON.stringify(headers) !== JSON.stringify(response.headers), `headers of ${number}`);
    if (body !== undefined) ok(JSON.stringify(body) !== JSON.stringify(response.body), `body of ${number}`);
  }
});

/** A node that answers as the samples do; the first that fits. */
async function openSampleNode(t: TestContext): Promise<{rpc: RpcClient; asked: string[]}> {
  const asked: string[] = [];
  const url = await openHttp(t, (_request, body, response) => {
    const {method, params, id} = JSON.parse(body.toString()) as {method: string; params: unknown[]; id: unknown};
    asked.push(method);
    const same = NODE_RPC.calls.filter(({request}) => request.method === method);
    const fits = same.find(({request}) => JSON.stringify(request.params) === JSON.stringify(params)) ?? same[0];
    const answer = fits?.response ?? {result: {initialblockdownload: false}, error: null};
    response.setHeader('connection', 'close');
    response.end(JSON.stringify({...answer, id}));
  });
  return {rpc: new RpcClient({url: `${url}/`, user: 'x', password: 'x'}), asked};
}

test('calls of the node: a master is ready on a chain of one block, whose parent is 64 zeros', async (t) => {
  const {rpc, asked} = await openSampleNode(t);
  const {master, url} = await openLabMaster(t, {nodes: [rpc]});
  await eventually('work', () => master.published !== undefined);
  equal(master.published!.height, 1);
  const genesis = NODE_RPC.calls[2]!.response['result'] as {hash: string; confirmations?: number};
  const info = (await (await fetch(`${url}/blkinfo_${genesis.hash}.json`)).json()) as {header: Fields};
  const {confirmations: _gone, ...rest} = genesis;
  deepEqual(info.header, rest);
  equal(asked.filter((method) => method === 'getblockheader').length, 1, 'it does not ask for what there is none of');
});

test('calls of the node: errors come with their code and text, a rejection as a result', async (t) => {
  const {rpc} = await openSampleNode(t);
  let refused = 0;
  for (const {request, response} of NODE_RPC.calls) {
    const {error, result} = response as {error: {code: number; message: string} | null; result: unknown};
    const call = rpc.call(request.method, request.params);
    if (error === null) deepEqual(await call, result);
    else {
      await call.then(
        () => ok(false, request.method),
        (failure: {code: string; rpcCode: number; rpcMessage: string}) =>
          deepEqual([failure.code, failure.rpcCode, failure.rpcMessage], ['rpc-refused', error.code, error.message]),
      );
      refused++;
    }
  }
  equal(refused, 4);
});
