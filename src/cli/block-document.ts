// The JSON that `pkt block verify` reads: complete blocks in hex with what their check needs beside them.
//   block  {wire, commit, blockHeight, parentHashes?, shareTarget?, name?}
//   file   a block, an array of blocks, or {blocks, mutations?, wireMutations?}, where a mutation alters a block of the list
import {concatBytes, decodeHex} from '../core/bytes/index.ts';
import {UsageError} from './usage-error.ts';

/** One thing to judge. `wire` is header and proof records; what follows them is not looked at. */
export interface BlockEntry {
  readonly list: 'blocks' | 'mutations' | 'wireMutations';
  readonly index: number;
  readonly name: string;
  readonly wire: Uint8Array;
  readonly commitment: Uint8Array;
  /** Four hashes one after another; absent: announcements are not validated. */
  readonly parentHashes: Uint8Array | undefined;
  readonly blockHeight: number;
  readonly shareTarget: number;
  /** Changes made to header, proof and commitment after they have been taken out of `wire`. */
  readonly patch?: Patch;
}

/** field: the piece header 80 | 4 ignored | nonce2 | announcements | tree proof, the commitment, or the parent hashes. */
interface Patch {
  readonly field?: {readonly name: string; readonly offset: number; readonly bytes: Uint8Array};
  readonly lengthDelta: number;
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads fields of an object of unknown shape; `path` says in messages where it stands. */
class FieldReader {
  readonly fields: Fields;
  readonly path: string;

  constructor(value: unknown, path: string) {
    this.path = path;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.#wrong('', 'an object', value);
    this.fields = value as Fields;
  }

  has(name: string): boolean {
    return this.fields[name] !== undefined;
  }

  #wrong(name: string, expected: string, value: unknown): UsageError {
    const shown = value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 40);
    return new UsageError(`${this.path}${name === '' ? '' : `.${name}`} must be ${expected}, it is ${shown}`);
  }

  number(name: string, max: number): number {
    const value = this.fields[name];
    if (typeof value === 'number' && Number.isInteger(value) && value >= -max && value <= max) return value;
    throw this.#wrong(name, `a whole number up to ${max}`, value);
  }

  u32(name: string): number {
    const value = this.number(name, 0xffffffff);
    if (value < 0) throw this.#wrong(name, 'a whole number from 0', value);
    return value;
  }

  hex(name: string, bytes?: number): Uint8Array {
    return this.#bytes(name, this.fields[name], bytes);
  }

  #bytes(name: string, value: unknown, bytes: number | undefined): Uint8Array {
    const digits = bytes === undefined ? 'an even number of' : String(2 * bytes);
    if (typeof value !== 'string' || value.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(value)) {
      throw this.#wrong(name, `a string of ${digits} hex digits`, value);
    }
    if (bytes !== undefined && value.length !== 2 * bytes) throw this.#wrong(name, `${digits} hex digits`, value);
    return decodeHex(value);
  }

  compact(name: string): number {
    if (!this.has(name)) return 0;
    const bytes = this.hex(name, 4);
    return new DataView(bytes.buffer).getUint32(0);
  }

  parentHashes(): Uint8Array | undefined {
    const value = this.fields['parentHashes'];
    if (value === undefined || value === null) return undefined;
    if (!Array.isArray(value) || value.length !== 4) throw this.#wrong('parentHashes', 'an array of 4 hashes', value);
    return concatBytes(...value.map((hash: unknown, k) => this.#bytes(`parentHashes[${k}]`, hash, 32)));
  }

  list(name: string): readonly unknown[] {
    const value = this.fields[name] ?? [];
    if (Array.isArray(value)) return value;
    throw this.#wrong(name, 'an array', value);
  }
}

function readBlock(value: unknown, index: number, path: string): BlockEntry {
  const reader = new FieldReader(value, path);
  const name = reader.fields['name'];
  return {
    list: 'blocks',
    index,
    name: typeof name === 'string' ? name : `block ${index}`,
    wire: reader.hex('wire'),
    commitment: reader.hex('commit', 48),
    parentHashes: reader.parentHashes(),
    blockHeight: reader.u32('blockHeight'),
    shareTarget: reader.compact('shareTarget'),
  };
}

function baseOf(reader: FieldReader, blocks: readonly BlockEntry[]): BlockEntry {
  const base = blocks[reader.u32('base')];
  if (base === undefined) throw new UsageError(`${reader.path}.base must be the number of a block of the file`);
  return base;
}

function readPatch(reader: FieldReader, path: string): Patch {
  const lengthDelta = reader.has('hapLenDelta') ? reader.number('hapLenDelta', 0xfffff) : 0;
  if (!reader.has('patch')) return {lengthDelta};
  const patch = new FieldReader(reader.fields['patch'], `${path}.patch`);
  const name = patch.fields['field'];
  if (name !== 'hap' && name !== 'commit' && name !== 'par') {
    throw new UsageError(`${path}.patch.field must be "hap", "commit" or "par"`);
  }
  return {field: {name, offset: patch.u32('offset'), bytes: patch.hex('hex')}, lengthDelta};
}

function readMutation(value: unknown, index: number, path: string, blocks: readonly BlockEntry[]): BlockEntry {
  const reader = new FieldReader(value, path);
  const base = baseOf(reader, blocks);
  return {
    ...base,
    list: 'mutations',
    index,
    name: `${base.name}: ${String(reader.fields['note'] ?? index)}`,
    parentHashes: reader.fields['parentHashes'] === null ? undefined : base.parentHashes,
    blockHeight: reader.has('blockHeight') ? reader.u32('blockHeight') : base.blockHeight,
    shareTarget: reader.has('shareTarget') ? reader.compact('shareTarget') : base.shareTarget,
    patch: readPatch(reader, path),
  };
}

function readWireMutation(value: unknown, index: number, path: string, blocks: readonly BlockEntry[]): BlockEntry {
  const reader = new FieldReader(value, path);
  const base = baseOf(reader, blocks);
  const head = base.wire.subarray(0, reader.u32('keepHead'));
  const tail = base.wire.subarray(Math.max(0, base.wire.length - reader.u32('keepTail')));
  const name = `${base.name}: ${String(reader.fields['note'] ?? index)}`;
  return {...base, list: 'wireMutations', index, name, wire: concatBytes(head, reader.hex('insert'), tail)};
}

/** Everything to be judged in a parsed file, in file order. Throws UsageError saying what is wrong where. */
export function readBlockDocument(value: unknown, path: string): BlockEntry[] {
  if (Array.isArray(value)) return value.map((block, i) => readBlock(block, i, `${path}: [${i}]`));
  const reader = new FieldReader(value, `${path}: the file`);
  if (!reader.has('blocks')) return [readBlock(value, 0, `${path}: block`)];
  const blocks = reader.list('blocks').map((block, i) => readBlock(block, i, `${path}: blocks[${i}]`));
  return [
    ...blocks,
    ...reader.list('mutations').map((entry, i) => readMutation(entry, i, `${path}: mutations[${i}]`, blocks)),
    ...reader
      .list('wireMutations')
      .map((entry, i) => readWireMutation(entry, i, `${path}: wireMutations[${i}]`, blocks)),
  ];
}
