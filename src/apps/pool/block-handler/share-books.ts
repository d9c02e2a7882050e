// Which shares were answered, for each parent block; outlives a restart: a share sent again gets the answer it had.
import {mkdir, readdir, readFile, rm} from 'node:fs/promises';
import {join} from 'node:path';
import {readShareResult, type ShareEvent} from '../../../core/protocol/pool/index.ts';
import type {Log} from '../../../service/logs/log.ts';
import {DurableAppender} from '../../../service/stores/durable-appender.ts';

/** Parents below the newest whose books are kept. */
const KEPT_PARENTS = 2;

/** The answers about shares of one parent block. */
export interface ShareBook {
  find(id: string): ShareEvent | undefined;
  /** Resolves when the answer is on disk, or cannot be put there: that costs no share. */
  add(answer: ShareEvent): Promise<void>;
}

class OpenBook implements ShareBook {
  readonly #answers: Map<string, ShareEvent>;
  readonly #file: DurableAppender | undefined;
  readonly #log: Log;

  constructor(answers: Map<string, ShareEvent>, file: DurableAppender | undefined, log: Log) {
    this.#answers = answers;
    this.#file = file;
    this.#log = log;
  }

  find(id: string): ShareEvent | undefined {
    return this.#answers.get(id);
  }

  async add(answer: ShareEvent): Promise<void> {
    this.#answers.set(answer.eventId, answer);
    try {
      await this.#file?.append(new TextEncoder().encode(`${JSON.stringify(answer)}\n`));
    } catch (error) {
      this.#log.warn('an answer about a share cannot be kept over a restart', {error});
    }
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }
}

/** A line that a crash has cut off says nothing. */
function readAnswers(text: string): Map<string, ShareEvent> {
  const answers = new Map<string, ShareEvent>();
  for (const line of text.split('\n')) {
    try {
      const answer = JSON.parse(line) as ShareEvent;
      answers.set(readShareResult(answer).eventId, answer);
    } catch {}
  }
  return answers;
}

/** A directory with a file for each parent block. */
export class ShareBooks {
  readonly #dir: string;
  readonly #log: Log;
  readonly #open = new Map<string, {readonly height: number; readonly book: Promise<OpenBook>}>();

  private constructor(dir: string, log: Log) {
    this.#dir = dir;
    this.#log = log;
  }

  static async open(dir: string, log: Log): Promise<ShareBooks> {
    await mkdir(dir, {recursive: true});
    return new ShareBooks(dir, log);
  }

  /** The book of the shares on one parent: height of the block that is mined, hash of the parent in shown order. Never rejects. */
  of(height: number, parent: string): Promise<ShareBook> {
    const name = `shares_${height}_${parent}.ndjson`;
    const known = this.#open.get(name);
    if (known !== undefined) return known.book;
    const book = this.#read(join(this.#dir, name));
    this.#open.set(name, {height, book});
    void this.#forgetBelow(height - KEPT_PARENTS);
    return book;
  }

  async #read(path: string): Promise<OpenBook> {
    try {
      const file = await DurableAppender.open(path);
      return new OpenBook(readAnswers(await readFile(path, 'utf8')), file, this.#log);
    } catch (error) {
      this.#log.warn('answers about shares cannot be kept over a restart', {path, error});
      return new OpenBook(new Map(), undefined, this.#log);
    }
  }

  async #forgetBelow(height: number): Promise<void> {
    try {
      for (const [name, opened] of this.#open) {
        if (opened.height >= height) continue;
        this.#open.delete(name);
        await (await opened.book).close();
      }
      for (const name of await readdir(this.#dir)) {
        const found = /^shares_(\d+)_[0-9a-f]{64}\.ndjson$/.exec(name)?.[1];
        if (found !== undefined && Number(found) < height) await rm(join(this.#dir, name), {force: true});
      }
    } catch (error) {
      this.#log.warn('old answers about shares stay', {error});
    }
  }

  async close(): Promise<void> {
    for (const {book} of this.#open.values()) await (await book).close();
    this.#open.clear();
  }
}
