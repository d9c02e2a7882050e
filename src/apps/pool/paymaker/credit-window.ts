/** Credit of one address in one slot. */
interface SlotSum {
  readonly address: string;
  readonly credit: bigint;
}

/** The sums of a slot as the ledger has them. */
export type ReadSlot = (slot: number) => Promise<readonly SlotSum[]>;

/**
 * The newest slots whose credit together is not above a size, summed by address: whatever the number of events, a map costs no
 * more than its addresses. The slot before them, the boundary, is paid in part; older ones are not paid.
 */
export class CreditWindow {
  readonly #size: bigint;
  /** Credit of each slot; their numbers in order. */
  readonly #slots = new Map<number, bigint>();
  #order: number[] = [];
  readonly #addresses = new Map<string, bigint>();
  #full = 0n;
  /** Newer slots are paid in full; 0 where all are. */
  #boundary = 0;

  constructor(size: bigint) {
    this.#size = size;
  }

  /** Credits by address of the slots that are paid in full. */
  get addresses(): ReadonlyMap<string, bigint> {
    return this.#addresses;
  }

  /** The slot that is paid in part; undefined where all are paid in full. */
  get boundary(): number | undefined {
    return this.#boundary === 0 ? undefined : this.#boundary;
  }

  /** What the boundary may still be paid. */
  get left(): bigint {
    return this.#size - this.#full;
  }

  get slots(): number {
    return this.#order.length;
  }

  /** The oldest slot that is paid in full. */
  get oldestFull(): number | undefined {
    return this.#order[this.#place(this.#boundary + 1)];
  }

  /** Where a slot stands or would stand. */
  #place(slot: number): number {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#order[middle]! < slot) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #addSlot(slot: number, delta: bigint): void {
    const before = this.#slots.get(slot);
    if (before === undefined) this.#order.splice(this.#place(slot), 0, slot);
    const after = (before ?? 0n) + delta;
    this.#slots.set(slot, after);
    if (after === 0n) this.#dropSlot(slot);
  }

  #dropSlot(slot: number): void {
    this.#slots.delete(slot);
    this.#order.splice(this.#place(slot), 1);
  }

  #addAddress(address: string, delta: bigint): void {
    const after = (this.#addresses.get(address) ?? 0n) + delta;
    if (after === 0n) this.#addresses.delete(address);
    else this.#addresses.set(address, after);
    this.#full += delta;
  }

  /** delta: negative where credit was taken back. */
  add(slot: number, address: string, delta: bigint): void {
    if (delta === 0n) return;
    this.#addSlot(slot, delta);
    if (slot > this.#boundary) this.#addAddress(address, delta);
  }

  /** Begins anew with the credits of all slots; `settle` reads the rest. */
  reset(slots: ReadonlyMap<number, bigint>): void {
    this.#slots.clear();
    this.#addresses.clear();
    this.#full = 0n;
    for (const [slot, credit] of slots) if (credit > 0n) this.#slots.set(slot, credit);
    this.#order = [...this.#slots.keys()].sort((a, b) => a - b);
    this.#boundary = this.#order.at(-1) ?? 0;
  }

  /** Moves the boundary to where it belongs. What is thrown while reading leaves the sums as they were. */
  async settle(readSlot: ReadSlot): Promise<void> {
    while (this.#full > this.#size) {
      const slot = this.oldestFull!;
      const sums = await readSlot(slot);
      for (const {address, credit} of sums) this.#addAddress(address, -credit);
      this.#boundary = slot;
    }
    while (this.#boundary > 0) {
      const place = this.#place(this.#boundary);
      const isThere = this.#order[place] === this.#boundary;
      const credit = isThere ? this.#slots.get(this.#boundary)! : 0n;
      if (this.#full + credit > this.#size) return;
      const sums = isThere ? await readSlot(this.#boundary) : [];
      for (const sum of sums) this.#addAddress(sum.address, sum.credit);
      this.#boundary = this.#order[place - 1] ?? 0;
    }
  }

  /** Drops slots that the ledger is about to forget; before it does. */
  async forgetBelow(slot: number, readSlot: ReadSlot): Promise<void> {
    while (this.#order.length > 0 && this.#order[0]! < slot) {
      const oldest = this.#order[0]!;
      if (oldest > this.#boundary) {
        for (const {address, credit} of await readSlot(oldest)) this.#addAddress(address, -credit);
      }
      this.#dropSlot(oldest);
    }
    if (this.#boundary < slot) this.#boundary = 0;
  }
}
