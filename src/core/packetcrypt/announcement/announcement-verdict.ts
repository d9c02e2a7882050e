// What judging an announcement takes beside its bytes, and what comes out.   spec §7
import type {AnnErrorCode} from '../errors.ts';
import type {Profile} from '../profile.ts';

export interface AnnouncementVerdict {
  readonly verdict: 'OK' | AnnErrorCode;
  /** 32 bytes, for a valid announcement. */
  readonly workHash?: Uint8Array;
}

/** Where an announcement is judged. Without proof version and height the rules about them are not applied. */
export interface AnnouncementContext {
  readonly profile?: Profile;
  /** Version of the block proof the announcement stands in: from 2 on no announcements of version 0. */
  readonly proofVersion?: number | bigint;
  /** Lowest parent height of announcements of version 1 and up; 103869 in the main network. */
  readonly firstVersion1Parent?: number;
}

/** Judges an announcement of 1024 bytes whose parent block has the given hash (32 bytes, internal byte order). */
export type AnnouncementJudge = (
  ann: Uint8Array,
  parentHash: Uint8Array,
  context?: AnnouncementContext,
) => AnnouncementVerdict;
