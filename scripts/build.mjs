// Builds everything that is not up to date: kernels to WebAssembly, TypeScript to dist/, the browser pages to dist/web/.
import {cpSync, mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';
import {digestFiles, filesBelow, install, root, run, step, tool} from './lib.mjs';

// Every kernel imports its memory. `shared` kernels work on a memory that several threads see.
const KERNELS = JSON.parse(readFileSync(join(root, 'assembly', 'kernels.json'), 'utf8'));

/** Writes out the unrolled sources; true content comes from assembly/templates. */
async function writeTemplates() {
  for (const name of ['blake2b', 'crypto-cycle', 'field25519']) {
    const {source} = await import(pathToFileURL(join(root, 'assembly/templates', `${name}.mjs`)).href);
    mkdirSync(join(root, 'assembly/generated'), {recursive: true});
    writeFileSync(join(root, 'assembly/generated', `${name}.ts`), source());
  }
}

async function buildKernel({name, source, shared}) {
  const flags = ['--optimizeLevel', '3', '--shrinkLevel', '0', '--noAssert', '--runtime', 'stub', '--importMemory'];
  flags.push('--enable', 'simd,bulk-memory,sign-extension', '--disable', 'mutable-globals', '--memoryBase', '65536');
  if (shared) flags.push('--enable', 'threads', '--sharedMemory', '--initialMemory', '1', '--maximumMemory', '65536');
  const digest = digestFiles([...filesBelow('assembly'), join(root, 'package-lock.json')], flags.join(' '));
  const output = `src/core/wasm/generated/${name}.ts`;
  await step(`kernel ${name}`, digest, [output], async () => {
    mkdirSync(join(root, '.cache', 'wasm'), {recursive: true});
    mkdirSync(join(root, 'src/core/wasm/generated'), {recursive: true});
    const wasm = join('.cache', 'wasm', `${name}.wasm`);
    const text = join('.cache', 'wasm', `${name}.wat`);
    await run(process.execPath, [
      tool('assemblyscript/bin/asc.js'),
      `assembly/${source}`,
      ...flags,
      '--outFile',
      wasm,
      '--textFile',
      text,
    ]);
    const base64 = readFileSync(join(root, wasm)).toString('base64');
    writeFileSync(
      join(root, output),
      `// Made by scripts/build.mjs from assembly/${source}.\nexport const wasmBase64: string =\n  '${base64}';\n`,
    );
  });
}

export async function build() {
  await install();
  await writeTemplates();
  for (const kernel of KERNELS) await buildKernel(kernel);
  const sources = [
    ...filesBelow('src', 'test', 'bench', 'tsconfig.json', 'tsconfig.base.json', 'package-lock.json', 'assembly'),
  ].filter((file) => !file.endsWith('.json') || file.includes('tsconfig') || file.includes('lock'));
  await step('compile TypeScript', digestFiles(sources), ['dist/src', '.cache/tsbuildinfo'], async () => {
    rmSync(join(root, 'dist/src'), {recursive: true, force: true});
    rmSync(join(root, 'dist/test'), {recursive: true, force: true});
    rmSync(join(root, 'dist/bench'), {recursive: true, force: true});
    rmSync(join(root, '.cache/tsbuildinfo'), {force: true});
    await run(process.execPath, [tool('typescript/bin/tsc'), '-p', 'tsconfig.json']);
  });
  await buildPages();
}

/** Bundles the pages and the worker they start; the worker's address in the bundle is ./thread.js. */
async function buildPages() {
  const sources = [...filesBelow('web', 'src/core', 'assembly'), join(root, 'package-lock.json')];
  await step(
    'bundle pages',
    digestFiles(sources),
    ['dist/web/miner/miner.js', 'dist/web/network/network.js', 'dist/web/thread.js', 'dist/web/threads.js'],
    async () => {
      const {build: bundle} = await import('esbuild');
      await bundle({
        absWorkingDir: root,
        entryPoints: ['web/miner/miner.ts', 'web/network/network.ts', 'web/thread.ts', 'web/threads.ts'],
        outdir: 'dist/web',
        outbase: 'web',
        bundle: true,
        splitting: true,
        minify: true,
        format: 'esm',
        target: 'es2022',
        chunkNames: 'shared/[hash]',
        logLevel: 'warning',
      });
      for (const file of ['pages.css', 'miner/index.html', 'network/index.html'])
        cpSync(join(root, 'web', file), join(root, 'dist/web', file));
    },
  );
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await build().catch((error) => {
    console.error(`pktstack: ${error.message}`);
    process.exit(1);
  });
}
