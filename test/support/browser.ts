import {existsSync} from 'node:fs';
import {readFile} from 'node:fs/promises';
import {createServer, type Server} from 'node:http';
import type {AddressInfo} from 'node:net';
import {extname, join, normalize} from 'node:path';
import {type Browser, chromium} from 'playwright-core';

const PLACES = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/**
 * Why browser tests cannot run here, or false. With PKT_REQUIRE_BROWSER set a missing browser is a failure, not a reason.
 */
export const noBrowser: string | false =
  findBrowser() === undefined && process.env['PKT_REQUIRE_BROWSER'] === undefined
    ? 'no Chromium found; install it or set CHROMIUM to its path'
    : false;

function findBrowser(): string | undefined {
  return PLACES.find((path) => path !== undefined && existsSync(path));
}

/** Starts a headless Chromium that contacts nobody on its own. */
export function openBrowser(): Promise<Browser> {
  const executablePath = findBrowser();
  if (executablePath === undefined) throw new Error('no Chromium found; install it or set CHROMIUM to its path');
  const quiet = ['background-networking', 'component-update', 'sync', 'gpu', 'quic'].map((name) => `--disable-${name}`);
  return chromium.launch({executablePath, args: ['--no-sandbox', '--no-first-run', ...quiet]});
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css',
  '.js': 'text/javascript',
};

/** Serves a folder on a free port of the loopback interface. */
export async function serveFolder(folder: string): Promise<{url: string; close: () => Promise<void>}> {
  const server: Server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname));
    readFile(join(folder, path)).then(
      (body) => response.writeHead(200, {'content-type': TYPES[extname(path)] ?? 'application/octet-stream'}).end(body),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const {port} = server.address() as AddressInfo;
  const close = (): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
  return {url: `http://127.0.0.1:${port}`, close};
}
