// A paymaker in a process of its own, to be killed: `node paymaker-process.js DIR NOW_MS SETTINGS`; writes its port.
import {Paymaker} from '../../src/apps/pool/paymaker/paymaker.ts';
import {PaymakerServer} from '../../src/apps/pool/paymaker/paymaker-server.ts';
import {readPaymakerSettings} from '../../src/apps/pool/paymaker/settings.ts';
import {PKTREG} from '../../src/core/params/index.ts';
import {NO_LOG} from '../../src/service/logs/log.ts';

const [dir, now, json] = process.argv.slice(2) as [string, string, string];
const nowMs = (): number => Number(now);
const settings = readPaymakerSettings(JSON.parse(json), PKTREG);
const paymaker = await Paymaker.open({dir, network: PKTREG, settings, nowMs, log: NO_LOG});
const server = new PaymakerServer({paymaker, nowMs, log: NO_LOG});
const {port} = await server.listen('127.0.0.1', 0);
console.log(port);
