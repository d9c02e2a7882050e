import {latin1, Reader, Writer} from '../../../core/bytes/index.ts';
import {checkInteger} from '../../../core/errors.ts';
import {BanScore} from '../ban-score.ts';
import {familyOf, formatIp, hostKey, hostPrefix, maskIp, parseIp, sharesPrefix} from './ip.ts';

export const BAN_MS = 86_400_000;
const MAX_BANS = 10_000;
const MAX_SCORES = 10_000;
/** A score below that says nothing any more. */
const FORGOTTEN_SCORE = 0.5;
const FORMAT_VERSION = 1;

/** Addresses that share the first `bits` bits of `ip`; 128 for one address. Bits count in the 16 bytes. */
export interface Subnet {
  readonly ip: Uint8Array;
  readonly bits: number;
}

export interface Ban extends Subnet {
  readonly untilMs: number;
}

const MAPPED_BITS = 96;

/** Reads "1.2.3.4", "1.2.0.0/16", "2001:db8::/32"; undefined for anything else. */
export function parseSubnet(text: string): Subnet | undefined {
  const [address, length, ...more] = text.split('/') as [string, string | undefined];
  const ip = parseIp(address);
  if (ip === undefined || more.length > 0) return undefined;
  if (length === undefined) return {ip, bits: 128};
  const offset = familyOf(ip) === 'ipv4' ? MAPPED_BITS : 0;
  const bits = /^\d{1,3}$/.test(length) ? Number(length) + offset : 129;
  return bits > 128 ? undefined : {ip: maskIp(ip, bits), bits};
}

export function formatSubnet({ip, bits}: Subnet): string {
  const offset = familyOf(ip) === 'ipv4' && bits >= MAPPED_BITS ? MAPPED_BITS : 0;
  return bits === 128 ? formatIp(ip) : `${formatIp(ip)}/${bits - offset}`;
}

function subnetKey({ip, bits}: Subnet): string {
  return `${bits} ${latin1(maskIp(ip, bits), 0, ip.length)}`;
}

/** Which addresses are not talked to, and until when. Bounded: the ban that ends first makes room.   chain spec §2.8.5 */
export class Bans {
  readonly #bans = new Map<string, Ban>();
  /** Prefix lengths in use: few, so that a look-up costs a few keys. */
  readonly #lengths = new Map<number, number>();

  static decode(bytes: Uint8Array): Bans {
    const reader = new Reader(bytes);
    if (reader.u8() !== FORMAT_VERSION) throw new RangeError('the list of bans has another format');
    const bans = new Bans();
    const count = reader.varintUpTo(reader.remaining);
    for (let i = 0; i < count; i++) {
      const [ip, bits, untilMs] = [reader.bytes(16), reader.u8(), Number(reader.u64())];
      bans.add({ip, bits}, untilMs);
    }
    reader.end();
    return bans;
  }

  encode(): Uint8Array {
    const writer = new Writer();
    writer.u8(FORMAT_VERSION).varint(this.#bans.size);
    for (const {ip, bits, untilMs} of this.#bans.values()) writer.bytes(ip).u8(bits).u64(BigInt(untilMs));
    return writer.finish();
  }

  get size(): number {
    return this.#bans.size;
  }

  add({ip, bits}: Subnet, untilMs: number): void {
    checkInteger('bits', bits, 1, 128);
    checkInteger('untilMs', untilMs, 0, Number.MAX_SAFE_INTEGER);
    const ban = {ip: maskIp(ip, bits), bits, untilMs};
    this.remove(ban);
    if (this.#bans.size >= MAX_BANS) {
      const soonest = [...this.#bans.values()].reduce((a, b) => (b.untilMs < a.untilMs ? b : a));
      this.remove(soonest);
    }
    this.#bans.set(subnetKey(ban), ban);
    this.#lengths.set(bits, (this.#lengths.get(bits) ?? 0) + 1);
  }

  /** Bans a host for a day: an address, for IPv6 its /64. */
  addHost(ip: Uint8Array, nowMs: number): void {
    this.add({ip, bits: hostPrefix(ip)}, nowMs + BAN_MS);
  }

  /** False when there is no such ban. */
  remove(subnet: Subnet): boolean {
    if (!this.#bans.delete(subnetKey(subnet))) return false;
    const left = this.#lengths.get(subnet.bits)! - 1;
    if (left === 0) this.#lengths.delete(subnet.bits);
    else this.#lengths.set(subnet.bits, left);
    return true;
  }

  clear(): void {
    this.#bans.clear();
    this.#lengths.clear();
  }

  isBanned(ip: Uint8Array, nowMs: number): boolean {
    for (const bits of this.#lengths.keys()) {
      const ban = this.#bans.get(subnetKey({ip, bits}));
      if (ban !== undefined && ban.untilMs > nowMs && sharesPrefix(ban.ip, ip, bits)) return true;
    }
    return false;
  }

  /** Bans in force; those that have ended are forgotten. */
  list(nowMs: number): Ban[] {
    for (const ban of [...this.#bans.values()]) if (ban.untilMs <= nowMs) this.remove(ban);
    return [...this.#bans.values()];
  }
}

/** The scores of hosts: all connections of one share a score. Bounded: the host that was quiet longest is forgotten. */
export class BanScores {
  readonly #scores = new Map<string, BanScore>();

  get size(): number {
    return this.#scores.size;
  }

  /** The score that all connections of a host share. */
  of(ip: Uint8Array): BanScore {
    const key = hostKey(ip);
    const score = this.#scores.get(key) ?? new BanScore();
    this.#scores.delete(key);
    this.#scores.set(key, score);
    if (this.#scores.size > MAX_SCORES) this.#scores.delete(this.#scores.keys().next().value!);
    return score;
  }

  /** Forgets scores that have faded, except of hosts that are connected. */
  sweep(nowMs: number, isConnected: (key: string) => boolean): void {
    for (const [key, score] of this.#scores) {
      if (score.at(nowMs) < FORGOTTEN_SCORE && !isConnected(key)) this.#scores.delete(key);
    }
  }
}
