// What clients may cost.   chain spec §4.6.1

export interface RpcLimits {
  /** A request must have come in whole by then, and an answer be taken. */
  readonly requestMs: number;
  readonly keepAliveMs: number;
  /** Calls at a time over all connections; long polls count. */
  readonly calls: number;
  readonly connections: number;
  readonly sessions: number;
  /** A websocket client must have said who it is by then. */
  readonly authenticateMs: number;
  readonly pingMs: number;
  /** A websocket client that lets this much pile up is too slow and is dropped. */
  readonly bufferedBytes: number;
  /** How long a stop waits for calls that are under way. */
  readonly closeMs: number;
}

export const RPC_LIMITS: RpcLimits = Object.freeze({
  requestMs: 60_000,
  keepAliveMs: 75_000,
  calls: 1000,
  connections: 2000,
  sessions: 25,
  authenticateMs: 10_000,
  pingMs: 30_000,
  bufferedBytes: 32 * 2 ** 20,
  closeMs: 2000,
});
