import {createHash} from 'node:crypto';

const BLOCK: Buffer = Buffer.alloc(65536, 7);

/**
 * Speed of this machine: OpenSSL's BLAKE2b-512 over blocks of 64 KiB, MB per CPU second of this process. A rate divided by it
 * can be compared between machines.
 */
export function yardstick(seconds: number): number {
  const begun = process.cpuUsage();
  let blocks = 0;
  let used = 0;
  while (used < seconds * 1e6) {
    for (let i = 0; i < 64; i++) createHash('blake2b512').update(BLOCK).digest();
    blocks += 64;
    const {user, system} = process.cpuUsage(begun);
    used = user + system;
  }
  return (blocks * BLOCK.length) / used;
}
