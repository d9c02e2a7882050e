import {resolve4, resolve6} from 'node:dns/promises';
import {networkInterfaces} from 'node:os';
import type {SeenAddress} from '../../../core/protocol/p2p/index.ts';
import {type Family, familyOf, isLoopback, isRoutable, parseIp} from './ip.ts';

const SEED_DEADLINE_MS = 15_000;
const MAX_PER_SEED = 256;

/** Addresses of a name, as text. May take its time, may throw. */
export type ResolveSeed = (name: string) => Promise<readonly string[]>;

/** A and AAAA records; a name that has only one kind is fine. */
export async function resolveSeed(name: string): Promise<readonly string[]> {
  const answers = await Promise.allSettled([resolve4(name), resolve6(name)]);
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
}

async function withDeadline<Value>(work: Promise<Value>, ms: number): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks all seeds at once; those that do not answer are passed over. The addresses have the port of the network. */
export async function askSeeds(
  names: readonly string[],
  port: number,
  nowMs: number,
  resolve: ResolveSeed,
): Promise<SeenAddress[]> {
  const answers = await Promise.allSettled(names.map((name) => withDeadline(resolve(name), SEED_DEADLINE_MS)));
  // Not quite now: what peers have seen themselves counts as fresher.
  const time = Math.floor(nowMs / 1000) - 3 * 86_400;
  return answers
    .flatMap((answer) => (answer.status === 'fulfilled' ? answer.value.slice(0, MAX_PER_SEED) : []))
    .flatMap((text) => {
      const ip = parseIp(text);
      return ip === undefined ? [] : [{ip, port, services: 0n, time}];
    });
}

/** Families that this host has an address of, and so probably a route for. */
export function localFamilies(): Set<Family> {
  const families = new Set<Family>();
  for (const {address} of Object.values(networkInterfaces()).flatMap((all) => all ?? [])) {
    const ip = parseIp(address.replace(/%.*$/, ''));
    if (ip === undefined || isLoopback(ip)) continue;
    // A private IPv4 address leads out through the router; a private IPv6 address does not.
    if (familyOf(ip) === 'ipv4' || isRoutable(ip)) families.add(familyOf(ip));
  }
  return families;
}
