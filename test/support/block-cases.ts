// One block that breaks each rule, and its twin that does not: a list for any node of pktreg that stands at genesis.
import {RULES, type RuleName} from '../../src/core/consensus/index.ts';
import {encodeProof, type PacketCryptProof} from '../../src/core/packetcrypt/index.ts';
import {PKTREG} from '../../src/core/params/index.ts';
import {type Block, blockSize, encodeBlock, type Transaction} from '../../src/core/primitives/index.ts';
import {CaseChain, committing, inputOf, NULL_INPUT, paying, scripted, spend, TOO_MUCH} from './case-chain.ts';
import type {BlockContent} from './proven-miner.ts';

/** Blocks are as on the wire. */
export interface BlockCase {
  readonly name: string;
  readonly rule: RuleName;
  /** To be accepted first. */
  readonly before: readonly Uint8Array[];
  readonly bad: Uint8Array;
  /** To be accepted after the bad one was refused; becomes the tip. */
  readonly good: Uint8Array;
}

interface Pair {
  readonly bad: Block;
  readonly good: Block;
}

interface Definition {
  readonly name: string;
  readonly rule: RuleName;
  readonly make: (chain: CaseChain, nowSeconds: number) => Pair;
}

/** Names that no block brings about on pktreg, why, and the test of each. */
export const ELSEWHERE: Readonly<Partial<Record<RuleName, {readonly why: string; readonly test: string | undefined}>>> =
  Object.freeze({
    ErrBadCheckpoint: {why: 'pktreg has no checkpoints', test: 'test/node/chain-rules.test.ts'},
    ErrForkTooOld: {why: 'pktreg has no checkpoints', test: 'test/node/chain-rules.test.ts'},
    ErrCheckpointTimeTooOld: {why: 'pktreg has no checkpoints', test: 'test/node/chain-rules.test.ts'},
    ErrDifficultyTooLow: {why: 'pktreg has no checkpoints', test: 'test/node/chain-rules.test.ts'},
    ErrNoTxInputs: {
      why: 'a transaction without inputs cannot be encoded: it reads as the mark of a witness',
      test: 'test/core/consensus/block-rules.test.ts',
    },
    ErrTxTooBig: {
      why: 'a block with such a transaction is itself too big, which is looked at first',
      test: 'test/core/consensus/block-rules.test.ts',
    },
    ErrNetworkStewardOldSpend: {
      why: 'takes a chain of 129,600 blocks',
      test: 'test/core/consensus/block-rules.test.ts',
    },
    ErrBadFees: {why: 'takes more money than there ever is', test: 'test/core/consensus/block-rules.test.ts'},
    ErrScriptMalformed: {
      why: 'no node of this project refuses with it: such scripts fail when they run',
      test: undefined,
    },
  });

/** Both are mined: for rules that are looked at after the proof. */
const proved =
  (make: (chain: CaseChain) => {readonly bad: BlockContent; readonly good?: BlockContent}): Definition['make'] =>
  (chain) => {
    const {bad, good} = make(chain);
    return {bad: chain.mine(bad), good: chain.mine(good)};
  };

/** The bad one needs no proof. */
const early =
  (
    make: (chain: CaseChain, nowSeconds: number) => {readonly bad: BlockContent; readonly good?: BlockContent},
  ): Definition['make'] =>
  (chain, nowSeconds) => {
    const {bad, good} = make(chain, nowSeconds);
    return {bad: chain.draft(bad), good: chain.mine(good)};
  };

/** One transaction, bad and good. */
const withOne =
  (
    kind: typeof proved | typeof early,
    make: (chain: CaseChain) => {readonly bad: Transaction; readonly good: Transaction},
  ): Definition['make'] =>
  (chain, nowSeconds) => {
    const {bad, good} = make(chain);
    return kind(() => ({bad: {others: [bad]}, good: {others: [good]}}))(chain, nowSeconds);
  };

/** The same block with another proof: the same hash. */
const reproved =
  (change: (proof: PacketCryptProof) => Partial<PacketCryptProof>): Definition['make'] =>
  (chain) => {
    const good = chain.mine();
    const proof = {...good.proof, ...change(good.proof)};
    return {bad: {...good, proof, proofSection: encodeProof(proof)}, good};
  };

const ANYONE = Uint8Array.of(0x51);
const RETURN = 0x6a;
const CHECKMULTISIG = 0xae;

/** A coinbase with another output of this script. */
const withScript = (script: Uint8Array) => (coinbase: Transaction) => ({
  ...coinbase,
  outputs: [...coinbase.outputs, {value: 0n, script}],
});

function bulk(bytes: number): Uint8Array {
  return new Uint8Array(bytes).fill(RETURN);
}

const HEADER: readonly Definition[] = [
  {
    name: 'a block that is known',
    rule: 'ErrDuplicateBlock',
    make: (chain) => ({bad: chain.last, good: chain.mine()}),
  },
  {
    name: 'version 3',
    rule: 'ErrBlockVersionTooOld',
    make: early(() => ({bad: {header: {version: 3}}, good: {header: {version: 4}}})),
  },
  {
    name: 'version −1',
    rule: 'ErrBlockVersionTooOld',
    make: early(() => ({bad: {header: {version: -1}}, good: {header: {version: 0x7fffffff}}})),
  },
  {
    name: 'time of the median',
    rule: 'ErrTimeTooOld',
    make: early(({medianTime: time}) => ({bad: {header: {time}}, good: {header: {time: time + 1}}})),
  },
  {
    name: 'time two hours ahead',
    rule: 'ErrTimeTooNew',
    make: early((_chain, nowSeconds) => ({bad: {header: {time: nowSeconds + 7200}}})),
  },
  {
    name: 'bits a little harder',
    rule: 'ErrUnexpectedDifficulty',
    make: early(() => ({bad: {header: {bits: 0x207ffffe}}})),
  },
  {
    name: 'bits above the limit',
    rule: 'ErrUnexpectedDifficulty',
    make: early(() => ({bad: {header: {bits: 0x2100ffff}}})),
  },
  {
    name: 'bits below zero',
    rule: 'ErrUnexpectedDifficulty',
    make: early(() => ({bad: {header: {bits: 0x20ffffff}}})),
  },
  {
    name: 'a parent that nobody knows',
    rule: 'ErrPreviousBlockUnknown',
    make: early(() => ({bad: {header: {previous: new Uint8Array(32).fill(0xab)}}})),
  },
  {
    name: 'another merkle root',
    rule: 'ErrBadMerkleRoot',
    make: (chain) => {
      const {header, ...rest} = chain.draft();
      return {bad: {...rest, header: {...header, merkleRoot: new Uint8Array(32)}}, good: chain.mine()};
    },
  },
];

const PROOF: readonly Definition[] = [
  {
    name: 'a damaged tree proof',
    rule: 'ErrBadPow',
    make: reproved(({treeProof}) => ({treeProof: treeProof.map((byte, i) => (i === 5 ? byte ^ 1 : byte))})),
  },
  {name: 'another nonce', rule: 'ErrBadPow', make: reproved(({nonce2}) => ({nonce2: (nonce2 ^ 1) >>> 0}))},
  {name: 'proof version 1', rule: 'ErrBadPow', make: reproved(() => ({version: 1n}))},
  {
    name: 'a proof of nothing',
    rule: 'ErrBadPow',
    make: (chain) => ({bad: chain.draft(withoutWork()), good: chain.mine()}),
  },
  {
    name: 'an announcement from the future',
    rule: 'ErrPowCannotVerify',
    make: reproved(({announcements}) => ({
      announcements: announcements.map((ann, k) => {
        const changed = ann.slice();
        if (k === 2) changed.set([0xff, 0xff, 0xff, 0x7f], 12);
        return changed;
      }),
    })),
  },
];

/** The block of a template that nobody worked on. */
function withoutWork(): BlockContent {
  return {header: {version: 0x20000001}};
}

const COINBASE: readonly Definition[] = [
  {
    name: 'no transactions at all',
    rule: 'ErrNoTransactions',
    make: (chain) => ({bad: {...chain.draft(), transactions: []}, good: chain.mine()}),
  },
  {
    name: 'a payment in place of the coinbase',
    rule: 'ErrFirstTxNotCoinbase',
    make: early((chain) => {
      const payment = spend(chain.coin());
      return {bad: {coinbase: () => payment}, good: {others: [payment]}};
    }),
  },
  {
    name: 'two coinbases',
    rule: 'ErrMultipleCoinbases',
    make: early(({rewards}) => ({
      bad: {
        others: [{version: 1, inputs: [NULL_INPUT], outputs: [{value: rewards.miner, script: ANYONE}], lockTime: 0}],
      },
    })),
  },
  {
    name: 'a script of one byte',
    rule: 'ErrBadCoinbaseScriptLen',
    make: early(({next}) => ({
      bad: {coinbase: (plain) => scripted(plain, Uint8Array.of(0x51))},
      good: {coinbase: (plain) => scripted(plain, Uint8Array.of(1, next))},
    })),
  },
  {
    name: 'a script of 101 bytes',
    rule: 'ErrBadCoinbaseScriptLen',
    make: early(({next}) => ({
      bad: {coinbase: (plain) => scripted(plain, longScript(next, 101))},
      good: {coinbase: (plain) => scripted(plain, longScript(next, 100))},
    })),
  },
  {
    name: 'a height that is cut off',
    rule: 'ErrMissingCoinbaseHeight',
    make: early(({next}) => ({
      bad: {coinbase: (plain) => scripted(plain, Uint8Array.of(3, next, 0))},
      good: {coinbase: (plain) => scripted(plain, Uint8Array.of(3, next, 0, 0))},
    })),
  },
  {
    name: 'the height of the block after',
    rule: 'ErrBadCoinbaseHeight',
    make: early(({next}) => ({
      bad: {coinbase: (plain) => scripted(plain, Uint8Array.of(2, next + 1, 0))},
      good: {coinbase: (plain) => scripted(plain, Uint8Array.of(2, next, 0))},
    })),
  },
  {
    name: 'one unit above subsidy and fees',
    rule: 'ErrBadCoinbaseValue',
    make: (chain) => {
      const {miner} = chain.rewards;
      const others = [spend(chain.coin())];
      const content = (value: bigint): BlockContent => ({
        others,
        coinbase: (plain) => paying(plain, [{value, script: ANYONE}]),
      });
      const bad = chain.mine(content(miner + 1001n));
      chain.failed = bad;
      return {bad, good: chain.mine(content(miner + 1000n))};
    },
  },
  {
    // Stands behind the case before it, whose bad block it builds on.
    name: 'a child of a block that was refused for good',
    rule: 'ErrInvalidAncestorBlock',
    make: (chain) => ({bad: chain.draftOn(chain.failed!, chain.height), good: chain.mine()}),
  },
  {
    name: 'the steward one unit short',
    rule: 'ErrBadCoinbaseNetworkSteward',
    make: proved(({rewards: {miner, steward}}) => ({bad: {coinbase: stewardPaid(miner, [steward - 1n])}})),
  },
  {
    name: 'the steward one unit too rich',
    rule: 'ErrBadCoinbaseNetworkSteward',
    make: proved(({rewards: {miner, steward}}) => ({bad: {coinbase: stewardPaid(miner - 1n, [steward + 1n])}})),
  },
  {
    name: 'the steward in two parts',
    rule: 'ErrBadCoinbaseNetworkSteward',
    make: proved(({rewards: {miner, steward}}) => ({
      bad: {coinbase: stewardPaid(miner, [1n, steward - 1n])},
      good: {coinbase: stewardPaid(miner - 1n, [1n, steward])},
    })),
  },
];

/** A coinbase that pays a miner and, in these parts, the steward. */
function stewardPaid(miner: bigint, parts: readonly bigint[]): (plain: Transaction) => Transaction {
  const script = PKTREG.money.initialSteward;
  return (plain) => ({
    ...plain,
    outputs: [{value: miner, script: ANYONE}, ...parts.map((value) => ({value, script})), ...plain.outputs.slice(2)],
  });
}

function longScript(height: number, bytes: number): Uint8Array {
  const script = new Uint8Array(bytes);
  script.set([2, height, 0]);
  return script;
}

const TRANSACTIONS: readonly Definition[] = [
  {
    name: 'a transaction without outputs',
    rule: 'ErrNoTxOutputs',
    make: withOne(early, (chain) => {
      const good = spend(chain.coin());
      return {bad: {...good, outputs: []}, good};
    }),
  },
  {
    name: 'an output below zero',
    rule: 'ErrNegativeTxOutValue',
    make: withOne(early, (chain) => ofValues(chain, [-1n], [0n])),
  },
  {
    name: 'an output above all money',
    rule: 'ErrOversizeTxOutValue',
    make: withOne(early, (chain) => ofValues(chain, [TOO_MUCH], [5n])),
  },
  {
    name: 'outputs whose sum is above all money',
    rule: 'ErrOversizeTxOutValue',
    make: withOne(early, (chain) => ofValues(chain, [TOO_MUCH - 1n, 1n], [4n, 1n])),
  },
  {
    name: 'the same output spent twice by one transaction',
    rule: 'ErrDuplicateTxInputs',
    make: withOne(early, (chain) => {
      const coin = chain.coin();
      const good = spend(coin);
      return {bad: {...good, inputs: [inputOf(coin), inputOf(coin)]}, good};
    }),
  },
  {
    name: 'the null outpoint beside another',
    rule: 'ErrBadTxInput',
    make: withOne(early, (chain) => {
      const good = spend(chain.coin());
      return {bad: {...good, inputs: [...good.inputs, NULL_INPUT]}, good};
    }),
  },
  {
    name: 'the same transaction twice',
    rule: 'ErrDuplicateTx',
    make: early((chain) => {
      const once = spend(chain.coin());
      return {bad: {others: [once, once]}, good: {others: [once]}};
    }),
  },
  {
    name: 'a lock until this height',
    rule: 'ErrUnfinalizedTx',
    make: withOne(early, (chain) => lockedTo(chain, chain.next, chain.next - 1)),
  },
  {
    name: 'a lock until the median time',
    rule: 'ErrUnfinalizedTx',
    make: withOne(early, (chain) => lockedTo(chain, chain.medianTime, chain.medianTime - 1)),
  },
  {
    name: 'a relative lock one block longer than the age',
    rule: 'ErrUnfinalizedTx',
    make: withOne(proved, (chain) => {
      const coin = chain.coin();
      const age = chain.next - coin.height;
      const at = (sequence: number): Transaction => spend(coin, {version: 2, inputs: [inputOf(coin, {sequence})]});
      return {bad: at(age + 1), good: at(age)};
    }),
  },
  {
    name: 'an output that does not exist',
    rule: 'ErrMissingTxOut',
    make: withOne(proved, (chain) => {
      const coin = chain.coin();
      return {bad: spend({...coin, index: 7}), good: spend(coin)};
    }),
  },
  {
    name: 'an output spent by two transactions',
    rule: 'ErrMissingTxOut',
    make: proved((chain) => {
      const coin = chain.coin();
      const [first, second] = [spend(coin), spend(coin, {lockTime: 1})];
      return {bad: {others: [first, second]}, good: {others: [second]}};
    }),
  },
  {
    name: 'an output that was spent long ago',
    rule: 'ErrMissingTxOut',
    make: withOne(proved, (chain) => ({bad: spend(chain.coinAt(1)), good: spend(chain.coin())})),
  },
  {
    name: 'a coinbase one block too young',
    rule: 'ErrImmatureSpend',
    make: withOne(proved, (chain) => ({
      bad: spend(chain.coinAt(chain.next - PKTREG.money.coinbaseMaturity + 1)),
      good: spend(chain.coinAt(chain.next - PKTREG.money.coinbaseMaturity)),
    })),
  },
  {
    name: 'one unit more out than in',
    rule: 'ErrSpendTooHigh',
    make: withOne(proved, (chain) => {
      const coin = chain.coin();
      const paying = (value: bigint): Transaction => spend(coin, {outputs: [{value, script: ANYONE}]});
      return {bad: paying(coin.value + 1n), good: paying(coin.value)};
    }),
  },
  {
    name: 'a script that fails',
    rule: 'ErrScriptValidation',
    make: proved((chain) => {
      const coin = chain.witnessCoin();
      const [bad, good] = [[spend({...coin, witness: [Uint8Array.of(0x52)]})], [spend(coin)]];
      return {
        bad: {others: bad, coinbase: committing(bad)},
        good: {others: good, coinbase: committing(good)},
      };
    }),
  },
];

function ofValues(
  chain: CaseChain,
  bad: readonly bigint[],
  good: readonly bigint[],
): {bad: Transaction; good: Transaction} {
  const coin = chain.coin();
  const paying = (values: readonly bigint[]): Transaction =>
    spend(coin, {outputs: values.map((value) => ({value, script: ANYONE}))});
  return {bad: paying(bad), good: paying(good)};
}

function lockedTo(chain: CaseChain, bad: number, good: number): {bad: Transaction; good: Transaction} {
  const coin = chain.coin();
  const at = (lockTime: number): Transaction =>
    spend(coin, {lockTime, inputs: [inputOf(coin, {sequence: 0xfffffffe})]});
  return {bad: at(bad), good: at(good)};
}

const SIZES: readonly Definition[] = [
  {
    name: 'one byte more than 1,000,000 without witnesses',
    rule: 'ErrBlockTooBig',
    make: (chain) => {
      const {stripped} = blockSize(chain.draft({coinbase: withScript(bulk(900_000))}));
      const bad = chain.draft({coinbase: withScript(bulk(900_000 + 1_000_001 - stripped))});
      return {bad, good: chain.mine({coinbase: withScript(bulk(990_000))})};
    },
  },
  {
    name: 'a witness that makes the block too heavy',
    rule: 'ErrBlockWeightTooHigh',
    make: (chain) => {
      const coin = chain.witnessCoin();
      const content = (extra: readonly Uint8Array[]): BlockContent => {
        const others = [spend({...coin, witness: [...extra, ...coin.witness]})];
        return {others, coinbase: committing(others)};
      };
      const {weight} = blockSize(chain.draft(content([bulk(3_000_000)])));
      const bad = chain.draft(content([bulk(3_000_000 + 4_000_001 - weight)]));
      return {bad, good: chain.mine(content([]))};
    },
  },
  {
    name: '1001 times 20 signature operations',
    rule: 'ErrTooManySigOps',
    make: proved(() => ({
      bad: {coinbase: withScript(new Uint8Array(1001).fill(CHECKMULTISIG))},
      good: {coinbase: withScript(new Uint8Array(1000).fill(CHECKMULTISIG))},
    })),
  },
];

const WITNESSES: readonly Definition[] = [
  {
    name: 'a witness that nothing commits to',
    rule: 'ErrUnexpectedWitness',
    make: early((chain) => {
      const others = [spend(chain.witnessCoin())];
      return {bad: {others}, good: {others, coinbase: committing(others)}};
    }),
  },
  {
    name: 'a reserved value of 31 bytes',
    rule: 'ErrInvalidWitnessCommitment',
    make: early((chain) => {
      const others = [spend(chain.witnessCoin())];
      return {
        bad: {others, coinbase: committing(others, new Uint8Array(31))},
        good: {others, coinbase: committing(others, new Uint8Array(32).fill(7))},
      };
    }),
  },
  {
    name: 'a commitment to something else',
    rule: 'ErrWitnessCommitmentMismatch',
    make: early((chain) => {
      const others = [spend(chain.witnessCoin())];
      return {
        bad: {others, coinbase: committing(others, undefined, 1)},
        good: {others, coinbase: committing(others)},
      };
    }),
  },
];

const DEFINITIONS: readonly Definition[] = [...HEADER, ...PROOF, ...COINBASE, ...TRANSACTIONS, ...SIZES, ...WITNESSES];

/** Names of rules that stand neither in the list nor among those tested elsewhere, or in both. */
export function unlistedRules(): string[] {
  const listed = new Set(DEFINITIONS.map(({rule}) => rule));
  return (Object.keys(RULES) as RuleName[]).filter((name) => listed.has(name) === name in ELSEWHERE);
}

export const CASE_COUNT: number = DEFINITIONS.length;

/**
 * The cases in order, each made when asked for; `before` of the first holds the chain that all of them need. nowSeconds: the
 * node's clock.
 */
export function* blockCases(nowSeconds: number): Generator<BlockCase> {
  const chain = new CaseChain();
  let before = chain.begin().map((block) => encodeBlock(block));
  for (const {name, rule, make} of DEFINITIONS) {
    const {bad, good} = make(chain, nowSeconds);
    yield {name, rule, before, bad: encodeBlock(bad), good: encodeBlock(good)};
    chain.add(good);
    before = [];
  }
}
