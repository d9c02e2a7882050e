// Frames around messages.   chain spec §2.8.1
//
//   magic u32 | command 12, ASCII padded with zeros | length u32 | first 4 bytes of the payload's double SHA-256 | payload
import {concatBytes, equalBytes, readU32, writeU32} from '../../bytes/index.ts';
import {dsha256} from '../../crypto/index.ts';
import {checkU32} from '../../errors.ts';
import {MessageError} from './errors.ts';
import {type Command, encodePayload, isCommand, maxPayload, type Payloads} from './messages.ts';

export const FRAME_HEAD_BYTES = 24;
const COMMAND_OFFSET = 4;
const COMMAND_BYTES = 12;
const LENGTH_OFFSET = 16;
const CHECKSUM_OFFSET = 20;

/** One message as it came. Of a command that is not known the payload is passed over: it is empty here. */
export interface Frame {
  readonly command: string;
  readonly payload: Uint8Array;
}

export function encodeFrame(magic: number, command: string, payload: Uint8Array): Uint8Array {
  checkU32('magic', magic);
  if (!/^[\x21-\x7e]{1,12}$/.test(command)) throw new RangeError(`"command" expected 1 to 12 letters, got ${command}`);
  const head = new Uint8Array(FRAME_HEAD_BYTES);
  writeU32(head, 0, magic);
  for (let i = 0; i < command.length; i++) head[COMMAND_OFFSET + i] = command.charCodeAt(i);
  writeU32(head, LENGTH_OFFSET, payload.length);
  head.set(dsha256(payload).subarray(0, 4), CHECKSUM_OFFSET);
  return concatBytes(head, payload);
}

export function encodeMessage<Name extends Command>(magic: number, command: Name, payload: Payloads[Name]): Uint8Array {
  return encodeFrame(magic, command, encodePayload(command, payload));
}

function readCommand(head: Uint8Array): string {
  const field = head.subarray(COMMAND_OFFSET, COMMAND_OFFSET + COMMAND_BYTES);
  const end = field.indexOf(0);
  const used = field.subarray(0, end < 0 ? COMMAND_BYTES : end);
  const padding = field.subarray(used.length);
  const printable = used.length > 0 && used.every((byte) => byte > 0x20 && byte < 0x7f);
  if (!printable || padding.some((byte) => byte !== 0)) throw new MessageError('bad-command');
  return String.fromCharCode(...used);
}

/**
 * Cuts a stream of bytes into frames. Memory is bounded by the longest payload of the known command that is under way;
 * bytes are taken as they come, in pieces of any size.
 */
export class FrameReader {
  readonly #magic: number;
  readonly #head: Uint8Array = new Uint8Array(FRAME_HEAD_BYTES);
  #headLength = 0;
  #command = '';
  #payload: Uint8Array | undefined;
  #payloadLength = 0;
  /** Bytes of an unknown command still to be passed over. */
  #skip = 0;

  constructor(magic: number) {
    checkU32('magic', magic);
    this.#magic = magic;
  }

  /** Takes bytes; gives the frames they complete. Throws MessageError, after which the connection is of no use. */
  push(bytes: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    for (let at = 0; at < bytes.length || this.#isComplete; ) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, bytes.length - at);
        this.#skip -= skipped;
        at += skipped;
      } else if (this.#payload === undefined) {
        at += this.#takeHead(bytes.subarray(at), frames);
      } else {
        const piece = bytes.subarray(at, at + this.#payload.length - this.#payloadLength);
        this.#payload.set(piece, this.#payloadLength);
        this.#payloadLength += piece.length;
        at += piece.length;
        if (this.#payloadLength === this.#payload.length) frames.push(this.#finish(this.#payload));
      }
    }
    return frames;
  }

  /** True when the frame under way has all its bytes; so it is at once where the payload is empty. */
  get #isComplete(): boolean {
    return this.#payload !== undefined && this.#payloadLength === this.#payload.length;
  }

  #takeHead(bytes: Uint8Array, frames: Frame[]): number {
    const piece = bytes.subarray(0, FRAME_HEAD_BYTES - this.#headLength);
    this.#head.set(piece, this.#headLength);
    this.#headLength += piece.length;
    if (this.#headLength >= 4 && readU32(this.#head, 0) !== this.#magic) throw new MessageError('wrong-magic');
    if (this.#headLength < FRAME_HEAD_BYTES) return piece.length;
    this.#command = readCommand(this.#head);
    const length = readU32(this.#head, LENGTH_OFFSET);
    const max = maxPayload(this.#command);
    if (length > max) throw new MessageError('payload-too-long', {command: this.#command, length, max});
    if (isCommand(this.#command)) {
      this.#payload = new Uint8Array(length);
      this.#payloadLength = 0;
    } else {
      this.#skip = length;
      this.#headLength = 0;
      frames.push({command: this.#command, payload: new Uint8Array(0)});
    }
    return piece.length;
  }

  #finish(payload: Uint8Array): Frame {
    const checksum = this.#head.subarray(CHECKSUM_OFFSET);
    if (!equalBytes(dsha256(payload).subarray(0, 4), checksum)) {
      throw new MessageError('wrong-checksum', {command: this.#command});
    }
    this.#payload = undefined;
    this.#headLength = 0;
    return {command: this.#command, payload};
  }
}
