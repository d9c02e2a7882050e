// Health, readiness and metrics of a program, for those who operate it.
import type {Server} from 'node:http';
import type {AddressInfo} from 'node:net';
import {type FastifyInstance, fastify} from 'fastify';
import type {Registry} from 'prom-client';

const REQUEST_MS = 10_000;
const MAX_CONNECTIONS = 100;

export interface StatusServerOptions {
  readonly metrics: Registry;
  /** Whether the program does its work; if not, why. */
  readonly readiness: () => {readonly ready: boolean; readonly reason?: string};
  /** Everything there is to know, as JSON can hold it; without it there is no /status. */
  readonly status?: () => unknown;
}

/**
 * GET /healthz: 200 while the program runs. GET /readyz: 200 when it does its work, else 503 and why. GET /metrics: Prometheus.
 * GET /status: a JSON document, where the program has one. Nothing here needs a password, and nothing changes anything.
 */
export class StatusServer {
  readonly #http: FastifyInstance;

  constructor({metrics, readiness, status}: StatusServerOptions) {
    this.#http = fastify({requestTimeout: REQUEST_MS, connectionTimeout: REQUEST_MS, forceCloseConnections: true});
    (this.#http.server as Server).maxConnections = MAX_CONNECTIONS;
    this.#http.get('/healthz', () => ({ok: true}));
    this.#http.get('/readyz', (_request, reply) => {
      const state = readiness();
      return reply.code(state.ready ? 200 : 503).send(state);
    });
    if (status !== undefined) {
      this.#http.get('/status', (_request, reply) =>
        reply
          .header('cache-control', 'no-store')
          .type('application/json')
          .send(JSON.stringify(status(), null, 2)),
      );
    }
    this.#http.get('/metrics', async (_request, reply) =>
      reply.type(metrics.contentType).send(await metrics.metrics()),
    );
  }

  /** Begins to listen; gives the address. Rejects with the system's error. */
  async listen(host: string, port: number): Promise<AddressInfo> {
    await this.#http.listen({host, port});
    return this.#http.server.address() as AddressInfo;
  }

  close(): Promise<void> {
    return this.#http.close();
  }
}
