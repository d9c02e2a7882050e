import {deepEqual, equal, match} from 'node:assert/strict';
import {existsSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import {test} from 'node:test';
import {decodeHex, encodeHex} from '../../src/core/bytes/index.ts';
import {
  annHash,
  announcementVerdict,
  annParentBlockHeight,
  decodeAnnouncementHeader,
} from '../../src/core/packetcrypt/index.ts';
import {announcementCases} from '../core/packetcrypt/announcement-suite.ts';
import {jsonLines, runCli, withFolder} from '../support/run-cli.ts';

interface Line {
  index: number;
  verdict: string;
  hash: string | null;
  workHash?: string;
  length?: number;
}

const PARENT = '0123456789abcdef'.repeat(4);
const REVERSED = encodeHex(decodeHex(PARENT).reverse());
const mine = (file: string, ...more: string[]) =>
  runCli(['ann', 'mine', '--parent', PARENT, '--height', '200000', '--bits', '207fffff', '--out', file, ...more]);

test('what ann mine writes, ann verify and the plain check find valid', async () => {
  await withFolder(async (path) => {
    const file = path('anns');
    equal((await mine(file, '--count', '100', '--content-type', '7')).code, 0);
    const second = await mine(file, '--count', '31');
    equal(second.code, 0);
    match(second.stderr, /now holds 131/);
    const bytes = readFileSync(file);
    equal(bytes.length, 131 * 1024);
    const first = bytes.subarray(0, 1024);
    equal(announcementVerdict(first, decodeHex(PARENT)).verdict, 'OK');
    equal(annParentBlockHeight(first), 200000);
    equal(decodeAnnouncementHeader(first).contentType, 7);

    const {code, stdout} = await runCli(['ann', 'verify', file, '--parent', REVERSED, '--reverse', '--json']);
    equal(code, 0);
    const lines = jsonLines<Line>(stdout);
    deepEqual(
      lines.map(({index, verdict}) => `${index} ${verdict}`),
      Array.from({length: 131}, (_, i) => `${i} ok`),
    );
    lines.forEach(({hash, workHash}, i) => {
      equal(hash, encodeHex(annHash(bytes.subarray(1024 * i, 1024 * i + 1024))));
      equal(workHash?.length, 64);
    });
    equal(new Set(lines.map(({hash}) => hash)).size, 131);
    equal((await runCli(['ann', 'verify', file, '--parent', PARENT, '--profile', 'node'])).code, 0);
    const wrongParent = await runCli(['ann', 'verify', file, '--parent', REVERSED]);
    equal(wrongParent.code, 1);
    equal(wrongParent.stdout.match(/: INVAL_ITEM4, hash /g)?.length, 131);
  });
});

test('ann verify: a spoilt announcement and one cut short are reported in their place', async () => {
  await withFolder(async (path) => {
    const file = path('anns');
    await mine(file, '--count', '5');
    const bytes = readFileSync(file);
    bytes[3 * 1024 + 500]! ^= 1;
    writeFileSync(file, bytes.subarray(0, 4 * 1024 + 100));
    const {code, stdout} = await runCli(['ann', 'verify', file, '--parent', PARENT, '--json']);
    equal(code, 1);
    const lines = jsonLines<Line>(stdout);
    deepEqual(
      lines.map(({verdict}) => verdict),
      ['ok', 'ok', 'ok', 'INVAL', 'INVAL'],
    );
    deepEqual(lines.at(-1), {index: 4, verdict: 'INVAL', hash: null, length: 100});
    const refused = await mine(file, '--count', '1');
    equal(refused.code, 2);
    match(refused.stderr, /has 4196 bytes.*give another --out/);
    equal(statSync(file).size, 4196);
  });
});

test('ann verify answers with the codes of the specification', async () => {
  await withFolder(async (path) => {
    const parents = new Set(announcementCases.map(({parentBlockHash}) => parentBlockHash));
    let judged = 0;
    for (const parent of parents) {
      const cases = announcementCases.filter(
        ({parentBlockHash, validator, ann}) =>
          parentBlockHash === parent && validator === undefined && ann.length === 2048,
      );
      // One process for each parent: only those with several cases.
      if (cases.length < 3) continue;
      judged += cases.length;
      writeFileSync(path('anns'), Buffer.concat(cases.map(({ann}) => decodeHex(ann))));
      const {stdout} = await runCli(['ann', 'verify', path('anns'), '--parent', parent, '--json', '--threads', '1']);
      deepEqual(
        jsonLines<Line>(stdout).map(({verdict}) => verdict.toUpperCase()),
        cases.map(({expect}) => expect),
      );
    }
    equal(judged > 20, true);
  });
});

test('an empty file has no invalid announcement', async () => {
  await withFolder(async (path) => {
    writeFileSync(path('anns'), '');
    equal((await runCli(['ann', 'verify', path('anns'), '--parent', PARENT])).code, 0);
  });
});

test('after Ctrl-C the file of ann mine holds whole valid announcements', async () => {
  await withFolder(async (path) => {
    const file = path('anns');
    const {code} = await runCli(
      ['ann', 'mine', '--parent', PARENT, '--height', '1', '--bits', '207fffff', '--out', file],
      (child) => {
        const timer = setInterval(() => {
          if (!existsSync(file) || statSync(file).size === 0) return;
          clearInterval(timer);
          child.kill('SIGINT');
        }, 20);
      },
    );
    equal(code, 130);
    const {size} = statSync(file);
    equal(size > 0 && size % 1024 === 0, true);
    equal((await runCli(['ann', 'verify', file, '--parent', PARENT])).code, 0);
  });
});
