// The pool.toml of existing announcement handlers, read as it is: their keys become ours.   pool spec §11.2
const POST_ANNS = 1024;
const MAX_THREADS = 63;

type Section = Readonly<Record<string, unknown>>;

/** What is wrong with a value, and where it stands. */
export interface Mistake {
  readonly path: readonly PropertyKey[];
  readonly text: string;
}

/** Keys of existing handlers that ours have under another name, or do not need. */
export const EXISTING_KEYS: readonly string[] = Object.freeze([
  'bind_pub',
  'num_workers',
  'input_queue_len',
  'skip_check_chance',
  'spray_workers',
  'subscribe_to',
]);

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1;
}

/** What becomes of each key: the fields that stand for it, or what is wrong with it. */
const MEANINGS: Readonly<Record<string, (value: unknown) => Section | string>> = {
  bind_pub: (value) => ({listen: value}),
  num_workers: (value) =>
    isCount(value) ? {threads: Math.min(MAX_THREADS, value)} : 'expected how many threads check announcements',
  // Theirs counts posts, ours announcements.
  input_queue_len: (value) =>
    isCount(value) ? {queue_anns: POST_ANNS * value} : 'expected how many posts may wait, for example 256',
  // Here everything is checked: a handler that is known to skip is paid for nothing.
  skip_check_chance: (value) =>
    typeof value === 'number' && value >= 0 && value <= 1 ? {} : 'expected a number from 0 to 1',
  spray_workers: (value) => (isCount(value) ? {} : 'expected a whole number'),
  subscribe_to: (value) =>
    Array.isArray(value) && value.length === 0
      ? {}
      : 'announcement handlers subscribe to nobody; run "pkt sprayer" for that and leave this list empty',
};

/** A section of an announcement handler in our words; `path` is where it stands. */
export function translateHandler(section: Section, path: readonly PropertyKey[], mistakes: Mistake[]): Section {
  const own: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(section)) {
    const meaning = EXISTING_KEYS.includes(key) ? MEANINGS[key]!(value) : {[key]: value};
    if (typeof meaning === 'string') {
      mistakes.push({path: [...path, key], text: meaning});
      continue;
    }
    for (const [name, translated] of Object.entries(meaning)) {
      if (Object.hasOwn(own, name))
        mistakes.push({path: [...path, key], text: `says the same as ${name}; give one of them`});
      own[name] = translated;
    }
  }
  return own;
}
