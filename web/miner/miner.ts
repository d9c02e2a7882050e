import {decodeHex, encodeHex} from '../../src/core/bytes/index.ts';
import {AnnouncementMiner} from '../../src/core/engines/index.ts';
import {annHash} from '../../src/core/packetcrypt/index.ts';
import {webThreads} from '../threads.ts';

const ANN_BYTES = 1024;
/** Announcements kept for saving; older ones are forgotten. */
const MAX_KEPT = 65536;
const SHOW_MS = 500;

function element<Kind extends HTMLElement>(id: string): Kind {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no element ${id}`);
  return found as Kind;
}

const field = (id: string): HTMLInputElement => element<HTMLInputElement>(id);
const status = element('status');
const kept: Uint8Array[] = [];
let keptCount = 0;
let miner: AnnouncementMiner | undefined;
let begun = 0;

function keep(anns: Uint8Array): void {
  kept.push(anns);
  keptCount += anns.length / ANN_BYTES;
  while (keptCount > MAX_KEPT) keptCount -= kept.shift()!.length / ANN_BYTES;
  element('last').textContent = encodeHex(annHash(anns.slice(anns.length - ANN_BYTES)));
  element<HTMLButtonElement>('save').disabled = false;
}

function show(): void {
  if (miner === undefined) return;
  const {announcements, hashes, threads} = miner.stats;
  const seconds = (performance.now() - begun) / 1000;
  element('found').textContent = String(announcements);
  element('rate').textContent = (announcements / seconds).toFixed(1);
  element('hashes').textContent = Math.round(hashes / seconds).toString();
  status.textContent = `Mining on ${threads} ${threads === 1 ? 'thread' : 'threads'}.`;
}

function start(): void {
  const parentHash = decodeHex(field('parent').value);
  const firstHardNonce = crypto.getRandomValues(new Uint32Array(1))[0]!;
  miner = new AnnouncementMiner({
    threads: field('threads').valueAsNumber,
    spawn: webThreads(new URL('../thread.js', import.meta.url)),
    now: () => performance.now(),
    firstHardNonce,
    onFound: keep,
    onCrash: ({error, replaced}) => {
      status.textContent = `A thread failed (${error.message})${replaced ? ' and was replaced' : ''}.`;
    },
  });
  begun = performance.now();
  miner.start({
    parentHash,
    parentBlockHeight: field('height').valueAsNumber,
    workBits: Number.parseInt(field('bits').value, 16),
  });
}

function setRunning(running: boolean): void {
  element<HTMLButtonElement>('start').disabled = running;
  element<HTMLButtonElement>('stop').disabled = !running;
}

async function stop(): Promise<void> {
  const stopping = miner;
  await stopping?.stop();
  show();
  miner = undefined;
  await stopping?.close();
  status.textContent = 'Stopped.';
  setRunning(false);
}

function save(): void {
  const blob = new Blob(kept.map((anns) => new Uint8Array(anns)));
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = 'announcements.bin';
  link.click();
  URL.revokeObjectURL(link.href);
}

element('work').addEventListener('submit', (event) => {
  event.preventDefault();
  try {
    start();
    setRunning(true);
  } catch (error) {
    status.textContent = `Cannot start: ${(error as Error).message}`;
    miner = undefined;
  }
});
element('stop').addEventListener('click', () => void stop());
element('save').addEventListener('click', save);
field('threads').value = String(Math.max(1, navigator.hardwareConcurrency - 1));
setInterval(show, SHOW_MS);
