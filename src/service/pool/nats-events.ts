// Events of handlers on their way to the paymaker through a stream of NATS, which keeps them until the paymaker has them.
import {createHash, createHmac, timingSafeEqual} from 'node:crypto';
import {jetstream} from '@nats-io/jetstream';
import {headers} from '@nats-io/transport-node';
import {logId} from '../../core/protocol/pool/index.ts';
import type {SendLog} from './event-log.ts';
import {EventsError, type NatsLink} from './nats-link.ts';

/** Messages carry this header: their proof that they come from somebody who knows a handler's password. */
export const MAC_HEADER = 'Pkt-Mac';
/** A message is no longer, so that servers as they are installed take it. */
export const MAX_MESSAGE_BYTES: number = 512 * 1024;
/** The same under the servers' own limit, which counts headers too. */
const HEADER_ROOM = 4096;
const CONFIRM_MS = 10_000;
const LINE_END = 10;
const MAC_DOMAIN = 'pktstack events 1\n';

/** Of a message, with the password that handlers show over HTTP: 64 hex digits. */
export function eventsMac(password: string, body: Uint8Array): string {
  return createHmac('sha256', password)
    .update(MAC_DOMAIN)
    .update(createHash('sha256').update(body).digest())
    .digest('hex');
}

/** True when two texts of the same kind are equal; takes as long for any that are not. */
export function sameMac(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

/** Subjects of a stream: one for each handler, so that a server can hold each to its own. */
export function eventsSubject(stream: string, handler: string): string {
  return `${stream}.${handler}`;
}

/** Parts of a log of whole lines, each at most so long unless one line is longer. */
export function* splitLog(body: Uint8Array, maxBytes: number): Generator<Uint8Array> {
  for (let from = 0; from < body.length; ) {
    let to = Math.min(body.length, from + maxBytes);
    if (to < body.length) {
      const before = body.lastIndexOf(LINE_END, to - 1) + 1;
      const after = body.indexOf(LINE_END, to) + 1;
      to = before > from ? before : after === 0 ? body.length : after;
    }
    yield body.subarray(from, to);
    from = to;
  }
}

export interface NatsSenderOptions {
  readonly link: NatsLink;
  readonly stream: string;
  /** Names this handler among all of the pool. */
  readonly handler: string;
  readonly password: string;
}

/** As the work, unless the signal comes first. */
async function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  let giveUp = (): void => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    giveUp = (): void => reject(new EventsError('events-not-stored', {reason: 'given up'}));
    signal.addEventListener('abort', giveUp, {once: true});
    if (signal.aborted) giveUp();
  });
  try {
    await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

/** Sends logs to the stream; each is done with when all of it is on the servers' disk. */
export function createNatsSender({link, stream, handler, password}: NatsSenderOptions): SendLog {
  const publish = async (body: Uint8Array): Promise<void> => {
    const connection = await link.connection();
    const js = jetstream(connection, {timeout: CONFIRM_MS});
    const maxBytes = Math.min(MAX_MESSAGE_BYTES, (connection.info?.max_payload ?? MAX_MESSAGE_BYTES) - HEADER_ROOM);
    for (const part of splitLog(body, maxBytes)) {
      const fields = headers();
      fields.set(MAC_HEADER, eventsMac(password, part));
      const options = {msgID: logId(part), headers: fields, expect: {streamName: stream}};
      try {
        // The same again within the stream's window is confirmed, and not kept twice.
        await js.publish(eventsSubject(stream, handler), part, options);
      } catch (error) {
        throw new EventsError('events-not-stored', {stream, reason: (error as Error).message}, error);
      }
    }
  };
  return (body, signal) => unlessAborted(publish(body), signal);
}
