// Which connections are to be opened, and when.   chain spec §2.8.5
import type {AddressBook, KnownAddress} from './addresses/address-book.ts';
import {RECONNECT_MS, retryDelayMs} from './addresses/address-book.ts';
import {type Endpoint, endpointKey, type Family, formatIp, groupOf, isRoutable, parseIp} from './addresses/ip.ts';
import type {Connection} from './connection.ts';
import {RollingSet} from './rolling-set.ts';

/** Connections begun at once. */
const MAX_PENDING = 8;
const OWN_ENDPOINTS = 64;

/** A node that the operator named: kept connected. */
export interface ManualNode {
  /** Name or address. */
  readonly host: string;
  readonly port: number;
}

export interface DialRequest extends ManualNode {
  readonly kind: 'outbound' | 'manual';
  /** Of an address of the book. */
  readonly endpoint: Endpoint | undefined;
}

interface Target extends ManualNode {
  attempts: number;
  nextMs: number;
  /** False for a single attempt. */
  readonly keep: boolean;
}

export interface DialerOptions {
  readonly book: AddressBook;
  /** Connections to addresses of the book. */
  readonly outboundTarget: number;
  readonly families: ReadonlySet<Family>;
  /** Only nodes that the operator named are connected to. */
  readonly manualOnly: boolean;
}

function nodeKey({host, port}: ManualNode): string {
  return `${host.toLowerCase()} ${port}`;
}

export class Dialer {
  readonly #options: DialerOptions;
  readonly #targets = new Map<string, Target>();
  /** Dials under way. */
  readonly #pending = new Map<string, DialRequest>();
  /** Manual nodes that are connected, by connection. */
  readonly #held = new Map<number, string>();
  /** Where this node itself answered. */
  readonly #own = new RollingSet(OWN_ENDPOINTS);

  constructor(options: DialerOptions) {
    this.#options = options;
  }

  /** Nodes that the operator named, and whether each is connected. */
  manualNodes(): (ManualNode & {readonly connection: number | undefined})[] {
    const held = new Map([...this.#held].map(([id, key]) => [key, id]));
    return [...this.#targets.values()]
      .filter(({keep}) => keep)
      .map(({host, port}) => ({host, port, connection: held.get(nodeKey({host, port}))}));
  }

  /** Keeps a node connected; with `keep` false it is tried once. False when it is on the list already. */
  add({host, port}: ManualNode, keep: boolean): boolean {
    const key = nodeKey({host, port});
    const known = this.#targets.get(key);
    if (known !== undefined && (known.keep || !keep)) return false;
    this.#targets.set(key, {host, port, attempts: 0, nextMs: 0, ...known, keep});
    return true;
  }

  /** Takes a node off the list; false when it is not on it. The connection, if any, is the caller's to close. */
  remove(node: ManualNode): boolean {
    return this.#targets.delete(nodeKey(node));
  }

  /** The connection to a manual node. */
  connectionOf(node: ManualNode): number | undefined {
    const key = nodeKey(node);
    return [...this.#held].find(([, held]) => held === key)?.[0];
  }

  /** This node itself answers at the address. */
  isSelf(endpoint: Endpoint): void {
    this.#own.add(endpointKey(endpoint));
  }

  opened(request: DialRequest, connection: Connection): void {
    const key = nodeKey(request);
    this.#pending.delete(key);
    if (request.kind === 'manual') this.#held.set(connection.id, key);
    if (this.#targets.get(key)?.keep === false) this.#targets.delete(key);
  }

  failed(request: DialRequest): void {
    const key = nodeKey(request);
    this.#pending.delete(key);
    if (this.#targets.get(key)?.keep === false) this.#targets.delete(key);
  }

  /** The greeting with a node is done. */
  worked(connection: Connection): void {
    const target = this.#targets.get(this.#held.get(connection.id) ?? '');
    if (target !== undefined) target.attempts = 0;
  }

  closed(connection: Connection): void {
    this.#held.delete(connection.id);
  }

  /** Connections to be opened now. */
  due(connections: Iterable<Connection>, nowMs: number): DialRequest[] {
    const open = [...connections].filter(({isInbound}) => !isInbound);
    return [...this.#dueManual(open, nowMs), ...this.#dueOutbound(open, nowMs)];
  }

  #begin(request: DialRequest): DialRequest {
    this.#pending.set(nodeKey(request), request);
    return request;
  }

  #dueManual(open: readonly Connection[], nowMs: number): DialRequest[] {
    const hosts = new Set(open.map(({endpoint}) => endpointKey(endpoint)));
    const held = new Set(this.#held.values());
    const due: DialRequest[] = [];
    for (const [key, target] of this.#targets) {
      if (held.has(key) || this.#pending.has(key) || target.nextMs > nowMs) continue;
      // Connected already, for another reason; of a name that is not known before.
      const ip = parseIp(target.host);
      if (ip !== undefined && hosts.has(endpointKey({ip, port: target.port}))) continue;
      target.attempts++;
      target.nextMs = nowMs + Math.max(RECONNECT_MS, retryDelayMs(target.attempts));
      due.push(this.#begin({kind: 'manual', host: target.host, port: target.port, endpoint: undefined}));
    }
    return due;
  }

  #dueOutbound(open: readonly Connection[], nowMs: number): DialRequest[] {
    const {book, outboundTarget, manualOnly} = this.#options;
    if (manualOnly) return [];
    const due: DialRequest[] = [];
    const dialing = [...this.#pending.values()].filter(({kind}) => kind === 'outbound');
    const taken = open.filter(({kind}) => kind === 'outbound').length;
    const groups = new Set([...open, ...dialing.map(({endpoint}) => ({endpoint}))].flatMap(groupIn));
    const hosts = new Set(open.map(({endpoint}) => endpointKey(endpoint)));
    let count = taken + dialing.length;
    const mayTake = (address: KnownAddress): boolean =>
      !hosts.has(endpointKey(address)) &&
      !this.#own.has(endpointKey(address)) &&
      !groupIn({endpoint: address}).some((group) => groups.has(group));
    while (count < outboundTarget && dialing.length + due.length < MAX_PENDING) {
      const address = this.#choose(nowMs, 2 * taken < outboundTarget, mayTake);
      if (address === undefined) break;
      book.attempted(address, nowMs);
      for (const group of groupIn({endpoint: address})) groups.add(group);
      hosts.add(endpointKey(address));
      const {ip, port} = address;
      due.push(this.#begin({kind: 'outbound', host: formatIp(ip), port, endpoint: {ip, port}}));
      count++;
    }
    return due;
  }

  /** Up to half of the target only who worked before or was named by a seed, if there is any such. */
  #choose(nowMs: number, careful: boolean, mayTake: (address: KnownAddress) => boolean): KnownAddress | undefined {
    const {book, families} = this.#options;
    const trusted = careful ? book.choose(nowMs, families, true, mayTake) : undefined;
    return trusted ?? book.choose(nowMs, families, false, mayTake);
  }
}

/** The group that counts for diversity; addresses of private networks have none. */
function groupIn({endpoint}: {readonly endpoint: Endpoint | undefined}): string[] {
  return endpoint === undefined || !isRoutable(endpoint.ip) ? [] : [groupOf(endpoint.ip)];
}
