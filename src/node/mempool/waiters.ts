import {TemplateError} from './template-errors.ts';

const MAX_WAITERS = 256;

/** Who waits for one event. */
export class Waiters {
  readonly #waiting = new Set<() => void>();

  get count(): number {
    return this.#waiting.size;
  }

  /** Resolves when woken; rejects with the signal's reason. Throws TemplateError 'too-many-waiters'. */
  wait(signal: AbortSignal): Promise<void> {
    if (this.#waiting.size >= MAX_WAITERS) return Promise.reject(new TemplateError('too-many-waiters'));
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', abort);
      };
      const wake = (): void => {
        stop();
        resolve();
      };
      const abort = (): void => {
        stop();
        reject(signal.reason as Error);
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', abort);
      if (signal.aborted) abort();
    });
  }

  wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
