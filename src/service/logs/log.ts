/** Values that go with a message: fixed text, fields vary. Never keys, seeds or passwords; what peers say only at `debug`. */
export type LogFields = Readonly<Record<string, unknown>>;

/** What the rest of the project knows of its logger. `error` needs an operator now, `warn` may soon, `debug` is per event. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

const ignore = (): void => {};

/** Says nothing. */
export const NO_LOG: Log = Object.freeze({debug: ignore, info: ignore, warn: ignore, error: ignore});
