import {equal} from 'node:assert/strict';
import {test} from 'node:test';
import {decodeHex, encodeHex} from '../../../src/core/bytes/index.ts';
import {findVote, isUnspendable} from '../../../src/core/consensus/votes.ts';
import {readVectors} from '../../support/vectors.ts';

test('votes of output scripts', () => {
  interface Case {
    script: string;
    for: string | null;
    against: string | null;
    unspendable: boolean;
  }
  const {cases} = readVectors<{cases: Case[]}>('votes');
  equal(cases.length, 59);
  const shown = (script: Uint8Array | undefined): string | null => (script === undefined ? null : encodeHex(script));
  for (const {script, for: inFavour, against, unspendable} of cases) {
    const vote = findVote(decodeHex(script));
    equal(shown(vote?.for), inFavour, script);
    equal(shown(vote?.against), against, script);
    equal(isUnspendable(decodeHex(script)), unspendable, script);
  }
});
