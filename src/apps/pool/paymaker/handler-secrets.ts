// Who may send events: whoever knows the password of a handler.
import {createHash, timingSafeEqual} from 'node:crypto';
import {eventsMac, sameMac} from '../../../service/pool/nats-events.ts';
import type {PaymakerSettings} from './settings.ts';

interface Secret {
  /** Empty where all handlers have one password. */
  readonly name: string;
  readonly password: string;
  /** Of the header that shows the password over HTTP. */
  readonly digest: Buffer;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

export class HandlerSecrets {
  readonly #secrets: readonly Secret[];

  constructor({paymakerHttpPasswd, handlers}: Pick<PaymakerSettings, 'paymakerHttpPasswd' | 'handlers'>) {
    const all = [...handlers, ...(paymakerHttpPasswd === undefined ? [] : [{name: '', password: paymakerHttpPasswd}])];
    this.#secrets = all.map(({name, password}) => ({
      name,
      password,
      digest: digest(`Basic ${Buffer.from(`x:${password}`).toString('base64')}`),
    }));
  }

  /** The handler of a header of HTTP; undefined for a stranger. */
  byAuthorization(header: string): string | undefined {
    const given = digest(header);
    return this.#secrets.find((secret) => timingSafeEqual(secret.digest, given))?.name;
  }

  /** The handler that made a message; undefined for a stranger. */
  byMac(mac: string, body: Uint8Array): string | undefined {
    return this.#secrets.find(({password}) => sameMac(eventsMac(password, body), mac))?.name;
  }
}
