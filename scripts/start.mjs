// `npm start`: builds what is needed, then runs the main job in this process. Arguments are passed on, and
// `npm start -- ann mine …` runs another command than the main job.
import {build} from './build.mjs';
import {say} from './lib.mjs';

try {
  await build();
} catch (error) {
  say(error.message);
  process.exit(1);
}
const {runProgram} = await import('../dist/src/cli/program.js');
await runProgram(['up', ...process.argv.slice(2)]);
