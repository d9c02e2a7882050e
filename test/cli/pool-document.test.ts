import {deepEqual, equal, ok} from 'node:assert/strict';
import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import {z} from 'zod';
import {exactCredit} from '../../src/apps/pool/paymaker/credit.ts';
import {minerDocument} from '../../src/apps/pool/paymaker/documents.ts';
import {ONE} from '../../src/apps/pool/paymaker/fixed.ts';
import {PAYMAKER_SCHEMA} from '../../src/apps/pool/paymaker/settings.ts';
import {POOL_CONFIG_SCHEMA, readPoolSettings} from '../../src/apps/pool/pool-config.ts';
import {paymakerSettings} from '../../src/apps/pool/programs.ts';
import {annHandlerStatus, blockHandlerStatus, masterStatus, paymakerStatus} from '../../src/apps/pool/status.ts';
import {workMultiple} from '../../src/core/protocol/pool/index.ts';
import {sectionOf, tableRows} from '../support/document-tables.ts';
import {testAddress} from '../support/pool-lab.ts';

const text = readFileSync('docs/operations.md', 'utf8');

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly default?: unknown;
  readonly type?: string;
}

/** Every key below a schema with its default, as TOML writes it; tables of names are NAME, tables in lists are []. */
function keysOf(schema: JsonSchema, prefix = ''): [string, string][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, inner]): [string, string][] => {
    const {properties, items, additionalProperties: named} = inner;
    const path = `${prefix}${name}`;
    if (properties !== undefined) return keysOf(inner, `${path}.`);
    if (items?.properties !== undefined) return keysOf(items, `${path}[].`);
    if (typeof named === 'object' && named.properties !== undefined) return keysOf(named, `${path}.NAME.`);
    return [[path, inner.default === undefined ? '' : JSON.stringify(inner.default)]];
  });
}

function schemaOf(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {io: 'input', unrepresentable: 'any'}) as JsonSchema;
}

test('the table of keys in docs/operations.md has every key of pool.toml with its default, and none besides', () => {
  const keys = [...keysOf(schemaOf(POOL_CONFIG_SCHEMA)), ...keysOf(schemaOf(PAYMAKER_SCHEMA), 'paymaker.')];
  ok(keys.length > 50);
  const rows = tableRows(text, '| Key |');
  deepEqual(rows.map(([key, standard]) => [key, standard]).toSorted(), keys.toSorted());
  for (const [key, , meaning] of rows) ok(meaning!.length > 5, key);
});

test('the pool.toml of docs/operations.md is the example, and the pool takes it', () => {
  const example = readFileSync('docs/examples/pool.toml', 'utf8');
  ok(text.includes(`\`\`\`toml\n${example}\`\`\``));
  const settings = readPoolSettings(example.replaceAll('"POOL"', `"${testAddress(1)}"`));
  deepEqual([Object.keys(settings.ann_handler), Object.keys(settings.blk_handler)], [['a'], ['b']]);
  equal(paymakerSettings(settings).poolFeeAddress, testAddress(1));
  // As the text says: of the first map, its window, and the ports.
  const {blockPayoutFraction: part, pplnsAnnConstantX: anns, pplnsBlkConstantX: shares} = paymakerSettings(settings);
  ok(text.includes(`a window of credit ${part} × ${shares} = ${part * shares} is paid for shares`));
  ok(text.includes(`${1 - part} × ${anns} = ${(1 - part) * anns} for announcements`));
  const ports = sectionOf(text, '## Ports');
  for (const [, port] of example.matchAll(/^listen = "127\.0\.0\.1:(\d+)"/gm)) ok(ports.includes(`, ${port} |`), port);
  ok(text.includes(`\`\`\`ini\n${readFileSync('docs/examples/pkt-pool.service', 'utf8')}\`\`\``));
});

test('the credit that docs/operations.md tells of a share is what the paymaker gives', () => {
  const shares = tableRows(readFileSync('docs/difficulty.md', 'utf8'), '| Divisor |');
  const [divisor, target, , perBlock] = shares.at(-1)!;
  ok(text.includes(`With a divisor of ${divisor} a share has\n   1 ÷ ${perBlock}`));
  const difficulty = workMultiple(0x1c160000);
  const event = {target: Number(target), payable: 1, payTo: 'x'};
  const credit = exactCredit(event, {id: 'b', time: 0, difficulty});
  equal(Math.round(Number(ONE) / Number(credit)), Number(perBlock));
});

test('the metrics to watch in docs/operations.md are those that the programs have', () => {
  const counts = {counts: {}};
  // Nothing is asked of the programs until somebody reads the figures.
  const all = [
    masterStatus({} as never, {} as never),
    annHandlerStatus(counts as never, {} as never, {} as never),
    blockHandlerStatus(counts as never, {} as never, {} as never),
    paymakerStatus({} as never, {} as never, counts as never),
  ].flatMap(({metrics}) => metrics.getMetricsAsArray().map(({name}) => name));
  const own = all.filter((name) => !/^pkt_(process|nodejs)_/.test(name));
  deepEqual(
    tableRows(text, '| Metric | Alarm when |')
      .map(([name]) => name)
      .toSorted(),
    [...new Set(own)].toSorted(),
  );
});

function sourcesBelow(folder: string): string {
  return readdirSync(folder, {recursive: true, encoding: 'utf8'})
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n');
}

test('the messages that docs/operations.md explains are ones the programs write', () => {
  const sources = `${sourcesBelow('src/apps/pool')}\n${sourcesBelow('src/service/pool')}`;
  const rows = tableRows(text, '| The log says |');
  ok(rows.length >= 10);
  for (const [message] of rows) {
    ok(new RegExp(`log\\.(warn|error|info)\\(\\s*['"]${message}`).test(sources), message);
  }
  const [, meaning] = rows.find(([message]) => message === 'the node is not paying a fresh map')!;
  const states = /export type SenderState =\s+([^;]+);/.exec(sources)![1]!.match(/[a-z-]+/g)!;
  for (const state of states.filter((each) => !['paying', 'waiting', 'unused'].includes(each)))
    ok(meaning!.includes(state), state);
});

test('the fields of /miner/ADDRESS in docs/operations.md are those of the answer', () => {
  const part = {paid: new Map(), credits: new Map(), size: 0n, oldest: undefined, unpaid: 0};
  const answer = minerDocument(
    'x',
    {map: {fractions: new Map([['x', 1n]])}, paid: {shares: part, anns: part}} as never,
    {lastSeen: () => undefined} as never,
    {poolFee: 0, minimumPayout: 0} as never,
    0n,
  )!;
  const fields = [...Object.keys(answer), ...Object.keys(answer['announcements'] as object)];
  const named = tableRows(text, '| Field |').flatMap(([names]) => names!.split(', '));
  deepEqual(named.toSorted(), fields.toSorted());
});
