import {type Endpoint, formatEndpoint} from './addresses/ip.ts';
import type {Connection, ConnectionKind} from './connection.ts';

/** What is known of a peer, for the operator. Times are milliseconds since 1970, 0 for never. */
export interface PeerInfo {
  readonly id: number;
  readonly kind: ConnectionKind;
  readonly address: string;
  readonly endpoint: Endpoint;
  readonly isReady: boolean;
  readonly services: bigint;
  readonly relaysTransactions: boolean;
  readonly lastSentMs: number;
  readonly lastReceivedMs: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly connectedMs: number;
  /** Their clock minus ours when they greeted us, seconds. */
  readonly timeOffset: number;
  readonly latencyMs: number | undefined;
  /** How long the answer to a ping is waited for. */
  readonly pingWaitMs: number | undefined;
  readonly version: number;
  /** Text of the peer: to be shown with care. */
  readonly userAgent: string;
  readonly startHeight: number;
  readonly height: number;
  readonly banScore: number;
  readonly minUnitsPerKb: bigint;
}

interface Surroundings {
  readonly nowMs: number;
  readonly banScore: number;
}

export function peerInfo(connection: Connection, {nowMs, banScore}: Surroundings): PeerInfo {
  const {id, kind, endpoint, peer, isReady, lastSentMs, lastReceivedMs, bytesSent, bytesReceived} = connection;
  const {version} = peer;
  const startHeight = version?.startHeight ?? 0;
  return {
    id,
    kind,
    address: formatEndpoint(endpoint),
    endpoint,
    isReady,
    services: version?.services ?? 0n,
    relaysTransactions: version?.relay ?? false,
    lastSentMs,
    lastReceivedMs,
    bytesSent,
    bytesReceived,
    connectedMs: connection.openedMs,
    timeOffset: version === undefined ? 0 : Number(version.timestamp) - Math.floor(peer.greetedMs / 1000),
    latencyMs: peer.latencyMs,
    pingWaitMs: peer.pingSentMs === undefined ? undefined : Math.max(0, nowMs - peer.pingSentMs),
    version: version?.version ?? 0,
    userAgent: version?.userAgent ?? '',
    startHeight,
    height: Math.max(startHeight, connection.bestHeight),
    banScore: Math.floor(banScore),
    minUnitsPerKb: peer.minUnitsPerKb,
  };
}
