import { createRequire } from 'node:module';
import { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { expect } from 'chai';
import { PodioError, StoreError } from '../../../src/core/errors.ts';
import type { LogFields } from '../../../src/core/log.ts';
import { type LogOptions, makeLog, type RootLog } from '../../../src/log/log.ts';
import { unreadable } from '../../support/unreadable.ts';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 6);

/** What a log writes while `speak` speaks, line by line. */
async function linesOf(
  speak: (log: RootLog) => void,
  { terminal = false, ...options }: Partial<LogOptions> & { terminal?: boolean } = {},
): Promise<string[]> {
  let text = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      done();
    },
  });
  const log = makeLog({
    level: 'info',
    format: 'json',
    stream: Object.assign(stream, { isTTY: terminal }),
    now: () => NOW,
    ...options,
  });
  speak(log);
  await log.close();
  return text.split('\n').slice(0, -1);
}

const recordsOf = async (
  speak: (log: RootLog) => void,
  options?: Partial<LogOptions>,
): Promise<Record<string, unknown>[]> => (await linesOf(speak, options)).map(line => JSON.parse(line));

/** How one set of fields comes out. */
async function shown(fields: LogFields, options?: Partial<LogOptions>): Promise<Record<string, unknown>> {
  const [{ time, level, message, ...rest } = {}] = await recordsOf(log => log.info('x', fields), options);
  return rest;
}

describe('log', () => {
  it('writes one JSON record a line', async () => {
    const records = await recordsOf(log => {
      log.info('event received', { seq: 1, key: 'a\nb' });
      log.error('later');
    });
    const time = '2026-01-02T03:04:05.006Z';
    expect(records).to.deep.equal([
      { time, level: 'info', message: 'event received', seq: 1, key: 'a\nb' },
      { time, level: 'error', message: 'later' },
    ]);
  });

  it('writes lines also while winston can not be read', async () => {
    const require = createRequire(import.meta.url);
    delete require.cache[require.resolve('winston')];
    const records = await recordsOf(log => {
      const again = unreadable('/winston/lib/winston.js');
      try {
        log.error('no more files', { seq: 1 });
      } finally {
        again();
      }
      log.error('later');
    });
    expect(records.map(({ message, seq }) => [message, seq])).to.deep.equal([
      ['no more files', 1],
      ['later', undefined],
    ]);
  });

  it('writes what is as important as its level or more', async () => {
    const speak = (log: RootLog) => {
      for (const level of ['error', 'warn', 'info', 'debug'] as const) log[level](level);
    };
    const levels = async (level: LogOptions['level']) =>
      (await recordsOf(speak, { level })).map(record => record.level);
    expect(await levels('error')).to.deep.equal(['error']);
    expect(await levels('warn')).to.deep.equal(['error', 'warn']);
    expect(await levels('debug')).to.deep.equal(['error', 'warn', 'info', 'debug']);
  });

  it('adds the fields of a child, and lets a line say otherwise', async () => {
    const [record] = await recordsOf(log =>
      log.child({ module: 'dispatch', rule: 'a' }).child({ step: 'b' }).info('x', { rule: 'c' }),
    );
    expect(record).to.include({ module: 'dispatch', rule: 'c', step: 'b' });
  });

  it('keeps what every line has apart from fields of the same name', async () => {
    expect(await shown({ level: 'x', message: 'y', time: 'z' })).to.deep.equal({
      level_: 'x',
      message_: 'y',
      time_: 'z',
    });
  });

  it('tells of an error what it knows, down its causes', async () => {
    const cause = Object.assign(new Error('no route'), { code: 'EHOSTUNREACH' });
    const error = new PodioError('PODIO_UNAVAILABLE', 'items.get failed', {
      hint: 'Wait.',
      status: 502,
      cause,
    });
    expect(await shown({ error })).to.deep.equal({
      error: {
        name: 'PodioError',
        message: 'items.get failed',
        code: 'PODIO_UNAVAILABLE',
        hint: 'Wait.',
        status: 502,
        cause: { name: 'Error', message: 'no route', code: 'EHOSTUNREACH' },
      },
    });
    expect((await shown({ error: new AggregateError([cause], 'all failed') })).error).to.have.nested.property(
      'errors[0].code',
      'EHOSTUNREACH',
    );
  });

  it('tells where an error comes from at debug only', async () => {
    const error = new StoreError('STORE_CORRUPT', 'x');
    expect((await shown({ error })).error).to.not.have.property('stack');
    expect((await shown({ error }, { level: 'debug' })).error).to.have.property('stack');
  });

  it('survives whatever it is given', async () => {
    const cyclic: Record<string, unknown> = { a: 1 };
    cyclic.self = cyclic;
    let deep: unknown = 'bottom';
    for (let n = 0; n < 50; n++) deep = { deep };
    const hostile = {
      get boom(): never {
        throw new Error('no');
      },
    };
    const error = new Error('of itself');
    error.cause = error;
    const fields = await shown({
      cyclic,
      deep,
      hostile,
      error,
      big: 2n ** 70n,
      fn: () => {},
      symbol: Symbol('s'),
      bytes: new Uint8Array(9),
      map: new Map([['a', 1]]),
      set: new Set([1]),
      date: new Date(NOW),
      never: new Date(Number.NaN),
      many: Array.from({ length: 150 }, (_, n) => n),
      nothing: undefined,
      nil: null,
    });
    expect(fields).to.deep.include({
      cyclic: { a: 1, self: '[cyclic]' },
      hostile: '[unreadable]',
      error: { name: 'Error', message: 'of itself', cause: '[cyclic]' },
      big: '1180591620717411303424',
      fn: '[function]',
      symbol: '[symbol]',
      bytes: '[9 bytes]',
      map: { a: 1 },
      set: [1],
      date: '2026-01-02T03:04:05.006Z',
      never: 'Invalid Date',
      nil: null,
    });
    expect(JSON.stringify(fields.deep)).to.include('[deep]');
    expect(fields.many).to.have.length(101);
    expect(fields).to.not.have.property('nothing');
  });

  it('writes a line for what can not be read or is no text', async () => {
    const unreadable = {
      get boom(): never {
        throw new Error('no');
      },
    };
    const lines = await linesOf(log => {
      log.info('said', unreadable);
      log.info(Object.create(null));
      log.info('a'.repeat(100_000));
    });
    const [said, odd, long] = lines.map(line => JSON.parse(line));
    expect(said).to.include({ message: 'said', fields: '[unreadable]' });
    expect(odd).to.include({ message: '[object Object]' });
    expect(long.message).to.have.length.below(2_100);
  });

  it('may be spoken to and closed after it was closed', async () => {
    let late = (): void => {};
    const lines = await linesOf(log => {
      late = () => log.info('late');
      log.info('in time');
    });
    late();
    expect(lines).to.have.length(1);
  });

  it('cuts long values', async () => {
    const { text } = await shown({ text: 'a'.repeat(100_000) });
    expect(text).to.have.length.below(2_100);
    expect(text).to.match(/\(100000 characters\)$/);
  });

  describe('hides secrets', () => {
    const SECRET = 'the-secret-of-secrets';
    const KEY = 'AbCdEfGhIjKlMnOpQrSt_-';

    it('by the names of fields, however deep', async () => {
      const fields = await shown({
        token: 'x1',
        headers: { Authorization: 'x2', accept: 'y' },
        logins: [{ username: 'y', password: 'x3' }],
        secrets: ['x4'],
        code: 'x5',
        webhookUrl: 'https://hooks.example.com/x6',
      });
      expect(JSON.stringify(fields)).to.not.match(/x[1-6]/);
      expect(fields.headers).to.deep.equal({ Authorization: '***', accept: 'y' });
    });

    it('but shows the codes of errors', async () => {
      expect(await shown({ code: 'INGRESS_BODY' })).to.deep.equal({ code: 'INGRESS_BODY' });
      expect(
        await shown({ error: Object.assign(new Error('x'), { code: 'ENOENT' }) }),
      ).to.have.nested.property('error.code', 'ENOENT');
    });

    for (const format of ['json', 'text'] as const) {
      it(`by their values, wherever they stand (${format})`, async () => {
        const error = new Error(`refused ${SECRET}`, {
          cause: new Error(`for ${encodeURIComponent(SECRET)}`),
        });
        const lines = await linesOf(
          log => {
            log.info(`message with ${SECRET}`);
            log.child({ own: SECRET }).info('x', { nested: [{ [SECRET]: `a${SECRET}b` }] });
            log.error('failed', { error, url: new URL(`https://a.example/${SECRET}`) });
            log.debug('with a stack', { error, long: `${'a'.repeat(1990)}${SECRET}` });
          },
          { format, secrets: [SECRET], level: 'debug' },
        );
        expect(lines).to.have.length(4);
        expect(lines.join('\n')).to.not.include('secret');
      });
    }

    it('by their values, also those learned after a child was made', async () => {
      const [record] = await recordsOf(log => {
        const child = log.child({ module: 'podio' });
        log.addSecrets([SECRET]);
        child.info('x', { answer: `token ${SECRET}` });
      });
      expect(record?.answer).to.equal('token ***');
    });

    it('by where they stand', async () => {
      const fields = await shown({
        url: `https://hooks.example.com/podio/${KEY}/app/101/item.update`,
        called: new URL('https://api.podio.com/item/1?oauth_token=abc'),
        error: new Error(`POST /podio/${KEY}/app/1/item.create failed`),
      });
      expect(fields).to.deep.include({
        url: 'https://hooks.example.com/podio/***/app/101/item.update',
        called: 'https://api.podio.com/item/1?***',
      });
      expect(JSON.stringify(fields)).to.not.include(KEY);
    });
  });

  describe('as text', () => {
    it('puts a record on one line', async () => {
      const error = new StoreError('STORE_WRITE_FAILED', 'disk full', {
        hint: 'Make room.',
        cause: new Error('ENOSPC'),
      });
      const lines = await linesOf(
        log => {
          log
            .child({ module: 'ingress' })
            .warn('request refused', { status: 413, reason: 'too large', ref: 'app/1' });
          log.error('failed', { error, list: [1, { a: 2 }] });
        },
        { format: 'text' },
      );
      expect(lines).to.deep.equal([
        '03:04:05.006 warn  ingress: request refused status=413 reason="too large" ref=app/1',
        '03:04:05.006 error failed error="disk full (STORE_WRITE_FAILED): ENOSPC. Make room." list=[1,{"a":2}]',
      ]);
    });

    it('lets nothing begin a line or move the cursor', async () => {
      const evil = '\u001b[2J\nfake line\u009b1m\u2028';
      const lines = await linesOf(log => log.child({ module: evil }).info(evil, { [evil]: evil }), {
        format: 'text',
      });
      expect(lines).to.have.length(1);
      expect(lines[0]).to.not.match(/\p{Cc}|\u2028/u);
    });

    it('has colours on a terminal only', async () => {
      const speak = (log: RootLog) => log.info('hello', { a: 1 });
      const on = (env: LogOptions['env']) =>
        linesOf(speak, { format: 'text', terminal: true, env: env ?? {} });
      const plain = await linesOf(speak, { format: 'text', env: {} });
      const [coloured = ''] = await on({ TERM: 'xterm' });
      expect(coloured).to.include('\u001b[');
      expect([stripVTControlCharacters(coloured)]).to.deep.equal(plain);
      expect(await on({ NO_COLOR: '1' })).to.deep.equal(plain);
      expect(await on({ TERM: 'dumb' })).to.deep.equal(plain);
    });
  });
});
