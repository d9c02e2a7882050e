// Addresses of the internet as 16 bytes, IPv4 mapped into IPv6, and what they say of who stands behind them.
import {isIP} from 'node:net';
import {copyBytes, latin1} from '../../../core/bytes/index.ts';

export const IP_BYTES = 16;
const MAPPED_PREFIX = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);

export type Family = 'ipv4' | 'ipv6' | 'cjdns';

/** Where a peer listens. `ip` 16 bytes, IPv4 mapped. */
export interface Endpoint {
  readonly ip: Uint8Array;
  readonly port: number;
}

function startsWith(ip: Uint8Array, prefix: ArrayLike<number>): boolean {
  for (let i = 0; i < prefix.length; i++) if (ip[i] !== prefix[i]) return false;
  return true;
}

export function familyOf(ip: Uint8Array): Family {
  if (startsWith(ip, MAPPED_PREFIX)) return 'ipv4';
  return ip[0] === 0xfc ? 'cjdns' : 'ipv6';
}

function parseGroups(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}

/** 16 bytes of an address in text, without zone; undefined for anything else, names included. */
export function parseIp(text: string): Uint8Array | undefined {
  const bare = text.replace(/^\[(.*)\]$/, '$1');
  if (isIP(bare) === 4) return Uint8Array.of(...MAPPED_PREFIX, ...bare.split('.').map(Number));
  if (isIP(bare) !== 6 || bare.includes('%')) return undefined;
  // The dotted end of a mapped address is two groups.
  const hex = bare.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, a, b, c, d) => {
    const group = (high: string, low: string): string => (Number(high) * 256 + Number(low)).toString(16);
    return `${group(a, b)}:${group(c, d)}`;
  });
  const [head, tail] = hex.split('::') as [string, string | undefined];
  const [first, last] = [parseGroups(head), parseGroups(tail ?? '')];
  const zeros = new Array<number>(8 - first.length - last.length).fill(0);
  return Uint8Array.from([...first, ...zeros, ...last].flatMap((group) => [group >> 8, group & 255]));
}

/** An address as text: IPv4 dotted, IPv6 in groups with the longest run of zeros left out. */
export function formatIp(ip: Uint8Array): string {
  if (familyOf(ip) === 'ipv4') return ip.subarray(12).join('.');
  const groups = Array.from({length: 8}, (_, i) => (ip[2 * i]! * 256 + ip[2 * i + 1]!).toString(16));
  const runs = [...groups.join(':').matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].map((match) => match[0]);
  const longest = runs.sort((a, b) => b.length - a.length)[0];
  if (longest === undefined) return groups.join(':');
  const text = groups.join(':');
  const at = text.indexOf(longest);
  return `${text.slice(0, at)}::${text.slice(at + longest.length).replace(/^:/, '')}`;
}

export function formatEndpoint({ip, port}: Endpoint): string {
  return familyOf(ip) === 'ipv4' ? `${formatIp(ip)}:${port}` : `[${formatIp(ip)}]:${port}`;
}

/** Reads "1.2.3.4", "1.2.3.4:5", "fc00::1", "[fc00::1]:5"; undefined for anything else. */
export function parseEndpoint(text: string, defaultPort: number): Endpoint | undefined {
  const whole = parseIp(text);
  if (whole !== undefined) return {ip: whole, port: defaultPort};
  const match = /^(\[[^\]]+\]|[^:]+):(\d{1,5})$/.exec(text);
  const ip = match === null ? undefined : parseIp(match[1]!);
  const port = Number(match?.[2]);
  return ip === undefined || port < 1 || port > 0xffff ? undefined : {ip, port};
}

/** Key of an address and port for maps. */
export function endpointKey({ip, port}: Endpoint): string {
  return latin1(ip, 0, IP_BYTES) + String.fromCharCode(port >> 8, port & 255);
}

/**
 * Addresses that one party can have many of have one group: /16 of IPv4, /32 of IPv6. Addresses of cjdns are keys, so that
 * only their number can be limited: 16 groups.
 */
export function groupOf(ip: Uint8Array): string {
  switch (familyOf(ip)) {
    case 'ipv4':
      return latin1(ip, 12, 14);
    case 'cjdns':
      return `cjdns ${ip[1]! >> 4}`;
    case 'ipv6':
      return latin1(ip, 0, 4);
  }
}

/** One host as far as bans and limits go: an IPv4 address, a /64 of IPv6. */
export function hostKey(ip: Uint8Array): string {
  return latin1(ip, 0, hostPrefix(ip) / 8);
}

/** Bits of the subnet that counts as one host. */
export function hostPrefix(ip: Uint8Array): number {
  return familyOf(ip) === 'ipv6' ? 64 : 128;
}

export function isLoopback(ip: Uint8Array): boolean {
  if (familyOf(ip) === 'ipv4') return ip[12] === 127;
  return ip.every((byte, i) => byte === (i === 15 ? 1 : 0));
}

/** IPv4 ranges that no route of the internet leads to: first bytes, prefix bits. */
const UNROUTABLE_V4: readonly (readonly [number, number, number, number])[] = [
  [0, 0, 0, 8],
  [10, 0, 0, 8],
  [100, 64, 0, 10],
  [127, 0, 0, 8],
  [169, 254, 0, 16],
  [172, 16, 0, 12],
  [192, 0, 0, 24],
  [192, 0, 2, 24],
  [192, 168, 0, 16],
  [198, 18, 0, 15],
  [198, 51, 100, 24],
  [203, 0, 113, 24],
  [224, 0, 0, 3],
];

function isUnroutableV4(ip: Uint8Array): boolean {
  const value = (ip[12]! << 24) | (ip[13]! << 16) | (ip[14]! << 8) | ip[15]!;
  return UNROUTABLE_V4.some(([a, b, c, bits]) => (value ^ ((a << 24) | (b << 16) | (c << 8))) >>> (32 - bits) === 0);
}

/** True for addresses that strangers can be reached at: global unicast, and fc00::/8 of cjdns.   chain spec §2.8.5 */
export function isRoutable(ip: Uint8Array): boolean {
  switch (familyOf(ip)) {
    case 'ipv4':
      return !isUnroutableV4(ip);
    case 'cjdns':
      return true;
    case 'ipv6': {
      if (ip[0]! >> 5 !== 1) return false;
      // Documentation, and tunnels that carry IPv4 inside: whose address it is cannot be told.
      const special = [
        [0x20, 0x01, 0x0d, 0xb8],
        [0x20, 0x01, 0x00, 0x00],
        [0x20, 0x02],
      ];
      return !special.some((prefix) => startsWith(ip, prefix));
    }
  }
}

/** True when the first `bits` bits of two addresses are the same. */
export function sharesPrefix(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (a[i] !== b[i]) return false;
  const rest = bits & 7;
  return rest === 0 || (a[whole]! ^ b[whole]!) >> (8 - rest) === 0;
}

/** The address with all but the first `bits` bits cleared. */
export function maskIp(ip: Uint8Array, bits: number): Uint8Array {
  const masked = copyBytes(ip);
  for (let i = 0; i < IP_BYTES; i++) {
    const kept = Math.min(8, Math.max(0, bits - 8 * i));
    masked[i] = masked[i]! & (0xff00 >> kept);
  }
  return masked;
}
