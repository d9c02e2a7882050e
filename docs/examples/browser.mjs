// The same engine over Web Workers. Bundle this file, and put dist/web/ of the package beside it as pktstack/.
import {AnnouncementMiner} from 'pktstack/engines';
import {webThreads} from 'pktstack/web-threads';

let count = 0;
const miner = new AnnouncementMiner({
  threads: navigator.hardwareConcurrency,
  spawn: webThreads(new URL('./pktstack/thread.js', document.baseURI)),
  now: () => performance.now(),
  firstHardNonce: crypto.getRandomValues(new Uint32Array(1))[0],
  onFound: (anns) => {
    count += anns.length / 1024;
    document.title = `${count} announcements`;
  },
});
miner.start({parentHash: new Uint8Array(32).fill(7), parentBlockHeight: 200_000, workBits: 0x207fffff});
