// What operators see of the programs of a pool. Healthy: every /readyz is 200, pkt_ann_handler_overloaded_total and
// pkt_*_events_waiting_files stand still, pkt_block_handler_blocks_waiting and pkt_paymaker_paying are 0 and 1.
import type {AnnouncementValidator} from '../../core/engines/index.ts';
import type {StatusServerOptions} from '../../service/http/status-server.ts';
import {MetricSet} from '../../service/measure/metric-set.ts';
import type {EventLog} from '../../service/pool/event-log.ts';
import type {AnnHandler} from './ann-handler/ann-handler.ts';
import type {BlockHandler} from './block-handler/block-handler.ts';
import type {BlockSubmitter} from './block-handler/block-submitter.ts';
import type {Master} from './master/master.ts';
import type {MasterServer} from './master/master-server.ts';
import type {NatsIntake} from './paymaker/nats-intake.ts';
import type {Paymaker} from './paymaker/paymaker.ts';
import type {PayoutSender} from './paymaker/payout-sender.ts';

type Status = StatusServerOptions;

function readyUnless(reason: string | undefined): {ready: boolean; reason?: string} {
  return reason === undefined ? {ready: true} : {ready: false, reason};
}

export function masterStatus(master: Master, server: MasterServer): Status {
  const metrics = new MetricSet('pkt_master');
  metrics.gauge('height', 'Height of the block that is mined now', () => master.published?.height ?? 0);
  metrics.gauge('waiting_polls', 'Callers who wait for new work', () => server.waiting);
  metrics.gauge('healthy', '1 while the node gives templates', () => (master.reason === '' ? 1 : 0));
  const readiness = (): ReturnType<Status['readiness']> =>
    readyUnless(master.published === undefined || master.reason !== '' ? master.reason : undefined);
  return {metrics: metrics.registry, readiness};
}

export function annHandlerStatus(handler: AnnHandler, validator: AnnouncementValidator, events: EventLog): Status {
  const metrics = new MetricSet('pkt_ann_handler');
  const {counts} = handler;
  metrics.counter('accepted', 'Announcements taken', () => counts.accepted);
  metrics.counter('duplicates', 'Announcements that were known already', () => counts.dup);
  metrics.counter('refused', 'Announcements that are not valid', () => counts.inval);
  metrics.counter('overloaded', 'Announcements refused for want of time', () => counts.overloaded);
  metrics.counter('posts', 'Posts of miners', () => counts.posts);
  metrics.gauge('queue', 'Announcements that wait to be judged', () => validator.waiting);
  metrics.gauge('delay_seconds', 'How long a post that came now would wait', () => handler.delayMs / 1000);
  metrics.gauge('events_waiting_files', 'Files of events that wait for the paymaker', () => events.waitingFiles);
  const readiness = (): ReturnType<Status['readiness']> =>
    readyUnless(handler.isReady ? undefined : 'the master has not been heard, or its list lacks this handler');
  return {metrics: metrics.registry, readiness};
}

export function blockHandlerStatus(handler: BlockHandler, submitter: BlockSubmitter, events: EventLog): Status {
  const metrics = new MetricSet('pkt_block_handler');
  metrics.counter('shares', 'Shares taken', () => handler.counts.shares);
  metrics.counter('blocks', 'Shares that were blocks', () => handler.counts.blocks);
  metrics.counter('refused', 'Uploads refused', () => handler.counts.refused);
  metrics.counter('duplicates', 'Uploads that were known already', () => handler.counts.duplicates);
  metrics.gauge('blocks_waiting', 'Blocks that no node has answered yet', () => submitter.waiting);
  metrics.gauge('events_waiting_files', 'Files of events that wait for the paymaker', () => events.waitingFiles);
  const readiness = (): ReturnType<Status['readiness']> =>
    readyUnless(handler.isReady ? undefined : 'the master has not been heard');
  return {metrics: metrics.registry, readiness};
}

/** intake: of a stream, where events come from one. */
export function paymakerStatus(paymaker: Paymaker, sender: PayoutSender, intake?: NatsIntake): Status {
  const metrics = new MetricSet('pkt_paymaker');
  metrics.gauge('paying', '1 while the node pays a fresh map', () => (sender.state === 'paying' ? 1 : 0));
  metrics.counter('resent', 'Times that the node had lost the map', () => sender.resent);
  metrics.gauge('blocks', 'Blocks of the history', () => paymaker.counts.blocks);
  metrics.gauge('shares', 'Shares of the history', () => paymaker.counts.shares);
  if (intake !== undefined) {
    const {counts} = intake;
    metrics.counter('messages', 'Messages of the stream that were credited', () => counts.taken);
    metrics.counter('messages_refused', 'Messages that no handler has made', () => counts.refused);
    metrics.counter('messages_deferred', 'Messages that could not be credited and come again', () => counts.deferred);
  }
  // One that was never told of any work is ready for it.
  const isPaying = (): boolean =>
    sender.state === 'paying' || sender.state === 'unused' || paymaker.settings.updateCycle === 0;
  const readiness = (): ReturnType<Status['readiness']> =>
    readyUnless(isPaying() ? undefined : `the node is not paying a fresh map: ${sender.state}`);
  return {metrics: metrics.registry, readiness};
}
