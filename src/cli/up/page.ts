// The page of a private network: figures as JSON, and the pages that the build has made.
import {readdirSync, readFileSync} from 'node:fs';
import type {Server} from 'node:http';
import {extname, join, sep} from 'node:path';
import {fileURLToPath} from 'node:url';
import {type FastifyInstance, fastify} from 'fastify';

export interface PageOptions {
  /** Made anew for each request; bigint become numbers without loss. */
  readonly status: () => string;
}

const PAGES = fileURLToPath(new URL('../../../web', import.meta.url));
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
};
const REQUEST_MS = 10_000;
const MAX_CONNECTIONS = 100;
/** Other names may be those of a site that wants to look in here by way of the browser. */
const OWN_HOST = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;
const HEADERS = Object.freeze({
  'content-security-policy': "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data:",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  // Shared memory of the miner needs these two.
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
});

/** All files of the pages, by their path. They are few and small. */
function readPages(): ReadonlyMap<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const entry of readdirSync(PAGES, {withFileTypes: true, recursive: true})) {
    if (!entry.isFile() || !(extname(entry.name) in TYPES)) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(path.slice(PAGES.length).split(sep).join('/'), readFileSync(path));
  }
  return files;
}

/** Only looks: nothing here changes anything. */
export class PageServer {
  readonly #http: FastifyInstance;

  constructor({status}: PageOptions) {
    const files = readPages();
    this.#http = fastify({requestTimeout: REQUEST_MS, connectionTimeout: REQUEST_MS, forceCloseConnections: true});
    (this.#http.server as Server).maxConnections = MAX_CONNECTIONS;
    this.#http.addHook('onRequest', async (request, reply) => {
      reply.headers(HEADERS);
      if (!OWN_HOST.test(request.headers.host ?? '')) await reply.code(403).send('this page is for this machine');
    });
    this.#http.get('/status.json', (_request, reply) =>
      reply.type('application/json').header('cache-control', 'no-store').send(status()),
    );
    this.#http.get('/', (_request, reply) => reply.redirect('/network/index.html'));
    this.#http.get('/*', (request, reply) => {
      const [path] = request.url.split('?', 1);
      const file = files.get(path!) ?? files.get(`${path!.replace(/\/$/, '')}/index.html`);
      if (file === undefined) return reply.code(404).type('text/plain').send('Not found');
      return reply.type(TYPES[extname(path!)] ?? TYPES['.html']!).send(file);
    });
  }

  /** Rejects with the system's error. */
  async listen(host: string, port: number): Promise<void> {
    await this.#http.listen({host, port});
  }

  async close(): Promise<void> {
    await this.#http.close();
  }
}
