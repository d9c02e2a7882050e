import {CodedError, type ErrorRow} from '../../core/errors.ts';

/** Names as in the answers of existing nodes; clients search for some of them. */
export type RpcErrorName =
  | 'ErrRPCParse'
  | 'ErrRPCInvalidRequest'
  | 'ErrRPCMethodNotFound'
  | 'ErrRPCInvalidParams'
  | 'ErrRPCInternal'
  | 'ErrRPCMisc'
  | 'ErrRPCUnimplemented'
  | 'ErrRPCNoWallet'
  | 'ErrRPCBlockNotFound'
  | 'ErrRPCNoTxInfo'
  | 'ErrRPCInvalidAddressOrKey'
  | 'ErrRPCDifficulty'
  | 'ErrRPCInvalidParameter'
  | 'ErrBlockHeightOutOfRange'
  | 'ErrRPCClientNotConnected'
  | 'ErrRPCClientInInitialDownload'
  | 'ErrRPCDatabase'
  | 'ErrRPCDeserialization'
  | 'ErrRPCDecodeHexString'
  | 'ErrRPCVerify'
  | 'ErrRPCTxRejected'
  | 'ErrRPCForbidden'
  | 'ErrRPCBusy';

interface RpcErrorRow extends ErrorRow {
  /** The number that goes into the answer.   chain spec §4.6.5 */
  readonly number: number;
}

export const RPC_ERRORS: Readonly<Record<RpcErrorName, RpcErrorRow>> = Object.freeze({
  ErrRPCParse: {number: -32700, text: 'the request is not valid JSON'},
  ErrRPCInvalidRequest: {number: -32600, text: 'not a valid request'},
  ErrRPCMethodNotFound: {number: -32601, text: 'Method not found'},
  ErrRPCInvalidParams: {number: -32602, text: 'wrong parameters'},
  ErrRPCInternal: {number: -32603, text: 'the request could not be served'},
  ErrRPCMisc: {number: -1, text: 'the request could not be served'},
  ErrRPCUnimplemented: {number: -1, text: 'Command unimplemented'},
  ErrRPCNoWallet: {number: -1, text: 'This RPC requires --wallet'},
  ErrRPCBlockNotFound: {number: -5, text: 'Block not found'},
  ErrRPCNoTxInfo: {number: -5, text: 'No information for transaction'},
  ErrRPCInvalidAddressOrKey: {number: -5, text: 'Invalid address or key'},
  ErrRPCDifficulty: {number: -5, text: 'No support for `generate` on the current network'},
  ErrRPCInvalidParameter: {number: -8, text: 'a parameter has a value that is not allowed'},
  ErrBlockHeightOutOfRange: {number: -8, text: 'Block number out of range'},
  ErrRPCClientNotConnected: {number: -9, text: 'the node has no peers'},
  ErrRPCClientInInitialDownload: {number: -10, text: 'the node is downloading blocks'},
  ErrRPCDatabase: {number: -20, text: 'stored data could not be read or written'},
  ErrRPCDeserialization: {number: -22, text: 'decode failed'},
  ErrRPCDecodeHexString: {number: -22, text: 'Argument must be hexadecimal string'},
  ErrRPCVerify: {number: -25, text: 'verification failed'},
  ErrRPCTxRejected: {number: -26, text: 'transaction refused'},
  ErrRPCForbidden: {number: -32603, text: 'limited user not authorized for this method'},
  ErrRPCBusy: {number: -32603, text: 'too many requests at a time'},
});

/** Why a request is not answered as asked. `reason` is shown behind the text of the table, or in place of it. */
export class RpcError extends CodedError<RpcErrorName> {
  readonly reason: string | undefined;

  constructor(name: RpcErrorName, reason?: string, cause?: unknown) {
    super(name, RPC_ERRORS[name], {}, cause);
    this.reason = reason;
  }
}

/** The error member of an answer. `stack` is there because existing clients read it; it is always empty. */
export interface RpcErrorObject {
  readonly code: number;
  readonly message: string;
  readonly stack: readonly string[];
}

/** `version`: of this program; comes first in the text, as existing clients expect. */
export function errorObject(error: RpcError, version: string): RpcErrorObject {
  const {number, text} = RPC_ERRORS[error.code];
  return {code: number, message: `${version} ${error.code}(${number}): ${error.reason ?? text}`, stack: []};
}
