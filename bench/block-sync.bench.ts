// Synchronisation of whole blocks between two nodes, each a process of its own: real proofs, signed transactions, everything checked.
//   node dist/bench/block-sync.bench.js [--blocks N] [--transactions N] [--threads N] [--dir DIR] [--json]
// With --dir the chain is kept there, and the next run makes only the blocks that it lacks.
import {fork} from 'node:child_process';
import {mkdtemp, rm} from 'node:fs/promises';
import {cpus, tmpdir} from 'node:os';
import {join} from 'node:path';
import {monitorEventLoopDelay} from 'node:perf_hooks';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';
import {equalBytes} from '../src/core/bytes/index.ts';
import {encodeAddress} from '../src/core/consensus/index.ts';
import {createPktreg} from '../src/core/params/index.ts';
import {type Transaction, transactionId} from '../src/core/primitives/index.ts';
import {type NodeOptions, PktNode} from '../src/node/node.ts';
import {NO_LOG} from '../src/service/logs/log.ts';
import {ProvenMiner} from '../test/support/proven-miner.ts';
import {signAll, testKey} from '../test/support/signing.ts';

const {values} = parseArgs({
  options: {
    blocks: {type: 'string', default: '2000'},
    transactions: {type: 'string', default: '5'},
    threads: {type: 'string', default: '2'},
    dir: {type: 'string'},
    json: {type: 'boolean', default: false},
    serve: {type: 'boolean', default: false},
  },
});

const LOCAL = {host: '127.0.0.1', port: 0};
const NETWORK = createPktreg({money: {coinbaseMaturity: 1}});
const KEY = testKey(7);
const FEE = 10_000n;
/** Hard enough for announcements to serve several heights. */
const ANNOUNCEMENT_BITS = 0x2001ffff;
const PROGRESS_MS = 5000;

interface Ready {
  readonly port: number;
  readonly height: number;
}

function open(dataDir: string, connect: readonly number[], checkProof?: NodeOptions['checkProof']): Promise<PktNode> {
  return PktNode.open({
    network: NETWORK,
    dataDir,
    version: 'bench',
    log: NO_LOG,
    threads: Number(values.threads),
    p2pListen: connect.length === 0 ? [LOCAL] : [],
    connect: connect.map((port) => ({host: LOCAL.host, port})),
    connectOnly: true,
    miningAddresses: [encodeAddress(KEY.script, NETWORK.addresses)],
    ...(checkProof !== undefined && {checkProof}),
  });
}

function spend(transaction: Transaction, index: number, outputs: number): Transaction {
  const {value} = transaction.outputs[index]!;
  const each = (value - FEE) / BigInt(outputs);
  const plain: Transaction = {
    version: 2,
    inputs: [{txid: transactionId(transaction), index, script: new Uint8Array(0), sequence: 0xffffffff, witness: []}],
    outputs: Array.from({length: outputs}, () => ({value: each, script: KEY.script})),
    lockTime: 0,
  };
  return signAll(plain, KEY, [value]);
}

/** Each block spends the transactions of the one before, `count` of them; the first spends a coinbase. */
async function extend({chain, mempool, templates}: PktNode['parts'], to: number, count: number): Promise<void> {
  const miner = new ProvenMiner(NETWORK, ANNOUNCEMENT_BITS);
  let said = performance.now();
  while (chain.height < to) {
    const {height, hash} = chain.tip;
    const [coinbase, ...before] = (await chain.block(hash))!.transactions as [Transaction, ...Transaction[]];
    let next: Transaction[] = [];
    if (before.length === 1) next = Array.from({length: count}, (_, i) => spend(before[0]!, i, 1));
    else if (before.length > 1) next = before.map((each) => spend(each, 0, 1));
    else if (height > 0)
      next = [
        spend(
          coinbase,
          coinbase.outputs.findIndex(({script}) => equalBytes(script, KEY.script)),
          count,
        ),
      ];
    for (const transaction of next) await mempool.accept(transaction, {source: 'local'});
    await chain.accept(miner.mineTemplate(await templates.template(), (at) => chain.hashAt(at)!));
    if (performance.now() - said < PROGRESS_MS) continue;
    said = performance.now();
    process.stderr.write(`made ${chain.height} of ${to} blocks\n`);
  }
}

async function serve(dir: string): Promise<void> {
  // It has made them itself.
  const node = await open(dir, [], () => Promise.resolve());
  await extend(node.parts, Number(values.blocks), Number(values.transactions));
  process.on('disconnect', () => {
    void node.close().then(() => process.exit());
  });
  const ready: Ready = {port: Number(node.addresses.p2p[0]!.split(':').at(-1)), height: node.parts.chain.height};
  process.send!(ready);
}

async function measure(dir: string, {port, height}: Ready): Promise<void> {
  const cpu = process.cpuUsage();
  const begun = performance.now();
  const node = await open(dir, [port]);
  const delay = monitorEventLoopDelay({resolution: 5});
  delay.enable();
  while (node.parts.chain.height < height) await new Promise((resolve) => setTimeout(resolve, 20));
  const seconds = (performance.now() - begun) / 1000;
  delay.disable();
  const {user, system} = process.cpuUsage(cpu);
  const row = {
    id: 'node/block-sync',
    blocks: height,
    transactionsEach: Number(values.transactions),
    seconds,
    blocksPerSecond: height / seconds,
    blocksPerCpuSecond: (height * 1e6) / (user + system),
    longestPauseMs: delay.max / 1e6,
    p99PauseMs: delay.percentile(99) / 1e6,
    residentMiB: process.memoryUsage().rss / 2 ** 20,
  };
  await node.close();
  if (values.json) {
    console.log(JSON.stringify({cpu: cpus()[0]?.model, node: process.version, rows: [row]}));
    return;
  }
  console.log(
    `${row.id}: ${row.blocksPerSecond.toFixed(1)} blocks/s, ${row.blocksPerCpuSecond.toFixed(1)} per CPU second, ` +
      `${height} blocks with ${row.transactionsEach} transactions in ${seconds.toFixed(1)} s, ` +
      `main thread paused ${row.longestPauseMs.toFixed(0)} ms at most, ${row.p99PauseMs.toFixed(0)} ms at p99, ` +
      `${row.residentMiB.toFixed(0)} MiB resident`,
  );
}

if (values.serve) {
  await serve(values.dir!);
} else {
  const folder = await mkdtemp(join(tmpdir(), 'pkt-block-sync-'));
  const args = ['--serve', '--dir', values.dir ?? join(folder, 'from')];
  for (const name of ['blocks', 'transactions', 'threads'] as const) args.push(`--${name}`, values[name]);
  const child = fork(fileURLToPath(import.meta.url), args);
  try {
    const ready = await new Promise<Ready>((resolve, reject) => {
      child.once('message', (message) => resolve(message as Ready));
      child.once('exit', () => reject(new Error('the serving node has ended')));
    });
    await measure(join(folder, 'to'), ready);
  } finally {
    if (child.connected) {
      child.disconnect();
      await new Promise((resolve) => child.once('exit', resolve));
    }
    await rm(folder, {recursive: true, force: true});
  }
}
