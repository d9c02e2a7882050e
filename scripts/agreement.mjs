// Runs random RandHash programs and inputs through all implementations: 20000 programs × 50 inputs unless told otherwise.
//   node scripts/agreement.mjs [--programs N] [--inputs N] [--seed N]
import {parseArgs} from 'node:util';
import {build} from './build.mjs';
import {say} from './lib.mjs';

const {values} = parseArgs({
  options: {
    programs: {type: 'string', default: '20000'},
    inputs: {type: 'string', default: '50'},
    seed: {type: 'string', default: String(Math.floor(Math.random() * 2 ** 31))},
  },
});

try {
  await build();
  const {checkAgreement} = await import('../dist/test/fuzz/rand-hash-agreement.js');
  const programs = Number(values.programs);
  say(`seed ${values.seed}`);
  const begun = Date.now();
  const result = checkAgreement(Number(values.seed), programs, Number(values.inputs), (done) => {
    if (done % 1000 === 0) say(`${done} of ${programs} programs, ${((Date.now() - begun) / 1000).toFixed(0)} s`);
  });
  say(`all agree: ${JSON.stringify(result)}`);
} catch (error) {
  say(error.message);
  process.exit(1);
}
