import { connect, type Socket } from 'node:net';

/** An answer as it came over the wire. */
export interface RawAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface RawConnection {
  readonly socket: Socket;
  send(text: string): void;
  /** The next answer on this connection, read by its Content-Length (bodiless with HEAD). */
  answer(options?: { head?: boolean }): Promise<RawAnswer>;
  /** Resolves when the server has closed. */
  readonly closed: Promise<void>;
}

/** A connection that sends exactly what it is told to, however wrong. */
export async function rawConnection(port: number): Promise<RawConnection> {
  const socket = connect(port, '127.0.0.1');
  let received = '';
  let onMore = () => {};
  let isClosed = false;
  socket.on('data', chunk => {
    received += chunk.toString('latin1');
    onMore();
  });
  socket.on('error', () => {});
  const closed = new Promise<void>(resolve => {
    socket.on('close', () => {
      isClosed = true;
      onMore();
      resolve();
    });
  });
  await new Promise<void>(resolve => socket.once('connect', resolve));

  return {
    socket,
    closed,
    send: text => void socket.write(text),
    async answer({ head = false } = {}) {
      for (;;) {
        const parsed = parse(received, head);
        if (parsed) {
          received = received.slice(parsed.length);
          return parsed.answer;
        }
        if (isClosed) throw new Error(`closed without an answer, after ${JSON.stringify(received)}`);
        await new Promise<void>(resolve => {
          onMore = resolve;
        });
      }
    },
  };
}

/** One request on a connection of its own. */
export async function rawRequest(port: number, text: string): Promise<RawAnswer> {
  const connection = await rawConnection(port);
  try {
    connection.send(text);
    return await connection.answer({ head: text.startsWith('HEAD ') });
  } finally {
    connection.socket.destroy();
  }
}

function parse(text: string, head: boolean): { answer: RawAnswer; length: number } | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = Object.fromEntries(
    lines.map(line => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  );
  const size = head ? 0 : Number(headers['content-length'] ?? 0);
  const length = end + 4 + size;
  if (text.length < length) return undefined;
  return {
    answer: { status: Number(statusLine.split(' ')[1]), headers, body: text.slice(end + 4, length) },
    length,
  };
}
