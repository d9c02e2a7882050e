import {AnnouncementChecker} from '../packetcrypt/announcement/announcement-checker.ts';
import {AnnouncementKernel} from '../packetcrypt/announcement/announcement-kernel.ts';
import {CHECKER_PAGES} from '../packetcrypt/announcement/announcement-memory.ts';
import type {AnnouncementContext, AnnouncementVerdict} from '../packetcrypt/announcement/announcement-verdict.ts';
import type {ThreadContext} from './thread-port.ts';

export interface ToCheckerThread {
  readonly task: number;
  readonly anns: Uint8Array;
  /** 32 bytes for all, or 32 bytes for each. */
  readonly parentHashes: Uint8Array;
  readonly context: AnnouncementContext;
}

export interface FromCheckerThread {
  readonly task: number;
  readonly verdicts: readonly AnnouncementVerdict[];
}

/** Body of a thread that judges announcements. */
export function runCheckerThread(context: ThreadContext<ToCheckerThread, FromCheckerThread>): void {
  const checker = new AnnouncementChecker(new AnnouncementKernel(CHECKER_PAGES));
  context.onMessage(({task, anns, parentHashes, context: rules}) => {
    context.post({task, verdicts: checker.validate(anns, parentHashes, rules)});
  });
}
