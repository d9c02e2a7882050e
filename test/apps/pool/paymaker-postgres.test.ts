// All tests of the paymaker once more, its ledger on a PostgreSQL server.
import {test} from 'node:test';
import {POSTGRES, SKIP_POSTGRES, useLedgers} from '../../support/test-ledgers.ts';

if (SKIP_POSTGRES !== false) {
  test('the paymaker with PostgreSQL', {skip: SKIP_POSTGRES});
} else {
  useLedgers(POSTGRES);
  await import('./paymaker.test.ts');
  await import('./paymaker-payouts.test.ts');
  await import('./paymaker-server.test.ts');
  await import('./paymaker-crash.test.ts');
}
