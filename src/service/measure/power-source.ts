// Where the machine has its power from.
import {readdir, readFile} from 'node:fs/promises';
import {join} from 'node:path';

/** 'unknown' where the system does not tell. */
export type PowerSource = 'mains' | 'battery' | 'unknown';

const LINUX_FOLDER = '/sys/class/power_supply';

async function readWord(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim().toLowerCase();
  } catch {
    return undefined;
  }
}

/**
 * Reads the power supplies that Linux lists: a battery that is being emptied means battery, unless mains are connected. A battery of
 * a mouse or a keyboard (scope "device") does not count.
 */
export async function readPowerSource(folder: string = LINUX_FOLDER): Promise<PowerSource> {
  const names = await readdir(folder).catch((): string[] => []);
  const supplies = await Promise.all(
    names.map(async (name) => {
      const [type, online, status, scope] = await Promise.all(
        ['type', 'online', 'status', 'scope'].map((file) => readWord(join(folder, name, file))),
      );
      return {type, online, status, scope};
    }),
  );
  const own = supplies.filter(({scope}) => scope !== 'device');
  if (own.some(({type, online}) => type !== 'battery' && online === '1')) return 'mains';
  const batteries = own.filter(({type}) => type === 'battery');
  if (batteries.some(({status}) => status === 'discharging')) return 'battery';
  return batteries.length > 0 || own.some(({type}) => type === 'mains') ? 'mains' : 'unknown';
}
