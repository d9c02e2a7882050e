// Submits a block that breaks each rule, and its twin that does not, to a node of pktreg that has no blocks, and prints what the
// node said. Without --rpc a node of its own is started on loopback.
//   node scripts/block-cases.mjs [--rpc http://host:port/ --user NAME --pass-file FILE]
import {readFileSync} from 'node:fs';
import {parseArgs} from 'node:util';
import {build} from './build.mjs';
import {say} from './lib.mjs';

const {values} = parseArgs({
  options: {rpc: {type: 'string'}, user: {type: 'string'}, 'pass-file': {type: 'string'}},
});

function print({rule, name, bad, good, isRight}) {
  const found = bad === rule ? '' : `, got ${bad}`;
  process.stdout.write(`${isRight ? 'ok  ' : 'FAIL'}  ${rule.padEnd(30)}  ${name}${found}; twin ${good}\n`);
}

try {
  await build();
  const [{replayCases}, {NodeProcess}, {RpcClient}, {ELSEWHERE}] = await Promise.all([
    import('../dist/test/support/replay-cases.js'),
    import('../dist/test/support/node-process.js'),
    import('../dist/src/service/rpc-client.js'),
    import('../dist/test/support/block-cases.js'),
  ]);
  const {rpc, user} = values;
  if (rpc !== undefined && (user === undefined || values['pass-file'] === undefined)) {
    throw new Error('--rpc needs --user and --pass-file');
  }
  const node = rpc === undefined ? await NodeProcess.start() : undefined;
  let wrong = 0;
  let all = 0;
  try {
    const client =
      node === undefined
        ? new RpcClient({url: rpc, user, password: readFileSync(values['pass-file'], 'utf8').split(/\r?\n/, 1)[0]})
        : await node.client();
    const call = (method, params) => client.call(method, params);
    for await (const row of replayCases(call, Math.floor(Date.now() / 1000))) {
      print(row);
      all++;
      if (!row.isRight) wrong++;
    }
  } finally {
    await node?.stop();
  }
  for (const [rule, {why}] of Object.entries(ELSEWHERE)) process.stdout.write(`--    ${rule.padEnd(30)}  ${why}\n`);
  say(`${all} cases, ${wrong} wrong`);
  if (wrong > 0) process.exit(1);
} catch (error) {
  say(error.message);
  process.exit(1);
}
