/** Parts of a dotted key, quotes taken away. */
function partsOf(key: string): string[] {
  return [...key.matchAll(/"([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+)/g)].map((found) => found[1] ?? found[2] ?? found[3]!);
}

/**
 * Where a key stands in a text that has been read as TOML: the line of it, else of the innermost section that should have it; counted
 * from 1, undefined for the file as a whole. Keys within a value of several lines are not told apart from it.
 */
export function lineOf(text: string, path: readonly PropertyKey[]): number | undefined {
  const wanted = path.map(String);
  let best = 0;
  let line: number | undefined;
  let section: string[] = [];
  const tables = new Map<string, number>();
  for (const [i, row] of text.split('\n').entries()) {
    const [, array, table] = /^\s*\[(\[?)\s*([^\]]+?)\s*\]/.exec(row) ?? [];
    const [, key] = /^\s*([A-Za-z0-9_."' -]+?)\s*=/.exec(row) ?? [];
    let here: string[];
    if (table !== undefined) {
      const parts = partsOf(table);
      const number = tables.get(table) ?? 0;
      tables.set(table, number + 1);
      section = array === '[' ? [...parts, String(number)] : parts;
      here = section;
    } else if (key !== undefined) here = [...section, ...partsOf(key)];
    else continue;
    if (here.length > best && here.every((part, k) => part === wanted[k])) {
      best = here.length;
      line = i + 1;
    }
  }
  return line;
}
