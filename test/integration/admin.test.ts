import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { expect } from 'chai';
import { type AdminDeps, makeAdmin } from '../../src/admin/admin.ts';
import { adminClient } from '../../src/admin/client.ts';
import { makeMetrics } from '../../src/admin/metrics.ts';
import { hasRunFile, readRunFile, removeRunFile, writeRunFile } from '../../src/admin/run-file.ts';
import { isPodiodError, PodioError, StoreError, UsageError } from '../../src/core/errors.ts';
import type { PodioEvent } from '../../src/core/event.ts';
import { silentLog } from '../../src/core/log.ts';
import type { HttpServer } from '../../src/http/server.ts';
import { makeMask } from '../../src/log/mask.ts';
import type { EventQuery, ParkedSelection } from '../../src/store/contract.ts';
import { ensureSecretFile, replaceFile } from '../../src/store/files.ts';
import { temporaryFolder } from '../support/folder.ts';
import { rawRequest } from '../support/raw-http.ts';
import { unreadable } from '../support/unreadable.ts';
import { makeFacts } from '../unit/admin/facts.ts';

const TOKEN = 'the-admin-token-of-the-tests';

/** A daemon's parts, as far as the admin API asks them; what it was told is kept. */
function makeDeps() {
  const told = {
    queries: [] as EventQuery[],
    retried: [] as ParkedSelection[],
    dropped: [] as ParkedSelection[],
    replayed: [] as object[],
    fired: [] as object[],
    asked: [] as object[],
    pauses: [] as object[],
    reconciled: [] as object[],
  };
  const deps: AdminDeps = {
    readiness: () => makeFacts().readiness,
    facts: async () => makeFacts(),
    reload: async request => ({ ...request, rules: [] }),
    rotateSecret: async () => ({}),
    events: async query => {
      told.queries.push(query);
      return [];
    },
    parking: {
      list: async () => [],
      retry: async selection => {
        told.retried.push(selection);
        return { ids: ['1', '2'], missing: ['old'] };
      },
      drop: async selection => {
        told.dropped.push(selection);
        return { ids: [], waiting: 2, passed: 1 };
      },
    },
    handshake: async () => undefined,
    readPodio: async () => ({ answer: {} }),
    findItem: async name => {
      if (name === 'leads/42') return 4711;
      throw name === 'leads/43'
        ? new PodioError('PODIO_NOT_FOUND', 'no such item', { status: 404 })
        : new UsageError(`${name} is no item`, 'Give one.');
    },
    numberOfItem: itemId => (itemId === 4711 ? 42 : undefined),
    why: async request => {
      told.asked.push(request);
      return { changes: [], absent: [], apps: [] };
    },
    replay: async wish => {
      told.replayed.push(wish);
      return wish.rule === 'gone' ? undefined : { rule: wish.rule, from: 1, to: 9, events: 4, id: '3' };
    },
    fire: async request => {
      told.fired.push(request);
      if (request.rule === 'gone') throw new UsageError('there is no rule gone', 'There are: a.');
      return { rule: request.rule, app: 'leads', item: 4711, seq: 12, event: 'item.fire:a:4711:x' };
    },
    pause: async what => {
      told.pauses.push(what);
      return { [what.kind]: what.name, paused: true, changed: true, since: '2026-01-10T12:00:00.000Z' };
    },
    resume: async what => ({ [what.kind]: what.name, paused: false, changed: false }),
    reconcile: async request => {
      told.reconciled.push(request);
      return { plan: { actions: [] } };
    },
  };
  return { deps, told };
}

describe('admin API', () => {
  const running: HttpServer[] = [];
  afterEach(() => Promise.all(running.splice(0).map(server => server.close(0))));

  async function start(but: Partial<AdminDeps> = {}) {
    const { deps, told } = makeDeps();
    const server = await makeAdmin({
      token: TOKEN,
      deps: { ...deps, ...but },
      metrics: makeMetrics(),
      log: silentLog,
      mask: makeMask(['a-known-secret']),
    }).listen({ host: '127.0.0.1', port: 0 });
    running.push(server);
    const { port } = server.address;
    const call = async (path: string, init: RequestInit = {}) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, {
        ...init,
        headers: { Authorization: `Bearer ${TOKEN}`, ...init.headers },
      });
      return { status: response.status, headers: response.headers, body: await response.text() };
    };
    const post = (path: string, body: unknown) =>
      call(path, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      });
    return { port, call, post, told };
  }

  it('answers 503 while what it answers with can not be read', async () => {
    const { call } = await start();
    const again = unreadable('/admin/app.ts');
    try {
      expect((await call('/healthz')).status).to.equal(503);
    } finally {
      again();
    }
    expect((await call('/healthz')).status).to.equal(200);
  });

  it('answers again what it could not read something for, once that can be read', async () => {
    const { call, post } = await start();
    for (const [end, ask] of [
      ['/admin/exposition.ts', () => call('/metrics')],
      ['/koa-body/dist/esm/index.js', () => post('/api/pause', { rule: 'won-leads' })],
    ] as const) {
      const again = unreadable(end);
      try {
        expect((await ask()).status, end).to.equal(500);
      } finally {
        again();
      }
      expect((await ask()).status, end).to.equal(200);
    }
  });

  const withoutToken = { headers: { Authorization: '' } };

  it('takes pauses of a rule or a plugin, and nothing else for one', async () => {
    const { told, post } = await start();
    const { status, body } = await post('/api/pause', { rule: 'won-leads' });
    expect([status, JSON.parse(body)]).to.deep.equal([
      200,
      { rule: 'won-leads', paused: true, changed: true, since: '2026-01-10T12:00:00.000Z' },
    ]);
    expect(JSON.parse((await post('/api/resume', { plugin: 'slack' })).body)).to.deep.equal({
      plugin: 'slack',
      paused: false,
      changed: false,
    });
    expect(told.pauses).to.deep.equal([{ kind: 'rule', name: 'won-leads' }]);
    for (const bad of [{}, { rule: '' }, { rule: 1 }, { rule: 'a', plugin: 'b' }, { all: true }, undefined]) {
      expect((await post('/api/pause', bad)).status, JSON.stringify(bad)).to.equal(400);
      expect((await post('/api/resume', bad)).status, JSON.stringify(bad)).to.equal(400);
    }
  });

  it('tells of health without a token', async () => {
    const { call } = await start();
    expect((await call('/healthz', withoutToken)).status).to.equal(200);
    const ready = await call('/readyz', withoutToken);
    expect([ready.status, JSON.parse(ready.body)]).to.deep.equal([
      200,
      { ready: true, reasons: [], degraded: [], rules: [] },
    ]);
  });

  it('is not ready with 503, degraded refs named', async () => {
    const degraded = [
      {
        ref: 'app/1',
        error: 'a-known-secret was refused by https://a.example/x?sig=abc',
        since: '2026-01-01T00:00:00.000Z',
        rules: ['r'],
      },
    ];
    const rules = [{ rule: 'r', state: 'halted', error: 'a-known-secret is wrong' }] as const;
    const { call } = await start({
      readiness: () => ({ ready: false, reasons: ['store'], degraded, rules }),
    });
    const { status, body } = await call('/readyz', withoutToken);
    expect(status).to.equal(503);
    expect(JSON.parse(body)).to.deep.equal({
      ready: false,
      reasons: ['store'],
      degraded: [{ ...degraded[0], error: '*** was refused by https://a.example/x?***' }],
      rules: [{ rule: 'r', state: 'halted', error: '*** is wrong' }],
    });
  });

  it('wants the token for everything else, known or not', async () => {
    const { call, port } = await start();
    for (const path of ['/metrics', '/api/status', '/api/parked/retry', '/nothing', '/']) {
      for (const Authorization of ['', 'Bearer', 'Bearer x', `Basic ${TOKEN}`, `Bearer ${TOKEN}x`, TOKEN]) {
        const { status, headers, body } = await call(path, { headers: { Authorization } });
        expect(status, `${path} ${Authorization}`).to.equal(401);
        expect(headers.get('www-authenticate')).to.equal('Bearer');
        expect(JSON.parse(body).error.code).to.equal('ADMIN_UNAUTHORIZED');
      }
    }
    const answer = await rawRequest(
      port,
      'OPTIONS /api/status HTTP/1.1\r\nHost: x\r\nOrigin: http://a.example\r\n\r\n',
    );
    expect(answer.status).to.equal(401);
    expect(
      Object.keys(answer.headers).filter(name => /^access-control|^server$|^x-powered/.test(name)),
    ).to.deep.equal([]);
  });

  it('looks at so many wrong tokens and no more, and at the right one always', async () => {
    const { call } = await start();
    const guess = async () =>
      (await call('/api/status', { headers: { Authorization: 'Bearer guessed' } })).status;
    const answers: number[] = [];
    for (let n = 0; n < 6; n++) answers.push(...(await Promise.all(Array.from({ length: 40 }, guess))));
    expect(answers.filter(status => status === 401).length).to.be.within(100, 200);
    expect(new Set(answers)).to.deep.equal(new Set([401, 429]));
    expect((await call('/api/status')).status).to.equal(200);
  });

  it('answers the reads', async () => {
    const { call, told } = await start();
    const json = async (path: string) => JSON.parse((await call(path)).body);
    expect(await json('/api/status')).to.deep.include({
      version: '1.2.3',
      hooks: { active: 2, inactive: 1, missing: 1 },
    });
    expect((await json('/api/rules')).rules.map((one: { rule: string }) => one.rule)).to.include('won-leads');
    expect((await json('/api/hooks')).hooks[0].url).to.include('/***/');
    expect(await json('/api/events?last=5&rule=a&itemId=7&since=1767225600000')).to.deep.equal({
      events: [],
    });
    expect(told.queries).to.deep.equal([{ last: 5, rule: 'a', itemId: 7, since: 1767225600000 }]);
    expect(await json('/api/parked?limit=3')).to.deep.equal({ parked: [] });
    const metrics = await call('/metrics');
    expect(metrics.headers.get('content-type')).to.match(/^text\/plain; version=0\.0\.4/);
    expect(metrics.body).to.include('podiod_hooks{status="active"} 2');
  });

  it('finds an item by what people call it', async () => {
    const { call } = await start();
    expect(JSON.parse((await call('/api/item?of=leads/42')).body)).to.deep.equal({ itemId: 4711 });
    expect((await call('/api/item?of=leads/43')).status).to.equal(404);
    const wrong = await call('/api/item?of=%23');
    expect(wrong.status).to.equal(400);
    expect(JSON.parse(wrong.body).error).to.deep.equal({
      code: 'USAGE',
      message: '# is no item',
      hint: 'Give one.',
    });
    expect((await call('/api/item')).status).to.equal(400);
  });

  it('tells why', async () => {
    const { call, told } = await start();
    expect(JSON.parse((await call('/api/why?item=leads/42&rule=won&last=3')).body)).to.deep.equal({
      changes: [],
      absent: [],
      apps: [],
    });
    expect(told.asked).to.deep.equal([{ item: 'leads/42', rule: 'won', last: 3 }]);
    for (const query of [
      '',
      '?last=3',
      '?item=1&event=2',
      '?item=1&last=0',
      '?item=1&last=101',
      '?items=1',
    ]) {
      expect((await call(`/api/why${query}`)).status, query).to.equal(400);
    }
  });

  it('takes selections of parked runs', async () => {
    const { post, told } = await start();
    expect(JSON.parse((await post('/api/parked/retry', { ids: ['1', '2'] })).body)).to.deep.equal({
      ids: ['1', '2'],
      missing: ['old'],
    });
    await post('/api/parked/retry', { ids: [17, '18'] });
    await post('/api/parked/retry', { rule: 'a' });
    await post('/api/parked/drop', { all: true });
    expect(told.retried).to.deep.equal([{ ids: ['1', '2'] }, { ids: ['17', '18'] }, { rule: 'a' }]);
    expect(told.dropped).to.deep.equal([{ all: true }]);
  });

  it('takes wishes to run a rule again, by seq or by time', async () => {
    const { post, told } = await start();
    const wish = { rule: 'a', from: 1, to: '2026-01-31T09:30:00+01:00', dryRun: true };
    const { body } = await post('/api/replay', wish);
    expect(JSON.parse(body)).to.deep.equal({ rule: 'a', from: 1, to: 9, events: 4, id: '3' });
    expect(told.replayed).to.deep.equal([
      { rule: 'a', from: { seq: 1 }, to: { time: Date.UTC(2026, 0, 31, 8, 30) }, dryRun: true },
    ]);
    const gone = await post('/api/replay', { rule: 'gone', from: 1 });
    expect([gone.status, JSON.parse(gone.body).error.code]).to.deep.equal([404, 'USAGE']);
    for (const bad of [{ rule: 'a' }, { rule: 'a', from: '2h' }, { rule: 'a', from: -1 }, { from: 1 }]) {
      expect((await post('/api/replay', bad)).status, JSON.stringify(bad)).to.equal(400);
    }
  });

  it('tells the numbers that people see of items, as far as it knows them', async () => {
    const { post } = await start();
    const { status, body } = await post('/api/items', { ids: [4711, 4712] });
    expect([status, JSON.parse(body)]).to.deep.equal([200, { numbers: { 4711: 42 } }]);
    for (const bad of [{}, { ids: [] }, { ids: ['4711'] }, { ids: [0] }])
      expect((await post('/api/items', bad)).status, JSON.stringify(bad)).to.equal(400);
  });

  it('has a rule run for an item, and tells the number of the event', async () => {
    const { post, told } = await start();
    const { status, body } = await post('/api/fire', { rule: 'a', item: 'leads/42' });
    expect([status, JSON.parse(body)]).to.deep.equal([
      200,
      { rule: 'a', app: 'leads', item: 4711, seq: 12, event: 'item.fire:a:4711:x' },
    ]);
    const gone = await post('/api/fire', { rule: 'gone', item: '1' });
    expect([gone.status, JSON.parse(gone.body).error]).to.deep.equal([
      400,
      { code: 'USAGE', message: 'there is no rule gone', hint: 'There are: a.' },
    ]);
    expect(told.fired).to.deep.equal([
      { rule: 'a', item: 'leads/42' },
      { rule: 'gone', item: '1' },
    ]);
    for (const bad of [
      {},
      { rule: 'a' },
      { item: '1' },
      { rule: 'a', item: 1 },
      { rule: 'a', item: '' },
      'x',
    ])
      expect((await post('/api/fire', bad)).status, JSON.stringify(bad)).to.equal(400);
    expect(told.fired).to.have.length(2);
  });

  it('refuses what it cannot read, saying why', async () => {
    const { call, post, told } = await start();
    const bodies: unknown[] = [
      {},
      { ids: [] },
      { all: false },
      { ids: ['1'], all: true },
      { ids: [1.5] },
      [],
      'null',
      '{',
      '',
    ];
    for (const body of bodies) {
      const answer = await post('/api/parked/drop', body);
      expect(answer.status, JSON.stringify(body)).to.equal(400);
      const { error } = JSON.parse(answer.body);
      expect(error.code).to.equal('ADMIN_REQUEST');
      expect(error.message).to.be.a('string').and.not.empty;
    }
    const form = await call('/api/parked/drop', {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: 'all=true',
    });
    expect(form.status).to.equal(400);
    expect(form.body).to.include('application/json');
    const packed = await call('/api/parked/drop', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' },
      body: '{"all":true}',
    });
    expect([packed.status, JSON.parse(packed.body).error.code]).to.deep.equal([400, 'ADMIN_REQUEST']);
    for (const query of ['limit=x', 'limit=-1', 'unknown=1', 'since=2026', 'itemId=1&itemId=2']) {
      const wanted = query === 'since=2026' ? 200 : 400;
      expect((await call(`/api/events?${query}`)).status, query).to.equal(wanted);
    }
    expect((await post('/api/parked/drop', { ids: ['a'.repeat(300_000)] })).status).to.equal(413);
    expect(told.dropped).to.deep.equal([]);
  });

  it('takes a whole URL for its path, and answers 400 to what is none', async () => {
    const { port } = await start();
    const ask = async (target: string) =>
      (await rawRequest(port, `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`)).status;
    expect([await ask('http://localhost/healthz?x'), await ask('http://[::1'), await ask('*')]).to.deep.equal(
      [200, 400, 401],
    );
  });

  it('answers other paths and methods with JSON', async () => {
    const { call } = await start();
    expect((await call('/api/nothing')).status).to.equal(404);
    expect((await call('/api/nothing', { method: 'POST' })).status).to.equal(404);
    const answer = await call('/api/status', { method: 'DELETE' });
    expect(answer.status).to.equal(405);
    expect(JSON.parse(answer.body).error.code).to.equal('ADMIN_REQUEST');
    const allowed = async (method: string, path: string) => {
      const { status, headers } = await call(path, { method });
      return [status, String(headers.get('allow')).split(', ').sort()];
    };
    expect(await allowed('DELETE', '/api/status')).to.deep.equal([405, ['GET', 'HEAD']]);
    expect(await allowed('GET', '/api/replay')).to.deep.equal([405, ['POST']]);
    expect(await allowed('POST', '/readyz')).to.deep.equal([405, ['GET', 'HEAD']]);
  });

  it('tells events as the command does', async () => {
    const event = { seq: 1, id: 'item.create:1:0' } as PodioEvent;
    const run = { rule: 'a', outcome: 'settled', steps: [] } as const;
    const { call } = await start({
      events: async () => [{ event, runs: [run, { ...run, outcome: 'parked', error: 'no' }] }],
    });
    expect(JSON.parse((await call('/api/events')).body)).to.deep.equal({
      events: [
        {
          ...event,
          runs: [
            { ...run, error: null },
            { ...run, outcome: 'parked', error: 'no' },
          ],
        },
      ],
    });
  });

  it('reconciles, waiting for it or not', async () => {
    const { post, told } = await start();
    expect(JSON.parse((await post('/api/reconcile', { prune: true })).body)).to.deep.equal({
      plan: { actions: [] },
    });
    const background = await post('/api/reconcile', { wait: false });
    expect(background.status).to.equal(202);
    expect(told.reconciled).to.deep.equal([
      { dryRun: false, prune: true, move: false, allowDeletes: false },
      { dryRun: false, prune: false, move: false, allowDeletes: false },
    ]);
    expect((await post('/api/reconcile', { prune: 'yes' })).status).to.equal(400);
  });

  it('tells of errors without their inside', async () => {
    const failing = (error: Error) => start({ events: () => Promise.reject(error) });
    const one = await (await failing(new TypeError('secret internals'))).call('/api/events');
    expect(one.status).to.equal(500);
    expect(one.body).to.not.include('internals');
    const closing = await failing(new StoreError('STORE_UNAVAILABLE', 'closing', { hint: 'Try again.' }));
    const other = await closing.call('/api/events');
    expect(other.status).to.equal(503);
    expect(JSON.parse(other.body)).to.deep.equal({
      error: { code: 'STORE_UNAVAILABLE', message: 'closing', hint: 'Try again.' },
    });
  });

  describe('its client', () => {
    const admin = (port: number, token?: string) => ({ host: '127.0.0.1', port, token });
    const failure = async (promise: Promise<unknown>) => {
      const error = await promise.catch((thrown: unknown) => thrown);
      if (!isPodiodError(error)) throw new Error(`wanted an error of podiod, got ${String(error)}`);
      return error;
    };
    const run = (port: number, pid = process.pid) => ({
      pid,
      version: '1.2.3',
      startedAt: '2026-01-01T00:00:00.000Z',
      ingress: { host: '127.0.0.1', port: 8080 },
      admin: { host: '0.0.0.0', port },
    });

    it('finds the daemon by run.json and the token in dataDir', async () => {
      using folder = temporaryFolder();
      const { port, told } = await start();
      await writeRunFile(folder.path, run(port));
      await replaceFile(join(folder.path, 'admin-token'), `${TOKEN}\n`, 0o600);
      const client = adminClient({ dataDir: folder.path, admin: admin(0) });
      expect(await client.status()).to.include({ version: '1.2.3', ready: true });
      expect((await client.rules()).map(({ rule }) => rule)).to.include('won-leads');
      expect(await client.hooks()).to.have.length(4);
      expect(await client.events({ last: 3, rule: 'a b&c' })).to.deep.equal([]);
      expect(told.queries).to.deep.equal([{ last: 3, rule: 'a b&c' }]);
      expect(await client.parked()).to.deep.equal([]);
      expect(await client.findItem('leads/42')).to.equal(4711);
      expect(await client.retryParked({ all: true })).to.deep.equal({ ids: ['1', '2'], missing: ['old'] });
      expect(await client.dropParked({ rule: 'a' })).to.deep.equal({ ids: [], waiting: 2, passed: 1 });
      expect(await client.reconcile({ move: true })).to.deep.equal({ plan: { actions: [] } });
      expect(await client.readiness()).to.include({ ready: true });
    });

    it("goes by the config's address and token where there is no run.json", async () => {
      using folder = temporaryFolder();
      const { port } = await start({
        readiness: () => ({ ready: false, reasons: ['x'], degraded: [], rules: [] }),
      });
      const client = adminClient({ dataDir: folder.path, admin: admin(port, TOKEN) });
      expect((await client.readiness()).reasons).to.deep.equal(['x']);
    });

    it('passes on what the daemon says', async () => {
      using folder = temporaryFolder();
      const { port } = await start();
      const refused = await failure(
        adminClient({ dataDir: folder.path, admin: admin(port, 'wrong') }).status(),
      );
      expect(refused.code).to.equal('ADMIN_UNAUTHORIZED');
      expect(refused.message).to.equal(
        `what answers on http://127.0.0.1:${port} refuses the token of the config (admin.token)`,
      );
      expect(refused.hint).to.include('Another podiod may answer there').and.to.include(folder.path);
      const client = adminClient({ dataDir: folder.path, admin: admin(port, TOKEN) });
      const wrong = await failure(client.retryParked({ ids: [] }));
      expect(wrong.code).to.equal('ADMIN_REQUEST');
    });

    it('says that none runs: nothing there, left behind by kill -9, or another program', async () => {
      using folder = temporaryFolder();
      const dataDir = folder.path;
      const nothing = await failure(adminClient({ dataDir, admin: admin(0) }).status());
      expect(nothing).to.include({
        code: 'ADMIN_UNREACHABLE',
        message: `no podiod is running on ${dataDir}`,
      });
      expect(nothing.hint).to.include('podiod run');

      const other = createServer((_request, response) => response.end('hello'));
      await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve));
      const address = other.address();
      const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
      const stranger = await failure(adminClient({ dataDir, admin: admin(port, TOKEN) }).status());
      expect(stranger.message).to.match(/not as podiod does$/);
      other.closeAllConnections();
      await new Promise(resolve => other.close(resolve));

      await writeRunFile(dataDir, run(port, 4711));
      const stale = await failure(adminClient({ dataDir, admin: admin(0, TOKEN) }).status());
      expect(stale.code).to.equal('ADMIN_UNREACHABLE');
      expect(stale.message).to.match(/no podiod answers .*process 4711/);
      expect(stale.message).to.not.include(TOKEN);
    });
  });
});

describe('files of dataDir', () => {
  const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

  it('make a secret once, for the owner only', async () => {
    using folder = temporaryFolder();
    const dataDir = join(folder.path, 'new', 'data');
    const secret = await ensureSecretFile(dataDir, 'secret');
    expect(secret).to.match(/^[\w-]{43}$/);
    expect(await ensureSecretFile(dataDir, 'secret')).to.equal(secret);
    expect(await ensureSecretFile(dataDir, 'admin-token')).to.not.equal(secret);
    expect(await modeOf(join(dataDir, 'secret'))).to.equal(0o600);
    expect((await readdir(dataDir)).sort()).to.deep.equal(['admin-token', 'secret']);
  });

  it('leave the old content and no rest behind when a write fails', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'taken');
    await mkdir(join(path, 'full'), { recursive: true });
    const error = await replaceFile(path, 'x', 0o600).catch((thrown: unknown) => thrown);
    if (!isPodiodError(error)) throw error;
    expect(error.code).to.equal('STORE_ACCESS');
    expect(error.message).to.equal(`${path} is a folder, and a file is needed there`);
    expect(await readdir(folder.path)).to.deep.equal(['taken']);
  });

  it('tell where the daemon is, as long as it runs', async () => {
    using folder = temporaryFolder();
    const run = {
      pid: 1,
      version: '1.0.0',
      startedAt: '2026-01-01T00:00:00.000Z',
      ingress: { host: '127.0.0.1', port: 8080 },
      admin: { host: '127.0.0.1', port: 8081 },
    };
    expect(await readRunFile(folder.path)).to.equal(undefined);
    expect(await hasRunFile(folder.path)).to.equal(false);
    expect(await hasRunFile(join(folder.path, 'x'.repeat(300)))).to.equal(true);
    await writeRunFile(folder.path, run);
    expect(JSON.parse(await readFile(join(folder.path, 'run.json'), 'utf8'))).to.deep.equal(run);
    expect(await readRunFile(folder.path)).to.deep.equal(run);
    expect(await modeOf(join(folder.path, 'run.json'))).to.equal(0o600);
    for (const broken of ['', '{', '[]', '{"pid":1}']) {
      await writeFile(join(folder.path, 'run.json'), broken);
      expect(await readRunFile(folder.path)).to.equal(undefined);
    }
    await removeRunFile(folder.path);
    await removeRunFile(folder.path);
    expect(await readdir(folder.path)).to.deep.equal([]);
  });
});
