/** A heap whose items can be found, moved and removed: all in logarithmic time. Ties are in no particular order. */
export class Heap<Item> {
  readonly #isBefore: (a: Item, b: Item) => boolean;
  readonly #items: Item[] = [];
  readonly #places = new Map<Item, number>();

  constructor(isBefore: (a: Item, b: Item) => boolean) {
    this.#isBefore = isBefore;
  }

  get size(): number {
    return this.#items.length;
  }

  /** The item before which there is no other. */
  get first(): Item | undefined {
    return this.#items[0];
  }

  add(item: Item): void {
    this.#items.push(item);
    this.#places.set(item, this.#items.length - 1);
    this.#up(this.#items.length - 1);
  }

  /** Puts an item where it belongs after its order has changed. */
  moved(item: Item): void {
    const at = this.#places.get(item);
    if (at !== undefined) this.#down(this.#up(at));
  }

  delete(item: Item): void {
    const at = this.#places.get(item);
    if (at === undefined) return;
    const last = this.#items.pop()!;
    this.#places.delete(item);
    if (last === item) return;
    this.#put(last, at);
    this.#down(this.#up(at));
  }

  #put(item: Item, at: number): void {
    this.#items[at] = item;
    this.#places.set(item, at);
  }

  #up(from: number): number {
    const item = this.#items[from]!;
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!this.#isBefore(item, this.#items[above]!)) break;
      this.#put(this.#items[above]!, at);
      at = above;
    }
    this.#put(item, at);
    return at;
  }

  #down(from: number): void {
    const items = this.#items;
    const item = items[from]!;
    let at = from;
    for (;;) {
      let below = 2 * at + 1;
      if (below + 1 < items.length && this.#isBefore(items[below + 1]!, items[below]!)) below++;
      if (below >= items.length || !this.#isBefore(items[below]!, item)) break;
      this.#put(items[below]!, at);
      at = below;
    }
    this.#put(item, at);
  }
}
