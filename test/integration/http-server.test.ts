// A server that closes: whoever is connected gets an answer.
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { isPodiodError } from '../../src/core/errors.ts';
import { type HttpServer, listen } from '../../src/http/server.ts';
import { until } from '../support/wait.ts';

const open: Socket[] = [];

afterEach(() => {
  for (const socket of open.splice(0)) socket.destroy();
});

const start = (): Promise<HttpServer> =>
  listen((_request, response) => response.end('ok'), { host: '127.0.0.1', port: 0 }, { name: 'server' });

/** A connection, with what it was sent so far. */
async function call({ address }: HttpServer) {
  const socket = connect(address.port, address.host).setEncoding('utf8');
  open.push(socket);
  let got = '';
  socket.on('data', chunk => {
    got += chunk;
  });
  socket.on('error', error => {
    got += error.message;
  });
  await once(socket, 'connect');
  return { got: () => got, ask: () => void socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), socket };
}

describe('a server that closes', () => {
  it('answers a request that comes just then, and ends its connection with it', async () => {
    const server = await start();
    const fresh = await call(server);
    const kept = await call(server);
    kept.ask();
    await until(() => kept.got().endsWith('ok'), 'the first answer');
    expect(kept.got()).to.include('keep-alive');

    const closed = server.close(2000);
    fresh.ask();
    kept.ask();
    const ended = Promise.all([fresh, kept].map(({ socket }) => once(socket, 'close')));
    await Promise.all([closed, ended]);
    for (const { got } of [fresh, kept]) expect(got()).to.match(/200 OK[\s\S]*Connection: close[\s\S]*ok$/);
    expect(kept.got().split('200 OK')).to.have.length(3);
  });

  it('is not held up by connections that send nothing', async () => {
    const server = await start();
    const fresh = await call(server);
    const kept = await call(server);
    kept.ask();
    await until(() => kept.got().endsWith('ok'), 'the first answer');
    const from = performance.now();
    const ended = Promise.all([fresh, kept].map(({ socket }) => once(socket, 'close')));
    await server.close(10_000);
    await ended;
    expect(performance.now() - from).to.be.below(2000);
  });

  it('refuses a descriptor that is no socket, and says what it must be', async () => {
    const fd = openSync('/dev/null', 'r');
    const error = await listen(() => {}, { host: '127.0.0.1', port: 0, fd }, { name: 'server' }).catch(
      e => e,
    );
    expect(isPodiodError(error) && error.code).to.equal('INGRESS_PORT');
    expect(error.message).to.include(`descriptor ${fd}`);
    expect(error.hint).to.include('ListenStream=');
  });
});
