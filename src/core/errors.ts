// The three kinds of failure of the whole project (see CONTRIBUTING.md):
//   caller's mistake   TypeError / RangeError from the check functions below, always naming argument, expected, got
//   bad outside data   a CodedError subclass per folder, its code from a frozen table
//   our own bug        assert(), which stops the program

/** One row of a code table. `penalty` is charged to the peer that sent the data, 0–100. */
export interface ErrorRow {
  readonly penalty?: number;
  readonly text: string;
}

export type ErrorTable<Code extends string> = Readonly<Record<Code, ErrorRow>>;

/** A refusal of outside data: a fixed code and details as fields; `cause` keeps an underlying error. */
export class CodedError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: Code, row: ErrorRow, details: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(`${code}: ${row.text}${describe(details)}`, cause === undefined ? undefined : {cause});
    this.name = new.target.name;
    this.code = code;
    this.details = details;
  }
}

function describe(details: Readonly<Record<string, unknown>>): string {
  const parts = Object.entries(details).map(([name, value]) => `${name} ${String(value)}`);
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

/** Stops the program when something that must hold does not. Never for outside data. */
export function assert(condition: unknown, mustHold: string): asserts condition {
  if (!condition) throw new Error(`bug: ${mustHold}`);
}

function got(value: unknown): string {
  if (value instanceof Uint8Array) return `Uint8Array of length ${value.length}`;
  if (Array.isArray(value)) return `array of length ${value.length}`;
  if (typeof value === 'object' && value !== null) return value.constructor?.name ?? 'object';
  return `${typeof value} ${String(value)}`;
}

/** Throws TypeError unless `value` is a Uint8Array, RangeError unless it has the length (bytes). */
export function checkBytes(name: string, value: unknown, length?: number): asserts value is Uint8Array {
  if (!(value instanceof Uint8Array)) {
    const expected = length === undefined ? 'Uint8Array' : `Uint8Array of length ${length}`;
    throw new TypeError(`"${name}" expected ${expected}, got ${got(value)}`);
  }
  if (length !== undefined && value.length !== length) {
    throw new RangeError(`"${name}" expected Uint8Array of length ${length}, got length ${value.length}`);
  }
}

/** Throws TypeError unless `value` is a safe integer, RangeError unless min ≤ value ≤ max. */
export function checkInteger(name: string, value: unknown, min: number, max: number): asserts value is number {
  if (typeof value !== 'number') throw new TypeError(`"${name}" expected integer ${min}..${max}, got ${got(value)}`);
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw new RangeError(`"${name}" expected integer ${min}..${max}, got ${value}`);
  }
}

export function checkU32(name: string, value: unknown): asserts value is number {
  checkInteger(name, value, 0, 0xffffffff);
}

/** Throws TypeError unless `value` is a bigint, RangeError unless 0 ≤ value < 2^bits. */
export function checkBigUint(name: string, value: unknown, bits: number): asserts value is bigint {
  if (typeof value !== 'bigint') throw new TypeError(`"${name}" expected bigint 0..2^${bits}-1, got ${got(value)}`);
  if (value < 0n || value >> BigInt(bits) !== 0n) {
    throw new RangeError(`"${name}" expected bigint 0..2^${bits}-1, got ${value}`);
  }
}
