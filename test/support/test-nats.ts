// Streams of their own for tests, on a NATS server where one is given.
import {randomBytes} from 'node:crypto';
import type {TestContext} from 'node:test';
import {jetstreamManager} from '@nats-io/jetstream';
import {NO_LOG} from '../../src/service/logs/log.ts';
import {NatsLink} from '../../src/service/pool/nats-link.ts';

/** A server of NATS with JetStream, nats://host:port. */
export const NATS_URL: string | undefined = process.env['PKT_TEST_NATS'];

/** False, or why tests with NATS are left out. */
export const SKIP_NATS: string | false = NATS_URL === undefined && 'PKT_TEST_NATS names no NATS server';

/** The name of a stream that is deleted with the test, if anybody has made it. */
export function testStream(t: TestContext): string {
  const stream = `TEST_${randomBytes(8).toString('hex')}`;
  t.after(async () => {
    const link = new NatsLink({servers: [NATS_URL!], name: 'test', log: NO_LOG});
    const manager = await jetstreamManager(await link.connection());
    await manager.streams.delete(stream).catch(() => {});
    await link.close();
  });
  return stream;
}

export function testLink(t: TestContext, servers: readonly string[] = [NATS_URL!]): NatsLink {
  const link = new NatsLink({servers, name: 'test', log: NO_LOG});
  t.after(() => link.close());
  return link;
}
