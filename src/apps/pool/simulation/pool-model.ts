// What becomes of a pool when it has more and more miners: a simulation in small steps of time.
//
// Miners gather announcements and post them to every handler. A post waits for the network of the handler, then in its queue, then it
// is judged; a full queue, too many posts at once or too many connections refuse it, and one that waits too long is given up. What was
// taken goes out to every block miner, and to the paymaker as one event. New work is waited for by everyone and handed out at once.

/** Sizes of a pool and of its miners. Rates are per second, links in Mbit/s and each way. */
export interface PoolPlan {
  readonly miners: number;
  /** Announcements that one miner finds. */
  readonly minerAnns: number;
  readonly minerMbit: number;
  readonly annHandlers: number;
  /** Announcements that one handler can judge. */
  readonly handlerAnns: number;
  readonly handlerMbit: number;
  readonly blockMiners: number;
  /** True where an HTTP cache hands the files of announcements to block miners. */
  readonly cached: boolean;
  readonly masters: number;
  /** Callers whom one master answers per second. */
  readonly masterAnswers: number;
  /** Events that the paymaker takes. */
  readonly paymakerEvents: number;
}

/** What limits a pool. */
export type Limit = 'judging' | 'handler network' | 'miner network' | 'connections' | 'paymaker' | 'master';

export interface PoolOutcome {
  readonly miners: number;
  readonly found: number;
  /** Announcements taken, and the part of those found that they are. */
  readonly taken: number;
  readonly takenPart: number;
  /** At all handlers together. */
  readonly inMbit: number;
  readonly outMbit: number;
  /** Part of the taken ones that block miners can fetch. */
  readonly fetchedPart: number;
  /** Handlers of this kind that would do. */
  readonly handlersNeeded: number;
  readonly postsPerSecond: number;
  /** Of answered posts. */
  readonly p50Seconds: number;
  readonly p99Seconds: number;
  /** How far the paymaker is behind at the end. */
  readonly paymakerLagSeconds: number;
  /** Until the last miner has new work. */
  readonly newWorkSeconds: number;
  /** How much of each there is to what there could be: above 1 it does not suffice. */
  readonly load: Readonly<Record<Limit, number>>;
  /** What gives way first; undefined while nothing does. */
  readonly limit: Limit | undefined;
}

const BATCH_ANNS = 1024;
/** A miner sends what it has after so long. */
const GATHER_SECONDS = 10;
const GIVE_UP_SECONDS = 30;
const QUEUE_ANNS = 65_536;
/** Limits of our servers. */
const MAX_POSTS = 256;
const MAX_CONNECTIONS = 10_000;
const MAX_POLLS = 20_000;
/** An announcement with its share of headers. */
const ANN_BITS = 8192 * 1.01;
const STEP = 0.05;
const WARM_UP = 40;
const MEASURED = 120;
/** Parts below this are lost to chance. */
const WHOLE = 0.995;

/** Seeded, so that the same plan has the same outcome. */
export function createRandom(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
}

/** How many of many independent things happen when `mean` do on average. */
function poisson(mean: number, random: () => number): number {
  if (mean > 50) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(random)));
  const end = Math.exp(-mean);
  let count = -1;
  for (let product = 1; product > end; product *= random()) count++;
  return Math.max(0, count);
}

interface Posts {
  /** Announcements of one post, and posts of all miners to one handler per second. */
  readonly anns: number;
  readonly perSecond: number;
}

function postsOf({miners, annHandlers}: PoolPlan, annsPerMiner: number): Posts {
  const perHandler = annsPerMiner / annHandlers;
  const seconds = Math.min(GATHER_SECONDS, BATCH_ANNS / perHandler);
  return {anns: perHandler * seconds, perSecond: miners / seconds};
}

/** One announcement handler. */
class Handler {
  readonly #plan: PoolPlan;
  readonly #posts: Posts;
  readonly #transferSeconds: number;
  /** Bits that wait for the network, announcements that wait to be judged. */
  #bits = 0;
  #anns = 0;
  arrivedPosts = 0;
  taken = 0;
  takenPosts = 0;
  /** Seconds that answered posts took, and how many. */
  readonly delays: {readonly seconds: number; readonly posts: number}[] = [];

  constructor(plan: PoolPlan, posts: Posts) {
    this.#plan = plan;
    this.#posts = posts;
    this.#transferSeconds = (posts.anns * ANN_BITS) / (plan.minerMbit * 1e6);
  }

  /** A post is read before it is judged or refused, so that both cost the network alike. */
  step(arrived: number, measured: boolean): void {
    const {handlerMbit, handlerAnns} = this.#plan;
    const {anns} = this.#posts;
    const bitsPerSecond = handlerMbit * 1e6;
    this.#bits = Math.min(this.#bits + arrived * anns * ANN_BITS, GIVE_UP_SECONDS * bitsPerSecond);
    const through = Math.min(this.#bits, bitsPerSecond * STEP);
    this.#bits -= through;
    const places = Math.min(QUEUE_ANNS, MAX_POSTS * anns) + handlerAnns * STEP;
    const accepted = Math.min(through / ANN_BITS, Math.max(0, places - this.#anns));
    this.#anns += accepted;
    const seconds = this.#transferSeconds + this.#bits / bitsPerSecond + this.#anns / handlerAnns;
    const judged = Math.min(this.#anns, handlerAnns * STEP);
    this.#anns -= judged;
    if (!measured) return;
    this.arrivedPosts += arrived;
    this.taken += judged;
    this.takenPosts += judged / anns;
    if (accepted > 0) this.delays.push({seconds, posts: accepted / anns});
  }
}

function quantile(delays: readonly {readonly seconds: number; readonly posts: number}[], part: number): number {
  const sorted = [...delays].sort((a, b) => a.seconds - b.seconds);
  let left = part * sorted.reduce((sum, {posts}) => sum + posts, 0);
  for (const {seconds, posts} of sorted) {
    left -= posts;
    if (left <= 0) return seconds;
  }
  return 0;
}

/** How much each part would have to do for everything that miners find, to what it can. */
function loadOf(plan: PoolPlan, wanted: number, posts: Posts): Record<Limit, number> {
  const {miners, minerAnns, minerMbit, annHandlers, handlerAnns, handlerMbit, blockMiners, cached} = plan;
  const each = wanted / annHandlers;
  const outTimes = cached ? 1 : blockMiners;
  const callers = miners + blockMiners + annHandlers;
  return {
    judging: each / handlerAnns,
    'handler network': (Math.max(1, outTimes) * each * ANN_BITS) / (handlerMbit * 1e6),
    'miner network': (minerAnns * ANN_BITS) / (minerMbit * 1e6),
    connections: miners / MAX_CONNECTIONS,
    paymaker: (posts.perSecond * annHandlers) / plan.paymakerEvents,
    master: callers / (plan.masters * MAX_POLLS),
  };
}

/** Runs two minutes of a pool after a warm-up. */
export function simulatePool(plan: PoolPlan, seed: number = 1): PoolOutcome {
  const random = createRandom(seed);
  const {miners, annHandlers, minerAnns, minerMbit} = plan;
  // A miner whose line is full finds more than it can send.
  const sendable = Math.min(minerAnns, (minerMbit * 1e6) / ANN_BITS);
  const connected = Math.min(miners, MAX_CONNECTIONS);
  const posts = postsOf({...plan, miners: connected}, sendable);
  const handlers = Array.from({length: annHandlers}, () => new Handler(plan, posts));
  let paymakerBacklog = 0;
  for (let time = 0; time < WARM_UP + MEASURED; time += STEP) {
    const before = handlers.reduce((sum, {takenPosts}) => sum + takenPosts, 0);
    for (const handler of handlers) handler.step(poisson(posts.perSecond * STEP, random), time >= WARM_UP);
    const events = handlers.reduce((sum, {takenPosts}) => sum + takenPosts, 0) - before;
    paymakerBacklog = Math.max(0, paymakerBacklog + events - plan.paymakerEvents * STEP);
  }
  const judged = handlers.reduce((sum, handler) => sum + handler.taken, 0) / MEASURED;
  const delays = handlers.flatMap((handler) => handler.delays);
  const found = miners * minerAnns;
  const load = loadOf(plan, miners * sendable, postsOf(plan, sendable));
  const worst = (Object.entries(load) as [Limit, number][]).sort(([, a], [, b]) => b - a)[0]!;
  const callers = miners + plan.blockMiners + annHandlers;
  // Of what has arrived by chance, and of that what lines and connections let through.
  const arrived = (handlers.reduce((sum, {arrivedPosts}) => sum + arrivedPosts, 0) * posts.anns) / MEASURED;
  const lines = (sendable / minerAnns) * (connected / miners);
  const takenPart = arrived === 0 ? 1 : Math.min(1, judged / arrived) * lines;
  const taken = found * takenPart;
  const outMbit = (taken * ANN_BITS * (plan.cached ? 1 : plan.blockMiners)) / 1e6;
  return {
    miners,
    found,
    taken,
    takenPart,
    inMbit: (taken * ANN_BITS) / 1e6,
    outMbit,
    fetchedPart: Math.min(1, (plan.handlerMbit * annHandlers) / Math.max(outMbit, 1e-9)),
    handlersNeeded: Math.ceil(annHandlers * Math.max(load.judging, load['handler network'], load.connections)),
    postsPerSecond: posts.perSecond * annHandlers,
    p50Seconds: quantile(delays, 0.5),
    p99Seconds: quantile(delays, 0.99),
    paymakerLagSeconds: paymakerBacklog / plan.paymakerEvents,
    newWorkSeconds: callers / (plan.masters * plan.masterAnswers),
    load,
    limit: worst[1] > 1 || (takenPart < WHOLE && worst[1] > 0.95) ? worst[0] : undefined,
  };
}

/** Numbers of miners from 1 to `most`, four to a decade. */
export function minerCounts(most: number): number[] {
  const counts: number[] = [];
  for (let exponent = 0; ; exponent++) {
    const count = Math.round(10 ** (exponent / 4));
    if (count > most) return counts;
    if (count !== counts.at(-1)) counts.push(count);
  }
}

/** The largest number of miners up to `most` of whom nothing is lost; 0 where even one is too many. */
export function saturation(plan: PoolPlan, most: number): {readonly miners: number; readonly limit: Limit | undefined} {
  const isTooMany = (miners: number): boolean => simulatePool({...plan, miners}).limit !== undefined;
  if (!isTooMany(most)) return {miners: most, limit: undefined};
  let [low, high] = [0, most];
  while (high - low > Math.max(1, low / 100)) {
    const middle = Math.floor((low + high) / 2);
    if (isTooMany(middle)) high = middle;
    else low = middle;
  }
  return {miners: low, limit: simulatePool({...plan, miners: high}).limit};
}
