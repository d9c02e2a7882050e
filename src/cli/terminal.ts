/** Without a terminal a progress line is written only this often. */
const PLAIN_MS = 5000;
const LIVE_MS = 200;

/** A stream that may be a terminal. */
type ScreenStream = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

/** Where a command writes: results to stdout, everything else to stderr. */
export class Terminal {
  readonly #stdout: NodeJS.WritableStream;
  readonly #stderr: ScreenStream;
  /** Live lines on the screen, with the cursor behind the last one. */
  #liveLines = 0;
  #liveText = '';
  #plainAt = performance.now();

  constructor(stdout: NodeJS.WritableStream, stderr: ScreenStream) {
    this.#stdout = stdout;
    this.#stderr = stderr;
  }

  /** A line of result; resolves when the reader has room for more. */
  async print(line: string): Promise<void> {
    this.#clear();
    if (this.#stdout.write(`${line}\n`)) return;
    await new Promise<void>((resolve) => {
      this.#stdout.once('drain', resolve);
    });
  }

  /** A line for the person who watches. */
  note(line: string): void {
    this.#clear();
    this.#stderr.write(`${line}\n`);
  }

  /** Shows how far the work is until the returned function is called: one live line, or plain ones now and then. */
  watch(describe: () => string): () => void {
    return this.watchLines(() => [describe()], describe);
  }

  /** The same with several live lines. plain: what stands for them where lines cannot be replaced. */
  watchLines(describe: () => readonly string[], plain: () => string): () => void {
    const timer = setInterval(() => this.#progress(describe, plain), LIVE_MS);
    return () => {
      clearInterval(timer);
      this.#clear();
    };
  }

  #progress(describe: () => readonly string[], plain: () => string): void {
    if (this.#stderr.isTTY === true) {
      // A terminal that does not know its size says 0.
      const width = Math.max(20, (this.#stderr.columns || 80) - 1);
      const height = Math.max(1, (this.#stderr.rows || 24) - 1);
      const lines = describe().slice(0, height);
      const text = lines.map((line) => line.slice(0, width)).join('\n');
      if (this.#liveLines > 0 && text === this.#liveText) return;
      this.#clear();
      this.#stderr.write(text);
      this.#liveText = text;
      this.#liveLines = lines.length;
    } else if (performance.now() - this.#plainAt >= PLAIN_MS) {
      this.#plainAt = performance.now();
      this.#stderr.write(`${plain()}\n`);
    }
  }

  #clear(): void {
    if (this.#liveLines > 1) this.#stderr.write(`\u001b[${this.#liveLines - 1}A`);
    if (this.#liveLines > 0) this.#stderr.write('\r\u001b[J');
    this.#liveLines = 0;
  }
}

/** 12345.6 → '12,346'; small numbers keep three digits. */
export function formatNumber(value: number | bigint): string {
  if (typeof value === 'bigint' || value >= 100) return value.toLocaleString('en-US', {maximumFractionDigits: 0});
  return value.toLocaleString('en-US', {maximumSignificantDigits: 3});
}

export function formatBits(compact: number): string {
  return `0x${compact.toString(16).padStart(8, '0')}`;
}
