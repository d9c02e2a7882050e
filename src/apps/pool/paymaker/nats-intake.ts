// Events that come through a stream of NATS: credited first, then acknowledged. What is delivered twice counts once, because the
// ledger knows each upload and each event.
import {
  AckPolicy,
  type Consumer,
  type ConsumerMessages,
  DiscardPolicy,
  JetStreamApiError,
  type JsMsg,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import {nanos} from '@nats-io/transport-node';
import type {Log} from '../../../service/logs/log.ts';
import {eventsSubject, MAC_HEADER, MAX_MESSAGE_BYTES} from '../../../service/pool/nats-events.ts';
import {EventsError, type NatsLink} from '../../../service/pool/nats-link.ts';
import {StoreError} from '../../../service/stores/key-value-store.ts';
import {PaymakerError} from './errors.ts';
import {HandlerSecrets} from './handler-secrets.ts';
import type {Paymaker} from './paymaker.ts';

export interface NatsIntakeOptions {
  readonly paymaker: Pick<Paymaker, 'ingest' | 'settings'>;
  readonly link: NatsLink;
  readonly stream: string;
  readonly log: Log;
  /** Until a message that was not taken comes again. */
  readonly againMs?: number;
  /** Until one that nobody has acknowledged comes again. */
  readonly ackMs?: number;
}

const CONSUMER = 'paymaker';
/** Of the servers' own errors. */
const STREAM_NOT_FOUND = 10_059;
/** Messages that are fetched at a time. */
const FETCH = 16;
const FETCH_MS = 5000;
const ACK_MS = 30_000;
const AGAIN_MS = 10_000;
const MIN_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;
/** How often refusals are told of. */
const TELL_MS = 60_000;
/** Within it the stream keeps equal messages once. */
const DUPLICATES_MS = 600_000;

export class NatsIntake {
  readonly #options: NatsIntakeOptions;
  readonly #secrets: HandlerSecrets;
  readonly #counts = {taken: 0, refused: 0, deferred: 0};
  readonly #running: Promise<void>;
  #messages: ConsumerMessages | undefined;
  #isStopped = false;
  #toldMs = Number.NEGATIVE_INFINITY;
  #wake: () => void = () => {};

  /** Begins to take messages; servers that cannot be reached are tried again until they can. */
  constructor(options: NatsIntakeOptions) {
    this.#options = options;
    this.#secrets = new HandlerSecrets(options.paymaker.settings);
    this.#running = this.#run();
  }

  /** Messages credited; refused because no handler's password made them; put off because they could not be credited. */
  get counts(): {readonly taken: number; readonly refused: number; readonly deferred: number} {
    return this.#counts;
  }

  async #run(): Promise<void> {
    const {log} = this.#options;
    for (let failures = 0; !this.#isStopped; ) {
      try {
        const consumer = await this.#consumer();
        while (!this.#isStopped) {
          await this.#takeSome(consumer);
          failures = 0;
        }
      } catch (error) {
        if (this.#isStopped) return;
        if (failures++ === 0) log.error('events do not come from NATS', {error});
        await this.#pause(Math.min(MAX_RETRY_MS, MIN_RETRY_MS * 2 ** Math.min(failures, 10)));
      }
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Makes stream and consumer where there are none; what an operator has set stays. Throws EventsError. */
  async #consumer(): Promise<Consumer> {
    const {link, stream, ackMs = ACK_MS} = this.#options;
    const manager = await jetstreamManager(await link.connection());
    await this.#makeStream(manager);
    await manager.consumers.add(stream, {
      durable_name: CONSUMER,
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(ackMs),
      max_deliver: -1,
      max_ack_pending: 4 * FETCH,
    });
    return manager.jetstream().consumers.get(stream, CONSUMER);
  }

  async #makeStream(manager: Awaited<ReturnType<typeof jetstreamManager>>): Promise<void> {
    const {stream, paymaker, log} = this.#options;
    try {
      const {config} = await manager.streams.info(stream);
      if (config.storage !== StorageType.File || config.retention !== RetentionPolicy.Limits) {
        throw new EventsError('bad-stream', {stream, storage: config.storage, retention: config.retention});
      }
      return;
    } catch (error) {
      if (!(error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND)) throw error;
    }
    await manager.streams.add({
      name: stream,
      subjects: [eventsSubject(stream, '>')],
      storage: StorageType.File,
      // Messages stay for as long as they could be credited, so that a restored ledger can be given all of them again.
      retention: RetentionPolicy.Limits,
      max_age: nanos(1000 * paymaker.settings.historyDepth),
      // A stream that is full takes nothing: handlers keep it.
      discard: DiscardPolicy.New,
      max_msg_size: 2 * MAX_MESSAGE_BYTES,
      duplicate_window: nanos(Math.min(DUPLICATES_MS, 1000 * paymaker.settings.historyDepth)),
    });
    log.info('a stream for events is made', {stream});
  }

  async #takeSome(consumer: Consumer): Promise<void> {
    const messages = await consumer.fetch({max_messages: FETCH, expires: FETCH_MS});
    this.#messages = messages;
    for await (const message of messages) {
      if (this.#isStopped) return;
      await this.#take(message);
    }
  }

  async #take(message: JsMsg): Promise<void> {
    const {paymaker, log, againMs = AGAIN_MS} = this.#options;
    const {subject, seq, data} = message;
    const body = new Uint8Array(data);
    const handler = this.#secrets.byMac(message.headers?.get(MAC_HEADER) ?? '', body);
    if (handler === undefined) {
      this.#counts.refused++;
      // Whoever sends one can send many.
      if (performance.now() - this.#toldMs > TELL_MS) {
        this.#toldMs = performance.now();
        log.error('events without the password of a handler are refused', {subject, seq, ...this.#counts});
      }
      message.term();
      return;
    }
    try {
      await paymaker.ingest(body, handler);
      this.#counts.taken++;
      message.ack();
    } catch (error) {
      if (!(error instanceof PaymakerError || error instanceof StoreError)) throw error;
      this.#counts.deferred++;
      log.error('events were not taken; they come again', {subject, seq, error});
      message.nak(againMs);
    }
  }

  /** Finishes the message that is under way. */
  async close(): Promise<void> {
    this.#isStopped = true;
    this.#wake();
    this.#messages?.stop();
    await this.#running;
  }
}
