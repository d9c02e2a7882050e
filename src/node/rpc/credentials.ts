// Who may call: an admin, a limited user, or whoever can read the cookie file.   chain spec §4.6.1
import {createHash, randomBytes, timingSafeEqual} from 'node:crypto';
import {chmod, rename, rm, writeFile} from 'node:fs/promises';
import type {RpcRole} from './method.ts';

const COOKIE_USER = '__PKT_COOKIE__';

export interface RpcUser {
  readonly user: string;
  readonly password: string;
  readonly role: RpcRole;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Users and their passwords, of which only hashes are kept. */
export class Credentials {
  readonly #users: readonly {readonly hash: Buffer; readonly role: RpcRole}[];

  constructor(users: readonly RpcUser[]) {
    this.#users = users.map(({user, password, role}) => ({hash: digest(`${user}:${password}`), role}));
  }

  /** Role of a user; takes as long for wrong ones as for right ones. */
  roleOf(user: string, password: string): RpcRole | undefined {
    const given = digest(`${user}:${password}`);
    let role: RpcRole | undefined;
    for (const known of this.#users) if (timingSafeEqual(known.hash, given)) role = known.role;
    return role;
  }

  /** Role by the value of an Authorization header. */
  roleOfHeader(header: string | undefined): RpcRole | undefined {
    const [scheme, value] = header?.split(' ', 2) ?? [];
    if (scheme?.toLowerCase() !== 'basic' || value === undefined) return undefined;
    const text = Buffer.from(value, 'base64').toString();
    const colon = text.indexOf(':');
    return colon < 0 ? undefined : this.roleOf(text.slice(0, colon), text.slice(colon + 1));
  }
}

/** Writes a fresh password into a file that only its owner can read: `user:password`. */
export async function writeCookie(path: string): Promise<RpcUser> {
  const password = randomBytes(32).toString('hex');
  const temporary = `${path}.new`;
  await writeFile(temporary, `${COOKIE_USER}:${password}`, {mode: 0o600});
  await chmod(temporary, 0o600);
  await rename(temporary, path);
  return {user: COOKIE_USER, password, role: 'admin'};
}

export async function removeCookie(path: string): Promise<void> {
  await rm(path, {force: true});
}
