import {deepEqual, equal, ok} from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import {parse} from 'lossless-json';
import {decodeHex, encodeHex} from '../../../src/core/bytes/index.ts';
import {dsha256} from '../../../src/core/crypto/index.ts';
import {PKT} from '../../../src/core/params/index.ts';
import {decodeBlock, decodeTransaction, encodeTransaction} from '../../../src/core/primitives/index.ts';
import {RpcTestNode} from '../../support/rpc-node.ts';
import {scenarioFile, stepBytes} from '../../support/scenarios.ts';

interface SampleError {
  readonly code?: number;
  readonly message: string;
}

interface Sample {
  readonly method: string;
  readonly params: readonly unknown[];
  readonly result?: unknown;
  readonly error?: SampleError;
}

type Members = Readonly<Record<string, unknown>>;

/** How an answer of this node differs from that of the existing one, and why. */
interface Deviation {
  readonly method: string;
  /** Beginning of the parameters as JSON; any when left out. */
  readonly params?: string;
  readonly reason: string;
  /** Members that have other values, are added, or (undefined) left out. */
  readonly members?: Members | ((sample: Members) => Members);
  /** The whole answer where more than members differs. */
  readonly result?: unknown;
  readonly error?: SampleError;
}

const NOW_MS = 1795235153899;
const FULL_STEWARD = 'pkt1q6hqsqhqdgqfd8t3xwgceulu7k9d9w5t2amath0qxyfjlvl3s3u4sjza2g2';
const REAL_SIZES = 'spec §2.5, §4.6.2: stripped size and weight are shown as they are, 4100 and 16400 less';
const OWN_TEXT =
  'spec §4.6.1: code and name are kept, and the texts that clients search for; the rest is this node’s own';
const MORE = 'members beyond those of the existing node';
const PEER_VERSION = 'spec §2.8.3: protocol version 70013';
const NEVER = 2n ** 63n - 1n;
const ALWAYS = {status: 'active', bit: 0, startTime: NEVER, timeout: NEVER, since: 0};
const MIN_FEE = 1000 / 2 ** 30;
const SHORT_DATA = 'truncated: the data ends before the structure does (offset 0, wanted 4)';

const smaller = ({strippedsize, weight}: Members): Members => ({
  strippedsize: Number(strippedsize) - 4100,
  weight: Number(weight) - 4 * 4100,
});

/** The first two outputs change places: this node orders payouts by script. */
function inOrder(hex: string): string {
  const coinbase = decodeTransaction(decodeHex(hex));
  const [first, second, ...others] = coinbase.outputs;
  return encodeHex(encodeTransaction({...coinbase, outputs: [second!, first!, ...others]}));
}

function templateInOrder({header, coinbase_no_witness: plain, transactions}: Members): Members {
  const coinbase = inOrder(plain as string);
  const bytes = decodeHex(header as string);
  // The coinbase is alone in the block, so that its id is the merkle root.
  bytes.set(dsha256(decodeHex(coinbase)), 36);
  const [whole, ...others] = transactions as string[];
  return {header: encodeHex(bytes), coinbase_no_witness: coinbase, transactions: [inOrder(whole!), ...others]};
}

const DEVIATIONS: readonly Deviation[] = [
  {
    method: 'getblock',
    params: '["0a09c8ed7e788cb1f0fa5627eb836c979fd0e39217af898619f51fa5804daa76"]',
    reason: REAL_SIZES,
    members: smaller,
  },
  {method: 'getblock', params: '["33ee', reason: REAL_SIZES, members: smaller},
  {method: 'getblock', params: '["e831', reason: REAL_SIZES, members: smaller},
  {method: 'getblock', params: '["d957', reason: REAL_SIZES, members: smaller},
  {method: 'getblock', params: '["71c2', reason: REAL_SIZES, members: smaller},
  {
    method: 'getblockchaininfo',
    reason: `${MORE} (chainwork: spec §4.6.2); the test deployment "dummy" decides nothing`,
    members: {
      chainwork: (114n * 0x1000n).toString(16).padStart(64, '0'),
      bip9_softforks: {csv: ALWAYS, segwit: ALWAYS},
      indexes: {transactions: 113, addresses: 113, filters: 113},
    },
  },
  {method: 'getinfo', reason: PEER_VERSION, members: {protocolversion: 70013}},
  {
    method: 'getmininginfo',
    reason: `${REAL_SIZES}; this node has no miner of its own`,
    members: {currentblocksize: 8464 - 4100, currentblockweight: 33856 - 4 * 4100, genproclimit: 0},
  },
  {
    method: 'getnetworkinfo',
    reason: `${PEER_VERSION}; the bloom service is not offered; the name is this program’s`,
    members: {
      protocolversion: 70013,
      subversion: '/pktstack:9.9.9/',
      localservices: '49',
      localservicesnames: ['SFNodeNetwork', 'SFNodeWitness', 'SFNodeCF'],
    },
  },
  {
    method: 'getnetworksteward',
    reason: 'spec §4.6.2: string members beside the integers',
    members: {svotesagainst: '0', stotalpossible: '505472553582592'},
  },
  {method: 'getmempoolinfo', reason: MORE, members: {usage: 0, mempoolminfee: MIN_FEE}},
  {method: 'estimatefee', reason: 'spec §4.3: without load the answer is the minimum', result: MIN_FEE},
  {
    method: 'estimatesmartfee',
    reason: 'spec §4.3: without load the answer is the minimum',
    members: {feerate: MIN_FEE, blocks: 6},
  },
  {method: 'version', reason: MORE, members: {pktstack: {versionstring: '9.9.9'}}},
  {
    method: 'sendrawtransaction',
    params: '["00"]',
    reason: OWN_TEXT,
    error: {code: -22, message: `ErrRPCDeserialization(-22): TX decode failed: ${SHORT_DATA}`},
  },
  {
    method: 'sendrawtransaction',
    params: '["0100000001bc',
    reason: OWN_TEXT,
    error: {
      code: -26,
      message:
        'ErrRPCTxRejected(-26): ErrRejectNonstandard: ErrRejectNonstandard(64): non-standard script form (output-form: non-standard script form (output 0))',
    },
  },
  {
    method: 'sendrawtransaction',
    params: '["010000000106',
    reason: OWN_TEXT,
    error: {
      code: -26,
      message:
        'ErrRPCTxRejected(-26): ErrRejectNonstandard: ErrRejectNonstandard(64): transaction input has a non-standard script form (input-form: transaction input has a non-standard script form (input 0))',
    },
  },
  {
    method: 'getrawblocktemplate',
    reason: 'spec §4.5: payouts stand in the order of their scripts',
    members: templateInOrder,
  },
  {
    method: 'configureminingpayouts',
    params: '[{}]',
    reason: OWN_TEXT,
    error: {
      code: -32603,
      message:
        'ErrRPCInternal(-32603): no-payouts: You must specify at least one address to pay to, with a weight above 0',
    },
  },
  {
    method: 'configureminingpayouts',
    params: '[{"nonsense"',
    reason: OWN_TEXT,
    error: {
      code: -32603,
      message:
        'ErrRPCInternal(-32603): bad-payout-address: an address to pay to could not be decoded or belongs to another network (address nonsense, why bad-checksum)',
    },
  },
  {
    method: 'getblocktemplate',
    params: '[]',
    reason: OWN_TEXT,
    error: {code: -10, message: 'ErrRPCClientInInitialDownload(-10): the node is downloading blocks...'},
  },
  {
    method: 'getblocktemplate',
    params: '[{"capa',
    reason: OWN_TEXT,
    error: {code: -10, message: 'ErrRPCClientInInitialDownload(-10): the node is downloading blocks...'},
  },
  {
    method: 'getblocktemplate',
    params: '[{"mode"',
    reason: OWN_TEXT,
    error: {code: -22, message: `ErrRPCDeserialization(-22): Block decode failed: ${SHORT_DATA}`},
  },
  {
    method: 'submitblock',
    params: '["00"]',
    reason: OWN_TEXT,
    error: {code: -22, message: `ErrRPCDeserialization(-22): Block decode failed: ${SHORT_DATA}`},
  },
  {
    method: 'checkpcshare',
    reason: OWN_TEXT,
    error: {code: -22, message: `ErrRPCDeserialization(-22): Share decode failed: ${SHORT_DATA}`},
  },
  {
    method: 'checkpcann',
    params: '["00"]',
    reason: `${OWN_TEXT}; every refusal has a code`,
    error: {code: -22, message: 'ErrRPCDeserialization(-22): an announcement has 1024 bytes'},
  },
  {
    method: 'checkpcann',
    params: '["0000',
    reason: 'spec §4.6.1: every message begins with a name and its code',
    error: {code: -32603, message: 'ErrRPCInternal(-32603): Validate_checkAnn_INVAL_ITEM4'},
  },
  {
    method: 'setgenerate',
    reason: 'this node has no miner of its own, and does not say that it began to mine',
    error: {code: -1, message: 'ErrRPCUnimplemented(-1): this node does not mine by itself; run a miner'},
  },
  {
    method: 'generate',
    reason: 'networks have the names of spec §1.1',
    error: {
      code: -5,
      message:
        "ErrRPCDifficulty(-5): No support for `generate` on the current network, pkt, as it's unlikely to be possible to mine a block with the CPU.",
    },
  },
  {
    method: 'getchaintips',
    reason: 'implemented here',
    result: [
      {
        height: 113,
        hash: '4e420907b90d49047ed6b7cdfa9b2e83f3828641100fb7a53cc5158cd4d5bac7',
        branchlen: 0,
        status: 'active',
      },
      {
        height: 113,
        hash: '37c8f4f616110d4e82e992b77d4eb5890c8a4def8015e60906b77e02ddd202e9',
        branchlen: 3,
        status: 'valid-fork',
      },
    ],
  },
  {
    method: 'addnode',
    params: '["127.0.0.1:1","remove"',
    reason: 'what was added can be removed also while it cannot be reached',
    result: null,
  },
];

/** Numbers as they stand in the file: those that a double does not hold as bigint. */
function readNumber(text: string): number | bigint {
  const value = Number(text);
  return /^-?\d+$/.test(text) && !Number.isSafeInteger(value) ? BigInt(text) : value;
}

const {samples} = parse(readFileSync('test/vectors/rpc-samples.json', 'utf8'), null, readNumber) as {
  samples: readonly Sample[];
};

const shown = (params: readonly unknown[]): string =>
  JSON.stringify(params, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));

function deviationOf({method, params}: Sample): Deviation | undefined {
  return DEVIATIONS.find((entry) => entry.method === method && shown(params).startsWith(entry.params ?? ''));
}

/** What this node must answer: the sample with what deviates. */
function expected(sample: Sample, deviation: Deviation | undefined): {result?: unknown; error?: SampleError} {
  if (deviation?.error !== undefined) return {error: deviation.error};
  if (deviation !== undefined && 'result' in deviation) return {result: deviation.result};
  if (sample.error !== undefined) return {error: sample.error};
  if (deviation?.members === undefined) return {result: sample.result};
  const {members} = deviation;
  const result = sample.result as Members;
  return {result: {...result, ...(typeof members === 'function' ? members(result) : members)}};
}

/** Where the file cuts a long text short, the answer is cut as well. */
function cutAs(wanted: unknown, got: unknown): unknown {
  if (typeof wanted === 'string' && wanted.endsWith('…') && typeof got === 'string') {
    return `${got.slice(0, wanted.length - 1)}…`;
  }
  if (typeof wanted !== 'object' || wanted === null || typeof got !== 'object' || got === null) return got;
  if (Array.isArray(got)) return got.map((entry, i) => cutAs((wanted as unknown[])[i], entry));
  return Object.fromEntries(
    Object.entries(got).map(([name, entry]) => [name, cutAs((wanted as Members)[name], entry)]),
  );
}

/** A parameter that the file cuts short is an announcement of zeros. */
function wholeParam(param: unknown): unknown {
  return typeof param === 'string' && param.endsWith('… (1024 bytes)') ? '00'.repeat(1024) : param;
}

test('what the existing node answered after the blocks of the first scenario', async (t) => {
  const rpc = await RpcTestNode.open(t, {
    network: {...PKT, checkpoints: []},
    checkProof: () => Promise.resolve(),
    nowMs: () => NOW_MS,
    indexes: new Set(['transactions', 'addresses', 'filters']),
  });
  const {chain} = rpc.node.parts;
  for (const step of scenarioFile.scenarios[0]!.steps.filter(({accepted}) => accepted)) {
    // The file counts a block whose parent is missing as accepted: the existing node keeps it.
    await chain.accept(decodeBlock(stepBytes(step))).catch((error: Error) => {
      equal(step.name, 'block with an unknown parent', `${step.name}: ${error.message}`);
    });
  }
  equal(samples.length, 88);
  const used = new Set<Deviation>();
  let payouts = false;
  for (const sample of samples) {
    const name = `${sample.method} ${shown(sample.params).slice(0, 100)}`;
    if (sample.method === 'getminingpayouts' && !payouts) {
      // spec §4.5: nobody is paid whom nobody named.
      deepEqual(Object.keys(sample.result as object), [FULL_STEWARD]);
      ok((await rpc.refusal('getminingpayouts')).startsWith('ErrRPCInternal(-32603): no-payouts: '));
      payouts = true;
      continue;
    }
    const deviation = deviationOf(sample);
    if (deviation !== undefined) used.add(deviation);
    const {result, error} = await rpc.ask(sample.method, sample.params.map(wholeParam));
    const wanted = expected(sample, deviation);
    if (error === null) deepEqual({result: cutAs(wanted.result, result)}, wanted, name);
    else deepEqual({error: {code: error.code, message: error.message.replace('9.9.9 ', '')}}, wanted, name);
  }
  // Each deviation is one.
  equal(used.size, DEVIATIONS.length);
  for (const deviation of DEVIATIONS) {
    const sample = samples.find((entry) => deviationOf(entry) === deviation)!;
    ok(JSON.stringify(expected(sample, deviation), bigText) !== JSON.stringify(expected(sample, undefined), bigText));
  }
});

function bigText(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
