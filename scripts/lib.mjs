// What the scripts share: running a step with a line saying so, and skipping a step whose inputs have not changed.
import {spawn} from 'node:child_process';
import {createHash} from 'node:crypto';
import {existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import {dirname, join, relative} from 'node:path';
import {fileURLToPath} from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const isWindows = process.platform === 'win32';

/** Refuses a Node that is too old with one line instead of a syntax error deep inside. */
export function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    console.error(`pktstack needs Node 20.19 or newer; this is ${process.version}`);
    process.exit(2);
  }
}

export function say(text) {
  process.stderr.write(`pktstack: ${text}\n`);
}

/** Runs a program to its end with this one's output; rejects unless it exits 0. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {cwd: root, stdio: 'inherit', ...options});
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${[command, ...args].join(' ')} ended with ${signal ?? `exit code ${code}`}`));
    });
  });
}

/** Path of a tool's JavaScript file in node_modules, to be run with this Node. */
export function tool(path) {
  return join(root, 'node_modules', ...path.split('/'));
}

/** All files below the given paths, sorted; generated folders left out. */
export function filesBelow(...paths) {
  const found = [];
  const walk = (path) => {
    if (!existsSync(path)) return;
    if (statSync(path).isFile()) {
      found.push(path);
      return;
    }
    for (const name of readdirSync(path)) if (name !== 'generated' && name !== 'node_modules') walk(join(path, name));
  };
  for (const path of paths) walk(join(root, path));
  return found.sort();
}

export function digestFiles(files, ...extra) {
  const hash = createHash('sha256');
  for (const text of extra) hash.update(`${text}\0`);
  for (const file of files) hash.update(`${relative(root, file)}\0`).update(readFileSync(file));
  return hash.digest('hex');
}

/** Runs `work` unless it already ran for the same digest and its outputs are still there. */
export async function step(name, digest, outputs, work) {
  const stamp = join(root, '.cache', 'steps', name);
  const done = existsSync(stamp) && readFileSync(stamp, 'utf8') === digest;
  if (done && outputs.every((path) => existsSync(join(root, path)))) return false;
  say(`${name} …`);
  const begun = Date.now();
  await work();
  mkdirSync(dirname(stamp), {recursive: true});
  writeFileSync(stamp, digest);
  say(`${name}: done in ${((Date.now() - begun) / 1000).toFixed(1)} s`);
  return true;
}

/** Installs the locked dependencies unless they are there already. */
export async function install() {
  requireNode();
  const digest = digestFiles(filesBelow('package-lock.json'), process.platform, process.arch);
  await step('install dependencies', digest, ['node_modules/.package-lock.json'], () =>
    run(isWindows ? 'npm.cmd' : 'npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {shell: isWindows}),
  );
}
