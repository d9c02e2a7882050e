// A paymaker in a process of its own, to be killed: `node paymaker-process.js DIR NOW_MS SETTINGS LEDGER`; writes its port. LEDGER is
// empty for a file in the folder.
import {Paymaker} from '../../src/apps/pool/paymaker/paymaker.ts';
import {PaymakerServer} from '../../src/apps/pool/paymaker/paymaker-server.ts';
import {openPostgres} from '../../src/apps/pool/paymaker/postgres.ts';
import {readPaymakerSettings} from '../../src/apps/pool/paymaker/settings.ts';
import {openSqlite} from '../../src/apps/pool/paymaker/sqlite.ts';
import {PKTREG} from '../../src/core/params/index.ts';
import {NO_LOG} from '../../src/service/logs/log.ts';

const [dir, now, json, url] = process.argv.slice(2) as [string, string, string, string];
const nowMs = (): number => Number(now);
const settings = readPaymakerSettings(JSON.parse(json), PKTREG);
const sql = url === '' ? await openSqlite(dir) : await openPostgres({url, log: NO_LOG});
const paymaker = await Paymaker.open({dir, network: PKTREG, settings, nowMs, log: NO_LOG, sql});
const server = new PaymakerServer({paymaker, nowMs, log: NO_LOG});
const {port} = await server.listen('127.0.0.1', 0);
console.log(port);
