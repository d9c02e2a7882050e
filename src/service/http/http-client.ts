import {CodedError, type ErrorTable} from '../../core/errors.ts';

export type HttpErrorCode = 'http-unreachable' | 'http-timeout' | 'http-too-large' | 'http-aborted';

export const HTTP_ERRORS: ErrorTable<HttpErrorCode> = Object.freeze({
  'http-unreachable': {text: 'the server cannot be reached'},
  'http-timeout': {text: 'the server did not answer in time'},
  'http-too-large': {text: 'the answer is longer than any that was expected'},
  'http-aborted': {text: 'the request was given up'},
});

export class HttpError extends CodedError<HttpErrorCode> {
  constructor(code: HttpErrorCode, details: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(code, HTTP_ERRORS[code], details, cause);
  }
}

export interface HttpRequest {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  /** Pieces that come one after another are sent as they come (chunked). */
  readonly body?: Uint8Array | string | AsyncIterable<Uint8Array>;
  /** For the whole exchange. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
  /** Memory for the body of the answer, which then is a view of it where it fits. */
  readonly into?: Uint8Array | undefined;
  readonly signal?: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/** What the server says; its body may be another. */
function announcedLength(response: Response, maxBytes: number): number {
  const length = Number(response.headers.get('content-length') ?? 0);
  return Number.isSafeInteger(length) && length >= 0 && length <= maxBytes ? length : 0;
}

async function readBody(
  response: Response,
  {maxBytes, into}: Pick<HttpRequest, 'maxBytes' | 'into'>,
  url: string,
): Promise<Uint8Array> {
  if (response.body === null) return new Uint8Array(0);
  const announced = announcedLength(response, maxBytes);
  let bytes = into !== undefined && into.length >= announced ? into : new Uint8Array(announced);
  let length = 0;
  for await (const piece of response.body as AsyncIterable<Uint8Array>) {
    const end = length + piece.length;
    if (end > maxBytes) throw new HttpError('http-too-large', {url, maxBytes});
    if (end > bytes.length) {
      const more = new Uint8Array(Math.min(maxBytes, Math.max(end, 2 * bytes.length)));
      more.set(bytes.subarray(0, length));
      bytes = more;
    }
    bytes.set(piece, length);
    length = end;
  }
  if (length === bytes.length) return bytes;
  return bytes === into ? bytes.subarray(0, length) : bytes.slice(0, length);
}

function bodyInit(body: HttpRequest['body']): RequestInit {
  if (body === undefined) return {};
  if (typeof body === 'string') return {body};
  if (body instanceof Uint8Array) return {body: new Blob([new Uint8Array(body)])};
  return {body: body as AsyncIterable<Uint8Array<ArrayBuffer>>, duplex: 'half'};
}

/** One request with a deadline and a limit on the answer; any status is an answer. Throws HttpError. */
export async function httpRequest(url: string, request: HttpRequest): Promise<HttpAnswer> {
  const {method = 'GET', headers = {}, body, timeoutMs, signal} = request;
  const gone = new AbortController();
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    gone.abort();
  }, timeoutMs);
  const giveUp = (): void => gone.abort();
  signal?.addEventListener('abort', giveUp, {once: true});
  if (signal?.aborted) gone.abort();
  try {
    const init: RequestInit = {method, headers, signal: gone.signal, redirect: 'error', ...bodyInit(body)};
    const response = await fetch(url, init);
    return {status: response.status, headers: response.headers, body: await readBody(response, request, url)};
  } catch (error) {
    if (error instanceof HttpError) throw error;
    if (timedOut) throw new HttpError('http-timeout', {url, timeoutMs}, error);
    if (signal?.aborted) throw new HttpError('http-aborted', {url}, error);
    const cause = (error as {cause?: {code?: string; message?: string}}).cause;
    throw new HttpError('http-unreachable', {url, reason: cause?.code ?? (error as Error).message}, error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', giveUp);
  }
}

/** Parses a JSON answer; undefined where it is none. */
export function jsonOf({body}: HttpAnswer): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString());
  } catch {
    return undefined;
  }
}
