/** How much passes for less than the minimum fee: 15,000 bytes a minute, over a window of about ten. */
const WINDOW_SECONDS = 600;
const MAX_WINDOW_BYTES = 150_000;

export class FreeLimit {
  #bytes = 0;
  #updatedMs = 0;

  /** Takes `bytes` if the limit allows it. */
  take(bytes: number, nowMs: number): boolean {
    const passed = Math.max(0, Math.floor((nowMs - this.#updatedMs) / 1000));
    if (passed > 0) {
      this.#bytes *= (1 - 1 / WINDOW_SECONDS) ** passed;
      this.#updatedMs = nowMs;
    }
    if (this.#bytes >= MAX_WINDOW_BYTES) return false;
    this.#bytes += bytes;
    return true;
  }
}
