import {deepEqual, rejects} from 'node:assert/strict';
import {type TestContext, test} from 'node:test';
import {setTimeout as sleep} from 'node:timers/promises';
import {POLICY_SCRIPT_FLAGS, RuleError, ScriptError, type SpendingTransaction} from '../../src/core/consensus/index.ts';
import {EngineError} from '../../src/core/engines/index.ts';
import {BlockError, findCommitment} from '../../src/core/packetcrypt/index.ts';
import {PKTREG} from '../../src/core/params/index.ts';
import {blockHash, decodeBlock, encodeHeader} from '../../src/core/primitives/index.ts';
import {WASM_VERIFIER} from '../../src/service/crypto/secp256k1.ts';
import {BlockVerifier} from '../../src/service/threads/block-verifier.ts';
import {FragileThreads, now} from '../core/engines/support.ts';
import {ProvenMiner} from '../support/proven-miner.ts';
import {signAll, testKey} from '../support/signing.ts';

function open(t: TestContext): {verifier: BlockVerifier; threads: FragileThreads} {
  const threads = new FragileThreads();
  const verifier = new BlockVerifier({threads: 2, spawn: threads.spawn, now, verifier: WASM_VERIFIER});
  t.after(() => verifier.close());
  return {verifier, threads};
}

const KEY = testKey(7);

function spending(number: number, inputs: number): SpendingTransaction {
  const values = Array.from({length: inputs}, (_, i) => BigInt(1000 + i));
  const plain = {
    version: 2,
    inputs: values.map((_, index) => ({
      txid: new Uint8Array(32).fill(number),
      index,
      script: new Uint8Array(0),
      sequence: 0xffffffff,
      witness: [],
    })),
    outputs: [{value: 1n, script: KEY.script}],
    lockTime: 0,
  };
  const coins = values.map((value) => ({value, script: KEY.script, height: 1, isCoinbase: false}));
  return {transaction: signAll(plain, KEY, values), coins};
}

const isScriptError =
  (code: string, input: number) =>
  (error: unknown): boolean =>
    error instanceof RuleError &&
    error.code === 'ErrScriptValidation' &&
    error.details['input'] === input &&
    error.cause instanceof ScriptError &&
    error.cause.code === code;

test('scripts are verified on threads and, few, on the spot', async (t) => {
  const {verifier} = open(t);
  const many = Array.from({length: 40}, (_, i) => spending(i, 5));
  await verifier.checkScripts(many);
  await verifier.checkScripts(many.slice(0, 2), POLICY_SCRIPT_FLAGS);
  const wrong = (count: number): SpendingTransaction[] =>
    many.slice(0, count).map((entry, i) => {
      if (i !== count - 1) return entry;
      const coins = entry.coins.map((coin, input) => (input === 3 ? {...coin, value: 5n} : coin));
      return {...entry, coins};
    });
  await rejects(verifier.checkScripts(wrong(40)), isScriptError('EVAL_FALSE', 3));
  await rejects(verifier.checkScripts(wrong(2)), RuleError);
});

test('flags reach the threads', async (t) => {
  const {verifier} = open(t);
  const bare = Array.from({length: 30}, (_, i) => {
    const {transaction, coins} = spending(i, 1);
    // A program of a version to come: consensus lets it pass, policy does not.
    return {transaction, coins: coins.map((coin) => ({...coin, script: Uint8Array.of(0x52, 2, 1, 1)}))};
  });
  await verifier.checkScripts(bare);
  const isRefused = isScriptError('DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM', 0);
  await rejects(verifier.checkScripts(bare, POLICY_SCRIPT_FLAGS), isRefused);
});

test('proofs are verified on threads, and a refusal keeps its code', async (t) => {
  const {verifier} = open(t);
  const genesis = decodeBlock(PKTREG.genesis);
  const hash = blockHash(genesis.header);
  const block = new ProvenMiner(PKTREG).mine({height: 0, header: genesis.header, hashAt: () => hash});
  const input = {
    header: encodeHeader(block.header),
    proof: block.proof,
    blockHeight: 1,
    commitment: findCommitment(block.transactions[0]!.outputs.map(({script}) => script)),
    parentHashes: [hash, hash, hash, hash],
  };
  await verifier.checkProof(input, PKTREG.proof);
  const other = {...input, proof: {...block.proof, nonce2: block.proof.nonce2 ^ 1}};
  await rejects(verifier.checkProof(other, PKTREG.proof), BlockError);
  const unknown = {...input, parentHashes: [hash, undefined, hash, hash]};
  await rejects(verifier.checkProof(unknown, PKTREG.proof), (error) => {
    return error instanceof BlockError && error.code === 'ANN_PARENT_UNKNOWN';
  });
});

test('a thread that dies loses nothing; one that dies of the task fails it without a verdict', async (t) => {
  const {verifier, threads} = open(t);
  const many = Array.from({length: 60}, (_, i) => spending(i, 5));
  const work = verifier.checkScripts(many);
  threads.crash(0);
  await work;
  // The news of its end may come after the work is done.
  while (threads.started < 3) await sleep(5);
  threads.poisoned = 100;
  threads.crash(1);
  threads.crash(2);
  await rejects(verifier.checkScripts(many), (error) => !(error instanceof RuleError));
});

test('a closed verifier says so to who waits and who comes', async () => {
  const {spawn} = new FragileThreads();
  const verifier = new BlockVerifier({threads: 1, spawn, now, verifier: WASM_VERIFIER});
  const many = Array.from({length: 20}, (_, i) => spending(i, 5));
  const waiting = verifier.checkScripts(many);
  const isClosed = (error: unknown): boolean => error instanceof EngineError && error.code === 'closed';
  const told = rejects(waiting, isClosed);
  await verifier.close();
  await told;
  await rejects(verifier.checkScripts(many), isClosed);
  deepEqual(verifier.waiting, 0);
});
