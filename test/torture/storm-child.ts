// Deliveries as many and as fast as they are answered, over a few connections with several on their way on each: in the
// order of revisions and out of it, late, and again. What is not answered with 200 is delivered until it is, as Podio
// does. Knows nothing of the daemon but its hooks' URLs. Says now and then how far it is, and at the end what it sent.
import { createConnection, type Socket } from 'node:net';
import { makeRandom } from '../support/random.ts';
import type { StormMessage, StormOptions, StormOrder } from './storm.ts';

const { port, paths, app, connections, depth, itemsPerConnection, seed } = JSON.parse(
  process.argv[2] ?? '{}',
) as StormOptions;

const FIRST_ITEM = 10_000_000;
const RECONNECT_MS = 20;
const REMEMBERED = 200;

interface Letter {
  readonly bytes: Buffer;
  /** Not sent before; ms of the monotonic clock. */
  notBefore: number;
  readonly isRepeat: boolean;
}

let quota = 0;
let comments = 0;
let made = 0;
let answered = 0;
let repeats = 0;
const statuses: Record<number, number> = {};
const wrong: string[] = [];
const lastRevisions = new Map<number, number>();
let ending = false;

function letterOf(type: keyof typeof paths, params: string, more: Partial<Letter> = {}): Letter {
  const body = `${params}&type=${type}&hook_id=${app}`;
  const head = `POST ${paths[type]} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUser-Agent: Podio Webhooks/1.0\r\nAccept: */*\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n`;
  return { bytes: Buffer.from(head + body, 'latin1'), notBefore: 0, isRepeat: false, ...more };
}

class Line {
  readonly #random: () => number;
  readonly #firstItem: number;
  #socket: Socket | undefined;
  #isOpen = false;
  /** Sent and not answered, oldest first. */
  #sent: Letter[] = [];
  /** To be sent, before anything new is. */
  #waiting: Letter[] = [];
  #answered: Letter[] = [];
  #input = '';

  constructor(n: number) {
    this.#random = makeRandom(seed * 1000 + n);
    this.#firstItem = FIRST_ITEM + n * itemsPerConnection;
    this.#connect();
  }

  get isIdle(): boolean {
    return this.#sent.length === 0 && this.#waiting.length === 0;
  }

  #connect(): void {
    const socket = createConnection({ port, host: '127.0.0.1', noDelay: true });
    this.#socket = socket;
    socket.on('connect', () => {
      this.#isOpen = true;
      this.pump();
    });
    socket.on('data', chunk => this.#read(chunk.toString('latin1')));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#isOpen = false;
      this.#input = '';
      // Perhaps it was taken in and the answer is lost: delivered again all the same.
      this.#waiting.unshift(...this.#sent.splice(0));
      setTimeout(() => this.#connect(), RECONNECT_MS);
    });
  }

  #read(text: string): void {
    this.#input += text;
    for (;;) {
      const end = this.#input.indexOf('\r\n\r\n');
      if (end < 0) break;
      const head = this.#input.slice(0, end);
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      const whole = end + 4 + length;
      if (this.#input.length < whole) break;
      const body = this.#input.slice(end + 4, whole);
      this.#input = this.#input.slice(whole);
      this.#take(Number(head.slice(9, 12)), body);
    }
    this.pump();
  }

  #take(status: number, body: string): void {
    const letter = this.#sent.shift();
    // It has said nothing for ten seconds and is about to be closed; what was sent just then is sent again.
    if (status === 408) {
      if (letter) this.#waiting.unshift(letter);
      return;
    }
    if (!letter) {
      wrong.push(`an answer ${status} to nothing`);
      return;
    }
    statuses[status] = (statuses[status] ?? 0) + 1;
    if (status === 200) {
      if (letter.isRepeat) repeats += 1;
      else {
        answered += 1;
        this.#answered[Math.floor(this.#random() * REMEMBERED)] = letter;
      }
      return;
    }
    if (status !== 503 && wrong.length < 10) wrong.push(`${status} ${body.slice(0, 200)}`);
    if (letter.isRepeat) return;
    letter.notBefore = performance.now() + 50 + this.#random() * 200;
    this.#waiting.push(letter);
  }

  pump(): void {
    if (!this.#isOpen) return;
    let out: Buffer[] | undefined;
    while (this.#sent.length < depth) {
      const letter = this.#next();
      if (!letter) break;
      this.#sent.push(letter);
      out ??= [];
      out.push(letter.bytes);
    }
    if (out) this.#socket?.write(out.length === 1 ? (out[0] as Buffer) : Buffer.concat(out));
  }

  #next(): Letter | undefined {
    const now = performance.now();
    const due = this.#waiting.findIndex(({ notBefore }) => notBefore <= now);
    if (due >= 0) return this.#waiting.splice(due, 1)[0];
    if (quota <= 0) return undefined;
    const chance = this.#random();
    const again = this.#answered[Math.floor(this.#random() * REMEMBERED)];
    if (chance < 0.02 && again) return { ...again, isRepeat: true };
    return this.#make(chance);
  }

  #make(chance: number): Letter {
    const item = this.#firstItem + Math.floor(this.#random() * itemsPerConnection);
    quota -= 1;
    made += 1;
    const last = lastRevisions.get(item);
    if (last !== undefined && chance > 0.85) {
      comments += 1;
      return letterOf('comment.create', `comment_id=${comments}&item_id=${item}`);
    }
    const letter = this.#change(item);
    // Overtaken by the next one, or by many.
    if (chance < 0.03) {
      letter.notBefore = performance.now() + (chance < 0.025 ? 5 : 300 + this.#random() * 2500);
      this.#waiting.push(letter);
      quota -= 1;
      made += 1;
      return this.#change(item);
    }
    return letter;
  }

  #change(item: number): Letter {
    const revision = (lastRevisions.get(item) ?? -1) + 1;
    lastRevisions.set(item, revision);
    const type = revision === 0 ? 'item.create' : 'item.update';
    return letterOf(type, `item_id=${item}&item_revision_id=${revision}`);
  }
}

const lines = Array.from({ length: connections }, (_, n) => new Line(n));
const say = (message: StormMessage) => process.send?.(message);

process.on('message', (order: StormOrder) => {
  if ('more' in order) quota += order.more;
  else ending = true;
  for (const line of lines) line.pump();
});
process.on('disconnect', () => process.exit(1));

setInterval(() => {
  for (const line of lines) line.pump();
  const isDone = quota <= 0 && lines.every(({ isIdle }) => isIdle);
  const progress = { made, answered, repeats, statuses, wrong, isDone };
  if (ending && isDone) {
    clearInterval(telling);
    process.send?.(
      { ...progress, sent: { items: [...lastRevisions], comments } } satisfies StormMessage,
      () => process.exit(0),
    );
    ending = false;
  }
}, 10);
const telling = setInterval(
  () =>
    say({
      made,
      answered,
      repeats,
      statuses,
      wrong,
      isDone: quota <= 0 && lines.every(({ isIdle }) => isIdle),
    }),
  20,
);
