import {equal, ok} from 'node:assert/strict';
import {readFile} from 'node:fs/promises';
import {test} from 'node:test';
import {encodeHex} from '../../src/core/bytes/index.ts';
import {announcementVerdict} from '../../src/core/packetcrypt/index.ts';
import {noBrowser, openBrowser, serveFolder} from '../support/browser.ts';

const PARENT = new Uint8Array(32).map((_, i) => 7 * i + 1);

test('a page mines announcements that Node finds valid', {skip: noBrowser, timeout: 120_000}, async (t) => {
  const server = await serveFolder('dist/web');
  t.after(() => server.close());
  const browser = await openBrowser();
  t.after(() => browser.close());
  const page = await browser.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });

  await page.goto(`${server.url}/miner/index.html`);
  await page.fill('#parent', encodeHex(PARENT));
  await page.fill('#height', '123456');
  await page.fill('#bits', '0x207fffff');
  await page.fill('#threads', '2');
  await page.click('#start');
  await page.waitForSelector('#save:enabled', {timeout: 60_000});
  await page.waitForFunction("Number(document.querySelector('#found').textContent) > 0", undefined, {timeout: 30_000});
  if (process.env['PKT_SCREENSHOT'] !== undefined) await page.screenshot({path: process.env['PKT_SCREENSHOT']});
  await page.click('#stop');
  await page.waitForSelector('#start:enabled', {timeout: 5_000});
  const downloading = page.waitForEvent('download');
  await page.click('#save');
  const file = await readFile(await (await downloading).path());

  equal(file.length % 1024, 0);
  ok(file.length > 0);
  const count = Math.min(4, file.length / 1024);
  for (let i = 0; i < count; i++) {
    const ann = new Uint8Array(file.subarray(1024 * i, 1024 * (i + 1)));
    equal(announcementVerdict(ann, PARENT).verdict, 'OK');
  }
  equal(problems.join('\n'), '');
});

test('the page says what is wrong with its fields', {skip: noBrowser, timeout: 60_000}, async (t) => {
  const server = await serveFolder('dist/web');
  t.after(() => server.close());
  const browser = await openBrowser();
  t.after(() => browser.close());
  const page = await browser.newPage();
  await page.goto(`${server.url}/miner/index.html`);
  await page.fill('#parent', '00'.repeat(32));
  await page.fill('#bits', '0x20800000');
  await page.click('#start');
  await page.waitForFunction("document.querySelector('#status').textContent.startsWith('Cannot start')");
  ok(await page.isEnabled('#start'));
});
