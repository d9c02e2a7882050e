import {BYTES_ERRORS, BytesError} from '../../core/bytes/index.ts';
import {RuleError} from '../../core/consensus/index.ts';
import {CodedError, type ErrorTable} from '../../core/errors.ts';
import {WIRE_ERRORS, WireError} from '../../core/primitives/index.ts';
import {MESSAGE_ERRORS, MessageError} from '../../core/protocol/p2p/index.ts';
import {PolicyError} from '../mempool/errors.ts';

/** Why a connection to a peer ends, or what it is charged for. */
export type PeerErrorCode =
  | 'self-connection'
  | 'version-expected'
  | 'second-version'
  | 'version-too-old'
  | 'missing-services'
  | 'negotiation-timeout'
  | 'pong-timeout'
  | 'idle'
  | 'too-many-items'
  | 'mempool-requested'
  | 'unrequested-block'
  | 'unrequested-headers'
  | 'unconnected-headers'
  | 'stalled'
  | 'nothing-new'
  | 'slow-reader'
  | 'send-timeout'
  | 'banned'
  | 'evicted'
  | 'told-to'
  | 'closed-by-peer'
  | 'shutting-down';

export const PEER_ERRORS: ErrorTable<PeerErrorCode> = Object.freeze({
  'self-connection': {penalty: 0, text: 'the peer is this node'},
  'version-expected': {penalty: 20, text: 'the first message is not version'},
  'second-version': {penalty: 20, text: 'a second version message'},
  'version-too-old': {penalty: 0, text: 'the protocol version of the peer is too old'},
  'missing-services': {penalty: 0, text: 'the peer does not offer the services that it was chosen for'},
  'negotiation-timeout': {penalty: 0, text: 'version and verack did not come in time'},
  'pong-timeout': {penalty: 0, text: 'a ping was not answered in time'},
  idle: {penalty: 0, text: 'nothing came for too long'},
  'too-many-items': {penalty: 20, text: 'more inventory in a short time than anyone needs'},
  'mempool-requested': {penalty: 33, text: 'the whole mempool was asked for'},
  'unrequested-block': {penalty: 20, text: 'a block came that was not asked for'},
  'unrequested-headers': {penalty: 20, text: 'headers came that were not asked for'},
  'unconnected-headers': {penalty: 20, text: 'headers do not follow what they were asked to follow'},
  stalled: {penalty: 0, text: 'blocks that were asked for did not come in time'},
  'nothing-new': {penalty: 0, text: 'the peer has nothing new while this node is behind'},
  'slow-reader': {penalty: 0, text: 'the peer does not read what is sent to it'},
  'send-timeout': {penalty: 0, text: 'the peer took nothing of what was sent to it for too long'},
  banned: {penalty: 0, text: 'the address has been banned'},
  evicted: {penalty: 0, text: 'the connection makes room for another'},
  'told-to': {penalty: 0, text: 'the operator wants the connection closed'},
  'closed-by-peer': {penalty: 0, text: 'the peer closed the connection, or it was lost'},
  'shutting-down': {penalty: 0, text: 'this node is shutting down'},
});

export class PeerError extends CodedError<PeerErrorCode> {
  constructor(code: PeerErrorCode, details: Readonly<Record<string, unknown>> = {}) {
    super(code, PEER_ERRORS[code], details);
  }
}

/** What the sender of refused data is charged, 0–100. Nothing for errors that are not the peer's doing. */
export function penaltyOf(error: unknown): number {
  if (error instanceof RuleError || error instanceof PolicyError) return error.penalty;
  if (error instanceof MessageError) return MESSAGE_ERRORS[error.code].penalty ?? 0;
  if (error instanceof WireError) return WIRE_ERRORS[error.code].penalty ?? 0;
  if (error instanceof BytesError) return BYTES_ERRORS[error.code].penalty ?? 0;
  return error instanceof PeerError ? (PEER_ERRORS[error.code].penalty ?? 0) : 0;
}
