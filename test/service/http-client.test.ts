import {deepEqual, equal, notEqual, rejects} from 'node:assert/strict';
import {createServer} from 'node:net';
import {type TestContext, test} from 'node:test';
import {type HttpRequest, httpRequest} from '../../src/service/http/http-client.ts';

const BODY = Uint8Array.from({length: 5000}, (_, i) => i & 255);

/** A server that answers with given heads and the body, in two pieces; gives its address. */
async function serve(t: TestContext, head: string, body: Uint8Array = BODY): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\nConnection: close\r\n${head}\r\n`);
      socket.write(body.subarray(0, 3000));
      setTimeout(() => socket.end(body.subarray(3000)), 5);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const {port} = server.address() as {port: number};
  return `http://127.0.0.1:${port}/`;
}

function ask(url: string, more: Partial<HttpRequest> = {}): Promise<Uint8Array> {
  return httpRequest(url, {timeoutMs: 5000, maxBytes: 10_000, ...more}).then(({body}) => body);
}

test('the body of an answer comes whole, whether its length is told or not', async (t) => {
  for (const head of ['Content-Length: 5000\r\n', '']) {
    const body = await ask(await serve(t, head));
    deepEqual(body, BODY);
    equal(body.buffer.byteLength, 5000);
  }
  const empty = await ask(await serve(t, 'Content-Length: 0\r\n', new Uint8Array(0)));
  equal(empty.length, 0);
});

test('memory for the body is used where it fits, and what it held before does not show', async (t) => {
  for (const head of ['Content-Length: 5000\r\n', '']) {
    const into = new Uint8Array(6000).fill(0xee);
    const body = await ask(await serve(t, head), {into});
    deepEqual(body, BODY);
    equal(body.buffer, into.buffer);
    const small = new Uint8Array(4000);
    const other = await ask(await serve(t, head), {into: small});
    deepEqual(other, BODY);
    notEqual(other.buffer, small.buffer);
  }
});

test('answers that are too long, or break off, are refused whatever memory there is', async (t) => {
  for (const into of [undefined, new Uint8Array(6000)]) {
    for (const head of ['Content-Length: 5000\r\n', 'Content-Length: 99999999999\r\n', '']) {
      await rejects(ask(await serve(t, head), {maxBytes: 4999, into}), {code: 'http-too-large'});
    }
    await rejects(ask(await serve(t, 'Content-Length: 9000\r\n'), {into}), {code: 'http-unreachable'});
  }
});
