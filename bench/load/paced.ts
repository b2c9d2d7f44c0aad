// Deliveries at a steady rate, however long the answers take (an open loop): a request's time counts from when it was due,
// so that a server that stalls can't hide it by being asked less. Prints one line of JSON.
import { createConnection, type Socket } from 'node:net';

export interface PacedOptions {
  readonly port: number;
  readonly path: string;
  /** A second. */
  readonly rate: number;
  readonly seconds: number;
  /** Thrown away before. */
  readonly warmUpSeconds: number;
  readonly connections: number;
  readonly firstItem: number;
}

/** Milliseconds. */
export interface PacedResult {
  readonly answered: number;
  readonly failed: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const options = JSON.parse(process.argv[2] ?? '{}') as PacedOptions;
const { port, path, rate, seconds, warmUpSeconds, connections, firstItem } = options;
const total = Math.round(rate * (seconds + warmUpSeconds));
const warmUp = Math.round(rate * warmUpSeconds);
const times: number[] = [];
let failed = 0;
let answered = 0;
let sent = 0;

interface Line {
  readonly socket: Socket;
  dueAt: number;
  request: number;
}
const free: Line[] = [];
const start = performance.now() + 100;

function requestOf(n: number): string {
  const body = `item_id=${firstItem + n}&item_revision_id=1&type=item.update&hook_id=4711`;
  return `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Podio Webhooks/1.0\r\nAccept: */*\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

function finish(): void {
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  const result: PacedResult = { answered, failed, p50: at(0.5), p99: at(0.99), max: at(1) };
  console.log(JSON.stringify(result));
  process.exit(0);
}

await Promise.all(
  Array.from({ length: connections }, async () => {
    const socket = createConnection({ port, host: '127.0.0.1', noDelay: true });
    const line: Line = { socket, dueAt: 0, request: 0 };
    // Each answer is small and comes alone on its line, so it comes in one piece.
    socket.on('data', chunk => {
      answered += 1;
      if (chunk.toString('latin1', 9, 12) !== '200') failed += 1;
      if (line.request >= warmUp) times.push(performance.now() - line.dueAt);
      free.push(line);
      if (answered === total) finish();
    });
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    free.push(line);
  }),
);

// Looking again and again keeps this core busy, but a timer's millisecond would be most of what is measured.
function turn(): void {
  const now = performance.now();
  while (sent < total) {
    const dueAt = start + (sent * 1000) / rate;
    if (dueAt > now) break;
    const line = free.shift();
    if (!line) break;
    line.dueAt = dueAt;
    line.request = sent;
    line.socket.write(requestOf(sent));
    sent += 1;
  }
  if (answered < total) setImmediate(turn);
}
turn();
setTimeout(
  () => {
    failed += total - answered;
    finish();
  },
  (seconds + warmUpSeconds) * 1000 + 20_000,
);
