import {decodeHex} from '../../src/core/bytes/index.ts';
import {PKT} from '../../src/core/params/index.ts';
import {
  type Command,
  encodeMessage,
  type NetAddress,
  type Payloads,
  SERVICE,
  type VersionPayload,
} from '../../src/core/protocol/p2p/index.ts';
import {BanScore} from '../../src/node/p2p/ban-score.ts';
import {Peer, type PeerEvent, type PeerOptions} from '../../src/node/p2p/peer.ts';

/** When the fake clock begins: no test depends on the real one. */
export const START_MS = 1_600_000_000_000;
export const OWN_NONCE = 77n;

const NODE: NetAddress = {services: 0x4dn, ip: decodeHex('00000000000000000000ffff7f000001'), port: 64764};
const ADDRESS: NetAddress = {services: 0n, ip: decodeHex('fc000000000000000000000000000001'), port: 1234};

export const REMOTE_VERSION: VersionPayload = {
  version: 70013,
  services: 0x4dn,
  timestamp: 1_600_000_000n,
  addrRecv: NODE,
  addrFrom: ADDRESS,
  nonce: 5n,
  userAgent: '/pktd:1.0/',
  startHeight: 100,
  relay: true,
};

/** A peer with a clock of its own that only moves when told to. */
export class PeerBench {
  readonly peer: Peer;
  readonly score: BanScore;
  nowMs: number = START_MS;

  constructor(options: Partial<PeerOptions> = {}) {
    let random = 1000n;
    this.score = options.score ?? new BanScore();
    this.peer = new Peer(
      {
        direction: 'inbound',
        magic: PKT.magic,
        remote: ADDRESS,
        local: NODE,
        userAgent: '/pktstack:0.1/',
        startHeight: 42,
        nonce: OWN_NONCE,
        isOwnNonce: (nonce) => nonce === OWN_NONCE,
        requiredServices: SERVICE.network | SERVICE.witness,
        random64: () => random++,
        score: this.score,
        ...options,
      },
      this.nowMs,
    );
  }

  receive<Name extends Command>(command: Name, payload: Payloads[Name]): PeerEvent[] {
    return this.push(encodeMessage(PKT.magic, command, payload));
  }

  push(bytes: Uint8Array): PeerEvent[] {
    return this.peer.receive(bytes, this.nowMs);
  }

  tickAfter(ms: number): PeerEvent[] {
    this.nowMs += ms;
    return this.peer.tick(this.nowMs);
  }

  /** Brings the greeting behind it. */
  greet(): this {
    this.peer.open(this.nowMs);
    this.receive('version', REMOTE_VERSION);
    this.receive('verack', undefined);
    return this;
  }
}

/** Events in short: 'send ping', 'message inv', 'ready', 'disconnect idle', 'ban malformed'. */
export function inShort(events: readonly PeerEvent[]): string[] {
  return events.map((event) => {
    if (event.type === 'ready') return 'ready';
    if (event.type === 'disconnect') return `${event.ban ? 'ban' : 'disconnect'} ${event.reason.code}`;
    return `${event.type} ${event.message.command}`;
  });
}
