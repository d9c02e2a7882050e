// Datagrams by which handlers spray announcements to block miners.   pool spec §4.6
//
//   unit: counter u64 | announcement 1024        datagram: 0..63 units, then nothing or a subscription (JSON, no multiple of a unit)
import {concatBytes, copyBytes, readU64, writeU64} from '../../bytes/index.ts';
import {checkBytes} from '../../errors.ts';
import {ANN_BYTES} from '../../packetcrypt/index.ts';

const COUNTER_BYTES = 8;
export const UNIT_BYTES: number = COUNTER_BYTES + ANN_BYTES;
export const MAX_UNITS = 63;
const MAX_PASSWORD_CHARACTERS = 500;

export interface SprayUnit {
  readonly counter: bigint;
  readonly ann: Uint8Array;
}

/** What is in a datagram. */
export interface Spray {
  readonly units: readonly SprayUnit[];
  /** Password of a subscription, where there is one. */
  readonly password: string | undefined;
}

export function encodeUnit({counter, ann}: SprayUnit): Uint8Array {
  checkBytes('ann', ann, ANN_BYTES);
  const unit = new Uint8Array(UNIT_BYTES);
  writeU64(unit, 0, counter);
  unit.set(ann, COUNTER_BYTES);
  return unit;
}

export function encodeUnits(units: readonly SprayUnit[]): Uint8Array {
  if (units.length > MAX_UNITS) throw new RangeError(`"units" expected at most ${MAX_UNITS}, got ${units.length}`);
  return concatBytes(...units.map(encodeUnit));
}

export function encodeSubscription(password: string): Uint8Array {
  const text = JSON.stringify({yes_please_dos_me_passwd: password, num: 0, count: 1});
  const bytes = new TextEncoder().encode(text);
  // One of a unit's length would be taken for a unit.
  return bytes.length % UNIT_BYTES === 0 ? new TextEncoder().encode(`${text} `) : bytes;
}

function readPassword(bytes: Uint8Array): string | undefined {
  try {
    const parsed: unknown = JSON.parse(new TextDecoder('utf-8', {fatal: true}).decode(bytes));
    const password = (parsed as {yes_please_dos_me_passwd?: unknown} | null)?.yes_please_dos_me_passwd;
    return typeof password === 'string' && password.length <= MAX_PASSWORD_CHARACTERS ? password : undefined;
  } catch {
    return undefined;
  }
}

/** Reads a datagram; what is no unit and no subscription is left out. Announcements are copied. */
export function decodeSpray(datagram: Uint8Array): Spray {
  checkBytes('datagram', datagram);
  const count = Math.floor(datagram.length / UNIT_BYTES);
  if (count > MAX_UNITS) return {units: [], password: undefined};
  const units = Array.from({length: count}, (_, i) => ({
    counter: readU64(datagram, UNIT_BYTES * i),
    ann: copyBytes(datagram, UNIT_BYTES * i + COUNTER_BYTES, UNIT_BYTES * (i + 1)),
  }));
  const stub = datagram.subarray(UNIT_BYTES * count);
  return {units, password: stub.length === 0 ? undefined : readPassword(stub)};
}
