import {groupOf} from './addresses/ip.ts';
import type {Connection} from './connection.ts';

const PROTECTED_BY_LATENCY = 4;
const PROTECTED_BY_USE = 4;

function without(all: readonly Connection[], kept: readonly Connection[]): Connection[] {
  const set = new Set(kept);
  return all.filter((connection) => !set.has(connection));
}

/**
 * The inbound connection that makes room for a newcomer. Kept are the quickest, those that lately gave something new, and of the
 * rest the older half: what an attacker cannot have cheaply. Of what is left the youngest of the most frequent group goes.
 */
export function chooseEviction(inbound: readonly Connection[]): Connection | undefined {
  const latency = ({peer}: Connection): number => peer.latencyMs ?? Number.MAX_VALUE;
  const quickest = [...inbound].sort((a, b) => latency(a) - latency(b)).slice(0, PROTECTED_BY_LATENCY);
  let left = without(inbound, quickest);
  const useful = left.filter(({lastUsefulMs}) => lastUsefulMs > 0);
  useful.sort((a, b) => b.lastUsefulMs - a.lastUsefulMs);
  left = without(left, useful.slice(0, PROTECTED_BY_USE));
  left.sort((a, b) => a.openedMs - b.openedMs);
  left = left.slice(Math.floor(left.length / 2));
  const groups = new Map<string, Connection[]>();
  for (const connection of left) {
    const group = groupOf(connection.endpoint.ip);
    groups.set(group, [...(groups.get(group) ?? []), connection]);
  }
  const [largest] = [...groups.values()].sort((a, b) => b.length - a.length || b[0]!.openedMs - a[0]!.openedMs);
  return largest?.at(-1);
}
