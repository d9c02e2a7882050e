// The configuration of a pool, one file for all its programs.   pool spec §11
import {parse as parseToml, TomlError} from 'smol-toml';
import {z} from 'zod';
import {CodedError, type ErrorTable} from '../../core/errors.ts';
import {annTargetForWork, isTarget} from '../../core/protocol/pool/index.ts';

export type PoolConfigErrorCode = 'bad-toml' | 'bad-pool-config';

export const POOL_CONFIG_ERRORS: ErrorTable<PoolConfigErrorCode> = Object.freeze({
  'bad-toml': {text: 'the configuration is not valid TOML'},
  'bad-pool-config': {text: 'the configuration of the pool has mistakes'},
});

export class PoolConfigError extends CodedError<PoolConfigErrorCode> {
  constructor(code: PoolConfigErrorCode, details: Readonly<Record<string, unknown>>, cause?: unknown) {
    super(code, POOL_CONFIG_ERRORS[code], details, cause);
  }
}

export interface NodeSettings {
  readonly url: string;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** File with user:password, as nodes write it. */
  readonly cookie_file?: string | undefined;
}

export interface HandlerSettings {
  /** As others reach it, with /submit. */
  readonly public_url: string;
  readonly listen: string;
  /** Where /healthz, /readyz and /metrics are. */
  readonly status_listen?: string | undefined;
  readonly threads: number;
}

export interface AnnHandlerSettings extends HandlerSettings {
  /** Announcements that may wait to be judged. */
  readonly queue_anns: number;
  readonly files_to_keep: number;
  /** Of downloads and subscriptions. */
  readonly block_miner_passwd: string;
  /** Where announcements are sprayed from, by UDP; without it they are not. */
  readonly bind_pvt?: string | undefined;
  /** These get them without subscribing. */
  readonly spray_at: readonly string[];
  /** Largest datagram. */
  readonly mss: number;
}

export interface MasterSection {
  readonly listen: string;
  readonly status_listen?: string | undefined;
  /** Hashes that an announcement takes at least; or the same as a compact target. */
  readonly ann_work?: number | undefined;
  readonly ann_target?: number | undefined;
  readonly share_work_divisor: number;
  readonly ann_versions: readonly number[];
  readonly mine_old_anns: number;
  readonly poll_ms: number;
}

/** Settings of the paymaker under their own names (readPaymakerSettings), and what only this program needs. */
export type PaymakerSection = {
  readonly listen: string;
  readonly status_listen?: string | undefined;
  /** postgresql://… of its ledger; in a file of its folder where there is none. */
  readonly ledger?: string | undefined;
  /** Its first line is the password of the ledger. */
  readonly ledger_password_file?: string | undefined;
} & Readonly<Record<string, unknown>>;

/** The whole file. Handlers stand in the order of their numbers. */
export interface PoolSettings {
  readonly network: 'pkt' | 'pkttest' | 'pktreg';
  readonly root_workdir: string;
  readonly master_url: string;
  /** Further masters that hand out the same. */
  readonly standby_urls: readonly string[];
  readonly paymaker_url: string;
  readonly paymaker_http_password: string;
  /** Servers of NATS through which events go to the paymaker; over HTTP where there are none. */
  readonly events: readonly string[];
  /** File with what handlers and paymaker show these servers. */
  readonly events_credentials?: string | undefined;
  /** File with certificates of those who sign the servers'. */
  readonly events_ca?: string | undefined;
  readonly events_stream: string;
  readonly private_seed?: string | undefined;
  /** How long events and announcements gather in a handler until they are passed on. */
  readonly gather_ms?: number | undefined;
  /** The first is preferred. */
  readonly nodes: readonly NodeSettings[];
  readonly master: MasterSection;
  readonly ann_handler: Readonly<Record<string, AnnHandlerSettings>>;
  readonly blk_handler: Readonly<Record<string, HandlerSettings>>;
  readonly paymaker?: PaymakerSection | undefined;
}

const URL_TEXT = z
  .string()
  .regex(
    /^https?:\/\/[^\s/?#]+[^\s?#]*[^/\s?#]$/,
    'expected an address like http://host:port, without slash at the end',
  );
const LISTEN = z.string().regex(/^(\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):\d{1,5}$/, 'expected HOST:PORT');
const NATS_URL = z
  .string()
  .regex(
    /^(nats|tls):\/\/[^\s/@]+$/,
    'expected an address like nats://host:4222; credentials stand in a file of their own',
  );
const SECRET = z.string().min(1).max(500);

const NODE = z.strictObject({
  url: URL_TEXT,
  user: SECRET.optional(),
  password: SECRET.optional(),
  /** File with user:password, as nodes write it. */
  cookie_file: z.string().optional(),
});

const HANDLER = z.strictObject({
  /** As others reach it, with /submit. */
  public_url: URL_TEXT,
  listen: LISTEN,
  /** Where /healthz, /readyz and /metrics are. */
  status_listen: LISTEN.optional(),
});

/** Every key there is, with its limits; [paymaker] has those of PAYMAKER_SCHEMA as well. */
export const POOL_CONFIG_SCHEMA: z.ZodType<PoolSettings> = z.strictObject({
  network: z.enum(['pkt', 'pkttest', 'pktreg']).default('pkt'),
  root_workdir: z.string().min(1),
  master_url: URL_TEXT,
  /** Further masters that hand out the same. */
  standby_urls: z.array(URL_TEXT).default([]),
  paymaker_url: URL_TEXT,
  paymaker_http_password: SECRET,
  events: z.union([z.array(NATS_URL).min(1), NATS_URL.transform((url) => [url])]).default([]),
  events_credentials: z.string().optional(),
  events_ca: z.string().optional(),
  events_stream: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,50}$/)
    .default('PKT_EVENTS'),
  private_seed: SECRET.optional(),
  /** How long events and announcements gather in a handler until they are passed on. */
  gather_ms: z.int().min(10).max(600_000).optional(),
  /** The first is preferred. */
  nodes: z.array(NODE).min(1),
  master: z
    .strictObject({
      listen: LISTEN,
      status_listen: LISTEN.optional(),
      /** Hashes that an announcement takes at least. */
      ann_work: z
        .number()
        .min(1)
        .max(2 ** 40)
        .optional(),
      /** The same as a compact target. */
      ann_target: z.int().refine(isTarget, 'expected a compact target').optional(),
      share_work_divisor: z.number().min(0.000_001).max(1e9).default(64),
      ann_versions: z.array(z.int().min(0).max(255)).min(1).default([1]),
      mine_old_anns: z.int().min(0).max(5).default(2),
      poll_ms: z.int().min(50).max(60_000).default(500),
    })
    .refine(({ann_work, ann_target}) => (ann_work === undefined) !== (ann_target === undefined), {
      error: 'give ann_work or ann_target, one of them',
    }),
  ann_handler: z
    .record(
      z.string().regex(/^[A-Za-z0-9_-]{1,50}$/),
      HANDLER.extend({
        threads: z.int().min(1).max(63).default(1),
        /** Announcements that may wait to be judged. */
        queue_anns: z.int().min(1024).max(10_000_000).default(65_536),
        files_to_keep: z.int().min(1).max(100_000).default(500),
        block_miner_passwd: z.string().max(500).default(''),
        bind_pvt: LISTEN.optional(),
        spray_at: z.array(LISTEN).max(64).default([]),
        mss: z.int().min(1032).max(65_016).default(1472),
      }),
    )
    .default({}),
  blk_handler: z
    .record(z.string().regex(/^[A-Za-z0-9_-]{1,50}$/), HANDLER.extend({threads: z.int().min(1).max(63).default(1)}))
    .default({}),
  paymaker: z
    .looseObject({
      listen: LISTEN,
      status_listen: LISTEN.optional(),
      ledger: z
        .string()
        .regex(/^postgres(ql)?:\/\//, 'expected an address like postgresql://user@host:5432/database')
        .optional(),
      ledger_password_file: z.string().optional(),
    })
    .optional(),
});

/** Reads a configuration. Throws PoolConfigError, which names all mistakes at once. */
export function readPoolSettings(text: string): PoolSettings {
  let parsed: unknown;
  try {
    parsed = parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw new PoolConfigError('bad-toml', {line: error.line, reason: error.message.split('\n')[0]}, error);
  }
  const result = POOL_CONFIG_SCHEMA.safeParse(parsed);
  if (!result.success) {
    const mistakes = result.error.issues.map(({path, message}) => `${path.join('.') || 'file'}: ${message}`);
    throw new PoolConfigError('bad-pool-config', {mistakes: mistakes.join('; ')}, result.error);
  }
  return result.data;
}

/** The compact target of announcements. */
export function annTargetOf({master: {ann_work, ann_target}}: PoolSettings): number {
  return ann_target ?? annTargetForWork(ann_work!);
}
