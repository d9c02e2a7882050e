import {z} from 'zod';
import {compactToBig, encodeHex, equalBytes} from '../../../core/bytes/index.ts';
import {MAX_BLOCK_WEIGHT, MAX_SIGOP_COST, RuleError, stewardShare, subsidy} from '../../../core/consensus/index.ts';
import {CodedError} from '../../../core/errors.ts';
import {
  ANN_BYTES,
  announcementVerdict,
  annParentBlockHeight,
  BlockError,
  findCommitment,
} from '../../../core/packetcrypt/index.ts';
import {
  type Block,
  blockHash,
  blockSize,
  decodeBlock,
  decodeTransaction,
  encodeHeader,
  encodeTransaction,
  rootFromBranch,
  type Transaction,
  transactionId,
  witnessId,
} from '../../../core/primitives/index.ts';
import {shownHash} from '../../chain/layout.ts';
import type {Template} from '../../mempool/block-templates.ts';
import {TemplateError} from '../../mempool/template-errors.ts';
import {bitsHex, chainDifficulty} from '../documents/block.ts';
import {DEFAULT_RATE_BLOCKS, networkHashes} from '../documents/hash-rate.ts';
import {addressOf} from '../documents/script.ts';
import {RpcError} from '../errors.ts';
import {toPkt} from '../json.ts';
import {defineMethod, type RpcCall, type RpcMethod} from '../method.ts';
import {ADDRESS, count, decodeHexParam, FLAG, HASH, HEX} from '../params.ts';
import type {RpcNode} from '../rpc-node.ts';

const MAX_GENERATED = 1000;
/** Seconds that a block may be ahead of the clock. */
const MAX_TIME_AHEAD = 720;
const NONCE_RANGE = '00000000ffffffff';

function decodeBlockParam(hex: string, what: string): Block {
  const bytes = decodeHexParam(hex);
  try {
    return decodeBlock(bytes);
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    throw new RpcError('ErrRPCDeserialization', `${what} decode failed: ${error.message}`, error);
  }
}

async function template({templates}: RpcNode): Promise<Template> {
  try {
    return await templates.template();
  } catch (error) {
    throw asInternal(error);
  }
}

function asInternal(error: unknown): unknown {
  return error instanceof TemplateError ? new RpcError('ErrRPCInternal', error.message, error) : error;
}

async function getRawBlockTemplate(node: RpcNode): Promise<object> {
  const {height, header, coinbaseWithoutWitness, merkleBranch, transactions} = await template(node);
  return {
    height,
    header: encodeHex(encodeHeader(header)),
    coinbase_no_witness: encodeHex(coinbaseWithoutWitness),
    merklebranch: merkleBranch.map((hash) => encodeHex(hash)),
    transactions: transactions.map((transaction) => encodeHex(encodeTransaction(transaction))),
  };
}

/** The words of a refusal that existing clients look for. */
function refusalText({version}: RpcNode, block: Block, error: RuleError): string {
  const reason =
    error.code === 'ErrDuplicateBlock' ? `already have block ${shownHash(blockHash(block.header))}` : error.message;
  return `rejected: ${version} ${error.code}: ${reason}`;
}

async function submitBlock(node: RpcNode, hex: string): Promise<string | null> {
  const block = decodeBlockParam(hex, 'Block');
  try {
    await node.chain.accept(block);
    return null;
  } catch (error) {
    if (error instanceof RuleError) return refusalText(node, block, error);
    throw error;
  }
}

interface ShareParams {
  readonly sharetarget: number;
  readonly height: number;
  readonly hexblock: string;
  readonly coinbase: string;
  readonly merklebranch: readonly string[];
}

function decodeCoinbase(hex: string): Transaction {
  const bytes = decodeHexParam(hex);
  try {
    return decodeTransaction(bytes);
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    throw new RpcError('ErrRPCDeserialization', `Coinbase decode failed: ${error.message}`, error);
  }
}

/** Texts of the existing programs for a proof that is refused. */
function proofRefusal(error: BlockError): RpcError {
  const {code, details} = error;
  if (code === 'ANN_INVALID') {
    return new RpcError(
      'ErrRPCInternal',
      `Validate_checkAnn_${String(details['verdict'] ?? 'INVAL')}: ${error.message}`,
    );
  }
  if (code === 'ANN_SIG_INVALID') {
    const what = details['reason'] === 'missing' ? 'missing' : 'invalid';
    return new RpcError('ErrRPCInternal', `${what} announcement signature: ${error.message}`);
  }
  if (code === 'ANN_PARENT_UNKNOWN') return new RpcError('ErrRPCVerify', error.message);
  return new RpcError('ErrRPCInternal', `Validate_checkBlock_${code}: ${error.message}`);
}

/** Holds a share to its target.   pool spec §10.4 */
async function checkShare(node: RpcNode, params: ShareParams): Promise<string> {
  const {chain, checkProof} = node;
  const {header, proof} = decodeBlockParam(params.hexblock, 'Share');
  const coinbase = decodeCoinbase(params.coinbase);
  const branch = params.merklebranch.map((text) => {
    const hash = decodeHexParam(text);
    if (hash.length !== 32) throw new RpcError('ErrRPCInvalidParameter', 'merklebranch: expected hashes of 32 bytes');
    return hash;
  });
  const root = rootFromBranch(transactionId(coinbase), branch);
  if (!equalBytes(root, header.merkleRoot)) {
    const found = `${shownHash(root)}, the header has ${shownHash(header.merkleRoot)}`;
    throw new RpcError('ErrRPCVerify', `merkle root mismatch: coinbase and branch give ${found}`);
  }
  try {
    const {outcome} = await checkProof(
      {
        header: encodeHeader(header),
        proof,
        commitment: findCommitment(coinbase.outputs.map(({script}) => script)),
        blockHeight: params.height,
        shareTarget: params.sharetarget,
        parentHashes: proof.announcements.map((ann) => chain.hashAt(annParentBlockHeight(ann))),
      },
      chain.network.proof,
    );
    return outcome === 'OK' ? 'RESUBMIT_AS_BLOCK' : 'OK';
  } catch (error) {
    if (error instanceof BlockError) throw proofRefusal(error);
    throw error;
  }
}

function checkAnnouncement({chain}: RpcNode, hex: string, version: number, parent: Uint8Array | undefined): object {
  const ann = decodeHexParam(hex);
  if (ann.length !== ANN_BYTES) throw new RpcError('ErrRPCDeserialization', `an announcement has ${ANN_BYTES} bytes`);
  const parentHash = parent ?? chain.hashAt(annParentBlockHeight(ann));
  if (parentHash === undefined) throw new RpcError('ErrRPCVerify', 'the parent block of the announcement is not known');
  const {firstVersion1Parent} = chain.network.proof;
  const context = {profile: 'node', proofVersion: BigInt(version), firstVersion1Parent} as const;
  const {verdict, workHash} = announcementVerdict(ann, parentHash, context);
  if (verdict !== 'OK') throw new RpcError('ErrRPCInternal', `Validate_checkAnn_${verdict}`);
  return {workhash: encodeHex(workHash!)};
}

async function configurePayouts({payouts}: RpcNode, weights: Readonly<Record<string, number>>): Promise<null> {
  try {
    await payouts.set(new Map(Object.entries(weights).map(([address, weight]) => [address, String(weight)])));
  } catch (error) {
    throw asInternal(error);
  }
  return null;
}

const TEMPLATE_REQUEST = z
  .object({
    mode: z.string().optional(),
    capabilities: z.array(z.string()).max(100).optional(),
    rules: z.array(z.string()).max(100).optional(),
    longpollid: z.string().max(200).optional(),
    data: HEX.optional(),
  })
  .loose();

function hashOfTarget(bits: number): string {
  return (compactToBig(bits) ?? 0n).toString(16).padStart(64, '0');
}

function templateTransactions({others}: Template): object[] {
  return others.map(({transaction, txid, fee, sigopCost: sigops, weight, depends}) => ({
    data: encodeHex(encodeTransaction(transaction)),
    txid: shownHash(txid),
    hash: shownHash(witnessId(transaction)),
    depends,
    fee: Number(fee),
    sigops,
    weight,
  }));
}

function coinbaseMembers(node: RpcNode, made: Template, wholeCoinbase: boolean): object {
  const {height, transactions, fees, coinbaseSigopCost} = made;
  const [coinbase] = transactions as [Transaction];
  if (wholeCoinbase) {
    const hex = encodeHex(encodeTransaction(coinbase));
    const ids = {txid: shownHash(transactionId(coinbase)), hash: shownHash(witnessId(coinbase))};
    return {coinbasetxn: {data: hex, ...ids, depends: [], fee: -Number(fees), sigops: coinbaseSigopCost}};
  }
  const {money} = node.chain.network;
  return {
    coinbaseaux: {flags: encodeHex(coinbase.inputs[0]!.script.subarray(-12))},
    coinbasevalue: subsidy(money, height) + fees - stewardShare(money, height),
  };
}

function templateDocument(node: RpcNode, made: Template, wholeCoinbase: boolean): object {
  const {id, height, header, steward, minTime, transactions} = made;
  const placeholder = transactions[0]!.outputs.at(-1)!.script;
  return {
    bits: bitsHex(header.bits),
    curtime: header.time,
    height,
    previousblockhash: shownHash(header.previous),
    sigoplimit: MAX_SIGOP_COST,
    sizelimit: MAX_BLOCK_WEIGHT,
    weightlimit: MAX_BLOCK_WEIGHT,
    transactions: templateTransactions(made),
    version: header.version,
    ...coinbaseMembers(node, made, wholeCoinbase),
    longpollid: id,
    target: hashOfTarget(header.bits),
    maxtime: node.nowSeconds() + MAX_TIME_AHEAD,
    mintime: minTime,
    mutable: ['time', 'transactions/add', 'prevblock', 'coinbase/append'],
    noncerange: NONCE_RANGE,
    capabilities: ['proposal'],
    default_witness_commitment: encodeHex(made.witnessCommitment),
    networksteward: {
      script: encodeHex(steward.script),
      svalue: steward.value.toString(),
      address: addressOf(node.chain.network, steward.script),
    },
    packetcryptcommitment: encodeHex(placeholder),
  };
}

/** What BIP 23 says of a block that was only shown: null when it would do. */
async function proposal(node: RpcNode, data: string | undefined): Promise<string | null> {
  if (data === undefined) throw new RpcError('ErrRPCInvalidParameter', 'a proposal needs data, the block in hex');
  const block = decodeBlockParam(data, 'Block');
  const hash = blockHash(block.header);
  if (node.chain.find(hash) !== undefined) return 'duplicate';
  if (!equalBytes(block.header.previous, node.chain.tip.hash)) return 'bad-prevblk';
  try {
    await node.chain.tryBlock(block);
    return null;
  } catch (error) {
    if (error instanceof RuleError) return error.code;
    throw error;
  }
}

async function getBlockTemplate(
  node: RpcNode,
  {mode = 'template', capabilities = [], longpollid, data}: z.output<typeof TEMPLATE_REQUEST>,
  {signal}: RpcCall,
): Promise<unknown> {
  if (mode === 'proposal') return proposal(node, data);
  if (mode !== 'template') throw new RpcError('ErrRPCInvalidParameter', 'Invalid mode');
  if (!node.chain.isCurrent(node.nowSeconds()) && node.chain.height > 0) {
    throw new RpcError('ErrRPCClientInInitialDownload', 'the node is downloading blocks...');
  }
  try {
    const {templates} = node;
    const made = longpollid === undefined ? await templates.template() : await templates.changed(longpollid, signal);
    const wholeCoinbase = capabilities.includes('coinbasetxn') && !capabilities.includes('coinbasevalue');
    return templateDocument(node, made, wholeCoinbase);
  } catch (error) {
    if (signal.aborted) throw new RpcError('ErrRPCMisc', 'the wait was ended');
    throw asInternal(error);
  }
}

async function generate(node: RpcNode, blocks: number, signal: AbortSignal): Promise<string[]> {
  const {network} = node.chain;
  if (network.name !== 'pktreg') {
    const why = "as it's unlikely to be possible to mine a block with the CPU.";
    throw new RpcError(
      'ErrRPCDifficulty',
      `No support for \`generate\` on the current network, ${network.name}, ${why}`,
    );
  }
  try {
    return (await node.generate(blocks, signal)).map(shownHash);
  } catch (error) {
    throw asInternal(error);
  }
}

async function miningInfo(node: RpcNode): Promise<object> {
  const {chain, mempool} = node;
  const tip = await chain.block(chain.tip.hash);
  const size = tip && blockSize(tip);
  const bits = chain.nextBits(node.nowSeconds());
  return {
    blocks: chain.height,
    ...(tip && {currentblocksize: size!.stripped, currentblockweight: size!.weight}),
    ...(tip && {currentblocktx: tip.transactions.length}),
    difficulty: chainDifficulty(chain.network, bits),
    errors: '',
    generate: false,
    genproclimit: 0,
    hashespersec: 0,
    networkhashps: networkHashes(chain, DEFAULT_RATE_BLOCKS, -1),
    pooledtx: mempool.count,
    testnet: chain.network.name === 'pkttest',
  };
}

export const MINING_METHODS: readonly RpcMethod[] = [
  defineMethod({
    name: 'getrawblocktemplate',
    summary: 'The block to be mined next, as pools take it.',
    result: '{height, header, coinbase_no_witness, merklebranch, transactions}',
    run: getRawBlockTemplate,
  }),
  defineMethod({
    name: 'getblocktemplate',
    summary: 'The block to be mined next (BIP 22, 23): long polling, proposals.',
    result: 'object; for a proposal null or why it is refused',
    params: {request: TEMPLATE_REQUEST.default({})},
    run: (node, {request}, call) => getBlockTemplate(node, request, call),
  }),
  defineMethod({
    name: 'submitblock',
    role: 'limited',
    summary: 'Takes a mined block.',
    result: 'null, or a text that begins with "rejected: "',
    params: {hex: HEX, options: z.unknown().optional()},
    run: (node, {hex}) => submitBlock(node, hex),
  }),
  defineMethod({
    name: 'checkpcshare',
    summary: 'Holds a share of a pool to its target.',
    result: '"OK", or "RESUBMIT_AS_BLOCK" for one that is a block',
    params: {
      share: z.object({
        sharetarget: count(0xffffffff),
        height: count(0x7fffffff),
        hexblock: HEX,
        coinbase: HEX,
        merklebranch: z.array(z.string().max(64)).max(32),
      }),
    },
    run: (node, {share}) => checkShare(node, share),
  }),
  defineMethod({
    name: 'checkpcann',
    summary: 'Holds an announcement to its work.',
    result: '{workhash}',
    params: {annhex: HEX, pcversion: z.int().min(0).max(100).default(1), parenthash: HASH.optional()},
    run: (node, {annhex, pcversion, parenthash}) => checkAnnouncement(node, annhex, pcversion, parenthash),
  }),
  defineMethod({
    name: 'configureminingpayouts',
    summary: 'Sets who is paid by the blocks of this node, by weight; kept over a restart.',
    result: 'null',
    params: {payouts: z.record(ADDRESS, z.number().min(0).max(1e30))},
    run: (node, {payouts}) => configurePayouts(node, payouts),
  }),
  defineMethod({
    name: 'getminingpayouts',
    summary: 'Who is paid how many PKT by the next block.',
    result: '{address: PKT}',
    run: async (node) => {
      const {payouts} = await template(node);
      const {network} = node.chain;
      return Object.fromEntries(payouts.map(({script, value}) => [addressOf(network, script), toPkt(value)]));
    },
  }),
  defineMethod({
    name: 'getmininginfo',
    role: 'limited',
    summary: 'State of mining.',
    result: 'object',
    run: miningInfo,
  }),
  defineMethod({
    name: 'getgenerate',
    role: 'limited',
    summary: 'Whether this node mines by itself: it does not, miners do.',
    result: 'boolean',
    run: () => false,
  }),
  defineMethod({
    name: 'setgenerate',
    summary: 'Would have this node mine by itself: it cannot, miners do; only false is taken.',
    result: 'null',
    params: {generate: FLAG, limit: z.int().default(-1)},
    run: (_node, {generate: wanted}) => {
      if (wanted) throw new RpcError('ErrRPCUnimplemented', 'this node does not mine by itself; run a miner');
    },
  }),
  defineMethod({
    name: 'gethashespersec',
    role: 'limited',
    summary: 'Hashes per second that this node makes by itself: none, miners do.',
    result: 'number',
    run: () => 0,
  }),
  defineMethod({
    name: 'generate',
    summary: 'Mines blocks on this machine; on the private network alone.',
    result: 'array of hashes',
    params: {blocks: z.int().min(1).max(MAX_GENERATED)},
    run: (node, {blocks}, {signal}) => generate(node, blocks, signal),
  }),
];
