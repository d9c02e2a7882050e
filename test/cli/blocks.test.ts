import {deepEqual, equal, match} from 'node:assert/strict';
import {writeFileSync} from 'node:fs';
import {test} from 'node:test';
import {blockVectors} from '../core/packetcrypt/block-suite.ts';
import {jsonLines, runCli, withFolder} from '../support/run-cli.ts';

interface Line {
  list: 'blocks' | 'mutations' | 'wireMutations';
  index: number;
  name: string;
  verdict: string;
  value: number | null;
  announcement?: number;
  workHash?: string;
}

const WORDS: Readonly<Record<string, string>> = {ok: 'OK', share: 'SHARE_OK'};

/** A verdict in the words of the vectors. */
function wordOf({verdict, announcement}: Line): string {
  return `${WORDS[verdict] ?? verdict}${announcement === undefined ? '' : `(${announcement})`}`;
}

async function verify(file: string, ...more: string[]): Promise<{code: number | null; lines: Line[]}> {
  const {code, stdout} = await runCli(['block', 'verify', file, '--json', ...more]);
  return {code, lines: jsonLines<Line>(stdout)};
}

test('block verify on the vectors, strict: blocks and mutations as recorded', async () => {
  const {code, lines} = await verify('test/vectors/block.json');
  equal(code, 1);
  const {blocks, mutations, wireMutations} = blockVectors;
  equal(lines.length, blocks.length + mutations.length + wireMutations.length);
  for (const line of lines) {
    if (line.list === 'wireMutations') {
      // What the node refuses, the strict profile refuses too.
      if (!wireMutations[line.index]!.accept) equal(WORDS[line.verdict], undefined, line.name);
    } else {
      equal(wordOf(line), blockVectors[line.list][line.index]!.expect, line.name);
    }
    if (line.verdict === 'ok') equal(line.value, 0);
    if (line.verdict === 'share') equal(line.value, 0x100);
    if (line.verdict === 'ANN_INVALID') equal(line.value, 0x200 + line.announcement!);
  }
  equal(lines[0]!.workHash, blocks[0]!.workHash);
});

test('block verify on the vectors, node: accepted is what the node accepted', async () => {
  const {lines} = await verify('test/vectors/block.json', '--profile', 'node');
  for (const line of lines) {
    const good = line.verdict === 'ok' || line.verdict === 'share';
    if (line.list === 'wireMutations') equal(good, blockVectors.wireMutations[line.index]!.accept, line.name);
    else {
      const {pktd} = blockVectors[line.list][line.index]!;
      if (pktd !== 'n/a') equal(good, pktd === 'BLOCK_OK' || pktd === 'SHARE_OK', line.name);
    }
  }
});

test('block verify takes one block or an array; all good means exit code 0', async () => {
  await withFolder(async (path) => {
    const [one, seven] = blockVectors.blocks;
    writeFileSync(path('one.json'), JSON.stringify(one));
    deepEqual((await verify(path('one.json'))).code, 0);
    writeFileSync(path('two.json'), JSON.stringify([one, seven]));
    const {code, lines} = await verify(path('two.json'));
    deepEqual([code, lines.map(({verdict}) => verdict)], [0, ['ok', 'ok']]);
    const spoilt = {...one!, commit: one!.commit.replace(/.$/, '1')};
    writeFileSync(path('three.json'), JSON.stringify([one, spoilt]));
    const plain = await runCli(['block', 'verify', path('three.json')]);
    equal(plain.code, 1);
    match(plain.stdout, /blocks\[0\] one-announcement: ok, value 0x0\n/);
    writeFileSync(path('short.json'), JSON.stringify({...one!, wire: '00'}));
    equal((await verify(path('short.json'))).lines[0]!.verdict, 'truncated');
  });
});
