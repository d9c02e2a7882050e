// The configuration of a pool, one file for all its programs.   pool spec §11
import {parse as parseToml, TomlError} from 'smol-toml';
import {z} from 'zod';
import {CodedError, type ErrorTable} from '../../core/errors.ts';
import {annTargetForWork, isTarget} from '../../core/protocol/pool/index.ts';
import {EXISTING_KEYS, type Mistake, translateHandler} from './existing-config.ts';
import {lineOf} from './toml-lines.ts';

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

/**
 * The whole file. Handlers stand in the order of their numbers. The file of an existing announcement handler has neither nodes nor
 * master nor address of the paymaker, which it learns from the master.
 */
export interface PoolSettings {
  readonly network: 'pkt' | 'pkttest' | 'pktreg';
  readonly root_workdir: string;
  readonly master_url: string;
  /** Further masters that hand out the same. */
  readonly standby_urls: readonly string[];
  readonly paymaker_url?: string | undefined;
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
  readonly master?: MasterSection | undefined;
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
const LISTEN = z
  .string()
  .regex(/^(\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):\d{1,5}$/, 'expected HOST:PORT')
  .refine((text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= 0xffff, 'expected a port of at most 65535');
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
  public_url: URL_TEXT.refine((url) => url.endsWith('/submit'), 'expected an address that ends with /submit'),
  listen: LISTEN,
  /** Where /healthz, /readyz and /metrics are. */
  status_listen: LISTEN.optional(),
});

const MASTER = z.strictObject({
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
});

const ANN_HANDLER = HANDLER.extend({
  threads: z.int().min(1).max(63).default(1),
  /** Announcements that may wait to be judged. */
  queue_anns: z.int().min(1024).max(10_000_000).default(65_536),
  files_to_keep: z.int().min(1).max(100_000).default(500),
  block_miner_passwd: z.string().max(500).default(''),
  bind_pvt: LISTEN.optional(),
  spray_at: z.array(LISTEN).max(64).default([]),
  mss: z.int().min(1032).max(65_016).default(1472),
});

const BLOCK_HANDLER = HANDLER.extend({threads: z.int().min(1).max(63).default(1)});

const SCHEMA = z.strictObject({
  network: z.enum(['pkt', 'pkttest', 'pktreg']).default('pkt'),
  root_workdir: z.string().min(1),
  master_url: URL_TEXT,
  /** Further masters that hand out the same. */
  standby_urls: z.array(URL_TEXT).default([]),
  paymaker_url: URL_TEXT.optional(),
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
  nodes: z.array(NODE).default([]),
  master: MASTER.refine(({ann_work, ann_target}) => (ann_work === undefined) !== (ann_target === undefined), {
    error: 'give ann_work or ann_target, one of them',
  }).optional(),
  ann_handler: z.record(z.string().regex(/^[A-Za-z0-9_-]{1,50}$/), ANN_HANDLER).default({}),
  blk_handler: z.record(z.string().regex(/^[A-Za-z0-9_-]{1,50}$/), BLOCK_HANDLER).default({}),
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

/** Every key there is, with its limits; [paymaker] has those of PAYMAKER_SCHEMA as well. */
export const POOL_CONFIG_SCHEMA: z.ZodType<PoolSettings> = SCHEMA;

/** What may stand where a key is unknown. */
function knownKeys([first]: readonly PropertyKey[]): readonly string[] {
  if (first === 'master') return Object.keys(MASTER.shape);
  if (first === 'ann_handler') return [...Object.keys(ANN_HANDLER.shape), ...EXISTING_KEYS];
  if (first === 'blk_handler') return Object.keys(BLOCK_HANDLER.shape);
  return Object.keys(first === 'nodes' ? NODE.shape : SCHEMA.shape);
}

function mistakesOf({issues}: z.ZodError): Mistake[] {
  return issues.flatMap((issue): Mistake[] => {
    const {path, message} = issue;
    if (issue.code !== 'unrecognized_keys') {
      return [{path, text: message.endsWith('received undefined') ? 'is missing' : message}];
    }
    const known = knownKeys(path).join(', ');
    return issue.keys.map((key) => ({path: [...path, key], text: `is not known; known here are ${known}`}));
  });
}

/** The file of a whole pool needs what that of announcement handlers alone does not. */
function missingOf(file: Fields): Mistake[] {
  const isHandlersOnly = ['master', 'nodes', 'blk_handler', 'paymaker', 'paymaker_url'].every((key) => !(key in file));
  if (isHandlersOnly && 'ann_handler' in file) return [];
  return ['master', 'nodes', 'paymaker_url']
    .filter((key) => !(key in file) || (Array.isArray(file[key]) && file[key].length === 0))
    .map((key) => ({path: [key], text: 'is missing'}));
}

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Sections of announcement handlers in our words. */
function translated(file: Fields, mistakes: Mistake[]): Fields {
  const {ann_handler: handlers} = file;
  if (!isFields(handlers)) return file;
  const own = Object.entries(handlers).map(([name, section]) => [
    name,
    isFields(section) ? translateHandler(section, ['ann_handler', name], mistakes) : section,
  ]);
  return {...file, ann_handler: Object.fromEntries(own)};
}

/** Reads a configuration. Throws PoolConfigError, which names all mistakes at once, each with its line. */
export function readPoolSettings(text: string): PoolSettings {
  let parsed: Fields;
  try {
    parsed = parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw new PoolConfigError('bad-toml', {line: error.line, reason: error.message.split('\n')[0]}, error);
  }
  const mistakes = missingOf(parsed);
  const result = SCHEMA.safeParse(translated(parsed, mistakes));
  if (!result.success) mistakes.push(...mistakesOf(result.error));
  if (result.success && mistakes.length === 0) return result.data;
  const told = mistakes.map(({path, text: what}) => {
    const line = lineOf(text, path);
    return `${line === undefined ? '' : `line ${line}: `}${path.join('.') || 'file'}: ${what}`;
  });
  throw new PoolConfigError('bad-pool-config', {mistakes: told.join('; ')}, result.error);
}

/** The compact target of announcements. */
export function annTargetOf({ann_work, ann_target}: MasterSection): number {
  return ann_target ?? annTargetForWork(ann_work!);
}
