// RandHash programs: generating, compiling, and running them for a table, with the cost estimate's correlation.
//   node dist/bench/packetcrypt-programs.bench.js [--programs N] [--json]
// Every program is compiled once only: the engine keeps the code of module bytes it has seen.
import {createHash} from 'node:crypto';
import {cpus} from 'node:os';
import {parseArgs} from 'node:util';
import {expand} from '../src/core/crypto/index.ts';
import {generateProgram} from '../src/core/packetcrypt/rand-hash/rand-gen.ts';
import {type CompiledProgram, compileProgram} from '../src/core/packetcrypt/rand-hash/rand-hash-compiler.ts';
import {programCost} from '../src/core/packetcrypt/rand-hash/rand-hash-cost.ts';
import {loadRandHashKernel} from '../src/core/packetcrypt/rand-hash/rand-hash-kernel.ts';

const {values} = parseArgs({
  options: {programs: {type: 'string', default: '60'}, json: {type: 'boolean', default: false}},
});
const PROGRAMS = Number(values.programs);
const WARM_UP = 20;
const WINDOWS = 1792;
const ITEMS = 8192;

// Memory: seed, words, scratch | halves with slack | program image | decoded program
const SEED = 0x100;
const WORDS = 0x1000;
const SCRATCH = 0x4000;
const FIRST = 0x8000;
const SECOND = 0x9000;
const IMAGE = 0x10000;
const DECODED = 0x20000;
const memory = new WebAssembly.Memory({initial: 8});
const words = new Uint32Array(memory.buffer);
const kernel = loadRandHashKernel(memory);

/** Milliseconds of wall and processor time (all threads of the process) that `work` takes. */
function measure(work: () => void): {wallMs: number; cpuMs: number} {
  const cpu = process.cpuUsage();
  const begun = performance.now();
  work();
  const wallMs = performance.now() - begun;
  const {user, system} = process.cpuUsage(cpu);
  return {wallMs, cpuMs: (user + system) / 1000};
}

/** Speed of BLAKE2b-512 over 64 KiB blocks, MB per processor second: what other figures may be divided by. */
function yardstick(): number {
  const block = new Uint8Array(65536);
  let hashed = 0;
  const {cpuMs} = measure(() => {
    for (const end = performance.now() + 500; performance.now() < end; hashed += block.length) {
      createHash('blake2b512').update(block).digest();
    }
  });
  return hashed / 1000 / cpuMs;
}

interface Row {
  generate: number;
  compile: number;
  load: number;
  shared: number;
  sharedCpu: number;
  all: number;
  allCpu: number;
  kernelGenerate: number;
  kernelDecode: number;
  kernelItem: number;
  estimate: number;
  expected: number;
}

const kept: unknown[] = [];

function instantiate(bytes: Uint8Array<ArrayBuffer>): CompiledProgram {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {env: {memory}});
  kept.push(instance);
  return instance.exports as unknown as CompiledProgram;
}

function runItems(program: CompiledProgram, state: Uint32Array, from: number, to: number): void {
  const first = state.subarray(0, 256);
  const second = state.subarray(256);
  for (let n = from; n < to; n++) {
    words.set(first, FIRST / 4);
    words.set(second, SECOND / 4);
    words[FIRST / 4] = n;
    program.run(IMAGE + 4 * (n % WINDOWS), FIRST, SECOND);
  }
}

function benchProgram(i: number): Row {
  const seed = new Uint8Array(createHash('sha256').update(`packetcrypt-programs ${process.pid} ${i}`).digest());
  let program: Uint32Array = new Uint32Array(0);
  let bytes: Uint8Array<ArrayBuffer> | undefined;
  let compiled: CompiledProgram | undefined;
  const generate = measure(() => {
    program = generateProgram(seed);
  });
  const compile = measure(() => {
    bytes = compileProgram(program);
  });
  const load = measure(() => {
    compiled = instantiate(bytes!);
  });
  const image = new Uint32Array(expand(seed, 0, 8192).slice().buffer);
  image.set(program);
  words.set(image, IMAGE / 4);
  const state = new Uint32Array(expand(seed, 1, 2048).slice().buffer);
  words.fill(0, FIRST / 4, (SECOND + 0x1000) / 4);
  const shared = measure(() => runItems(compiled!, state, 0, WINDOWS));
  const rest = measure(() => runItems(compiled!, state, WINDOWS, ITEMS));
  const {expectedOperations, readsItemNumber, compileNs, itemNs} = programCost(program);
  return {
    generate: generate.wallMs,
    compile: compile.wallMs,
    load: load.wallMs,
    shared: shared.wallMs,
    sharedCpu: shared.cpuMs,
    all: shared.wallMs + rest.wallMs,
    allCpu: shared.cpuMs + rest.cpuMs,
    ...benchKernel(seed, state),
    estimate: readsItemNumber ? Number.NaN : (compileNs + WINDOWS * itemNs) / 1e6,
    expected: expectedOperations,
  };
}

function benchKernel(
  seed: Uint8Array,
  state: Uint32Array,
): {kernelGenerate: number; kernelDecode: number; kernelItem: number} {
  let count = 0;
  new Uint8Array(memory.buffer, SEED).set(seed);
  const generate = measure(() => {
    count = kernel.generateProgram(SEED, WORDS, SCRATCH);
  });
  const decode = measure(() => {
    kernel.decodeProgram(WORDS, count, DECODED);
  });
  words.set(state.subarray(0, 256), FIRST / 4);
  words.set(state.subarray(256), SECOND / 4);
  const items = 16;
  const run = measure(() => {
    for (let i = 0; i < items; i++) kernel.interpretProgram(DECODED, IMAGE + 64 * i, FIRST, SECOND);
  });
  return {kernelGenerate: generate.wallMs, kernelDecode: decode.wallMs, kernelItem: run.wallMs / items};
}

function mean(rows: readonly Row[], key: keyof Row): number {
  return rows.reduce((sum, row) => sum + row[key], 0) / rows.length;
}

function correlation(rows: readonly Row[], x: keyof Row, y: keyof Row): number {
  const [mx, my] = [mean(rows, x), mean(rows, y)];
  const sum = (f: (row: Row) => number): number => rows.reduce((total, row) => total + f(row), 0);
  const xy = sum((row) => (row[x] - mx) * (row[y] - my));
  return xy / Math.sqrt(sum((row) => (row[x] - mx) ** 2) * sum((row) => (row[y] - my) ** 2));
}

for (let i = 0; i < WARM_UP; i++) benchProgram(-1 - i);
const rows = Array.from({length: PROGRAMS}, (_, i) => benchProgram(i));
const sharing = rows.filter((row) => !Number.isNaN(row.estimate));
const us = (ms: number): string => `${(1000 * ms).toFixed(1)} µs`;
const ms = (value: number): string => `${value.toFixed(2)} ms`;
const lines: [id: string, value: string, text: string][] = [
  ['packetcrypt/generate', ms(mean(rows, 'generate')), 'RandGen in TypeScript'],
  ['packetcrypt/compile', ms(mean(rows, 'compile')), 'program to module'],
  ['packetcrypt/load', ms(mean(rows, 'load')), 'module to instance'],
  ['packetcrypt/table-shared', ms(mean(rows, 'shared')), '1792 runs, enough for most tables; wall'],
  ['packetcrypt/table-shared-cpu', ms(mean(rows, 'sharedCpu')), 'the same, all threads'],
  ['packetcrypt/table-all', ms(mean(rows, 'all')), '8192 runs; wall'],
  ['packetcrypt/table-all-cpu', ms(mean(rows, 'allCpu')), 'the same, all threads'],
  ['packetcrypt/kernel-generate', us(mean(rows, 'kernelGenerate')), 'RandGen in the kernel'],
  ['packetcrypt/kernel-decode', us(mean(rows, 'kernelDecode')), ''],
  ['packetcrypt/kernel-item', us(mean(rows, 'kernelItem')), 'interpreter, two cycles'],
  ['packetcrypt/operations', mean(rows, 'expected').toFixed(0), 'expected per cycle'],
  ['packetcrypt/shared-programs', `${sharing.length} of ${rows.length}`, 'programs that need 1792 runs'],
  ['packetcrypt/estimate', correlation(sharing, 'estimate', 'shared').toFixed(3), 'correlation with 1792 runs'],
  ['packetcrypt/estimate-all', correlation(sharing, 'estimate', 'all').toFixed(3), 'correlation with 8192 runs'],
];
if (values.json) console.log(JSON.stringify({yardstickMBps: Math.round(yardstick()), rows}));
else {
  for (const [id, value, text] of lines) console.log(`${id.padEnd(32)}${value.padStart(12)}  ${text}`);
  console.log(`Node ${process.versions.node}, ${cpus()[0]?.model}, yardstick ${yardstick().toFixed(0)} MB/s`);
}
