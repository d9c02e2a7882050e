// Uploads and paymakers for tests.
import type {TestContext} from 'node:test';
import {Paymaker, type PaymakerOptions} from '../../src/apps/pool/paymaker/paymaker.ts';
import {type PaymakerSettings, readPaymakerSettings} from '../../src/apps/pool/paymaker/settings.ts';
import {PKT, PKTREG} from '../../src/core/params/index.ts';
import {NO_LOG} from '../../src/service/logs/log.ts';
import {testAddress, testFolder} from './pool-lab.ts';
import {testLedgers} from './test-ledgers.ts';
import {readVectors} from './vectors.ts';

export interface Scenario {
  readonly name: string;
  readonly uploads: readonly (readonly Readonly<Record<string, unknown>>[])[];
  readonly queries: readonly {readonly maxtime: number | null; readonly result: Readonly<Record<string, number>>}[];
  readonly [more: string]: unknown;
}

interface PaymakerVectors {
  readonly config: Readonly<Record<string, unknown>>;
  readonly scenarios: readonly Scenario[];
}

export const PAYMAKER_VECTORS: PaymakerVectors = readVectors('pool-paymaker');

/** An upload as handlers send it. */
export function uploadOf(events: readonly object[]): Uint8Array {
  return new TextEncoder().encode(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
}

/** Settings of the vectors, on the main network. */
export function vectorSettings(more: Readonly<Record<string, unknown>> = {}): PaymakerSettings {
  return readPaymakerSettings({...PAYMAKER_VECTORS.config, paymakerHttpPasswd: 'secret', ...more}, PKT);
}

/** Of the private network. */
export function labSettings(more: Readonly<Record<string, unknown>> = {}): PaymakerSettings {
  const settings = {
    privateSeed: null,
    paymakerHttpPasswd: 'secret',
    historyDepth: 172_800,
    pplnsAnnConstantX: 0.125,
    pplnsBlkConstantX: 2,
    defaultAddress: testAddress(100),
    errorAddress: testAddress(101),
    ...more,
  };
  return readPaymakerSettings(settings, PKTREG);
}

/** The clock stands behind the last event of the vectors. */
export const VECTORS_NOW_MS = 1_700_003_600_000;

/** A paymaker in a folder of its own; it is closed with the test unless the test has. */
export async function openPaymaker(t: TestContext, options: Partial<PaymakerOptions> = {}): Promise<Paymaker> {
  const dir = options.dir ?? (await testFolder('paymaker'));
  const paymaker = await Paymaker.open({
    dir,
    sql: options.sql ?? (await testLedgers().open(t, dir)),
    network: PKT,
    settings: vectorSettings(),
    nowMs: () => VECTORS_NOW_MS,
    log: NO_LOG,
    ...options,
  });
  t.after(() => paymaker.close().catch(() => {}));
  return paymaker;
}

/** A present for tests of their own events. */
export const LAB_NOW_MS = 1_750_000_000_000;
