// Mines some announcements on two threads and judges them.
import {AnnouncementMiner, AnnouncementValidator} from 'pktstack/engines';
import {spawnNodeThread} from 'pktstack/node-threads';

const engine = {threads: 2, spawn: spawnNodeThread, now: () => performance.now()};
const parentHash = new Uint8Array(32).fill(7);

const first = await new Promise((resolve) => {
  const miner = new AnnouncementMiner({
    ...engine,
    firstHardNonce: 0,
    onFound: async (anns) => {
      resolve(anns);
      await miner.close();
    },
  });
  miner.start({parentHash, parentBlockHeight: 200_000, workBits: 0x207fffff});
});

const validator = new AnnouncementValidator(engine);
const verdicts = await validator.validate(first, parentHash);
console.log(`${verdicts.filter(({verdict}) => verdict === 'OK').length} of ${verdicts.length} are valid`);
await validator.close();
