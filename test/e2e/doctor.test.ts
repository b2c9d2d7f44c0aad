// `podiod doctor`: what is well is said to be, and what is not is found, with what to do.
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { freePort, LEADS, makeSite, SECRET, type Site } from './site.ts';

interface Finding {
  readonly check: string;
  readonly verdict: 'ok' | 'warn' | 'fail';
  readonly message: string;
  readonly hint: string | null;
}

const RULES = { all: { on: { app: 'leads', events: ['item.create', 'item.update'] }, steps: ['audit'] } };

async function examine(site: Site, ...args: string[]) {
  const { code, stdout, stderr } = await site.podiod(['doctor', '--json', ...args]);
  const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: Finding[] };
  expect(ok, stdout + stderr).to.equal(code === 0);
  const of = (check: string) => findings.find(one => one.check.startsWith(check));
  return { code, findings, of, shown: stdout };
}

/** A proxy in front of podiod that can break. */
async function startProxy(to: number): Promise<{ readonly port: number; break(): void; close(): void }> {
  let isBroken = false;
  const server = createServer((incoming, outgoing) => {
    if (isBroken) {
      outgoing.writeHead(502).end();
      return;
    }
    const { method, url, headers } = incoming;
    const passed = request({ host: '127.0.0.1', port: to, method, path: url, headers }, answer => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    passed.once('error', () => outgoing.writeHead(502).end());
    incoming.pipe(passed);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    break() {
      isBroken = true;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe('podiod doctor', function () {
  this.timeout(90_000);

  it('finds nothing wrong beside a healthy daemon, and has its hook pinged', async () => {
    const site = await makeSite({ rules: RULES });
    await site.boot();
    await site.podio.createItem(LEADS.id, { fields: { title: 'Alder' } });
    await site.untilRun(1, 'all');
    const before = (await site.hooks()).join();
    expect((await site.podiod(['pause', '--rule', 'all'])).code).to.equal(0);
    const { code, findings, of, shown } = await examine(site, '--every-hook');
    expect(code, shown).to.equal(0);
    for (const check of [
      'files',
      'database',
      'daemon',
      'public address',
      'hooks, leads',
      'clock',
      'events, leads',
    ]) {
      expect(of(check), `${check}\n${shown}`).to.include({ verdict: 'ok' });
    }
    expect(of('rule all')).to.include({ verdict: 'warn' });
    expect(of('rule all')?.message).to.match(/^someone paused it, at 20/);
    expect(of('events, leads')?.message).to.match(/^quiet, and not deaf/);
    const shaken = findings.filter(({ check }) => check.startsWith('handshake'));
    expect(shaken.map(({ check, verdict }) => [check, verdict])).to.deep.equal([
      ['handshake, leads item.create', 'ok'],
      ['handshake, leads item.update', 'ok'],
    ]);
    // Nothing but hooks was touched, and these are as they were.
    expect((await site.hooks()).join()).to.equal(before);
    expect(await site.peek()).to.have.length(1);
    expect(shown).to.not.include(SECRET);
  });

  it('takes the ping itself where no daemon runs', async () => {
    const site = await makeSite({ rules: RULES });
    const daemon = await site.boot();
    await daemon.end('SIGTERM');
    const { code, of, shown } = await examine(site);
    expect(code, shown).to.equal(0);
    expect(of('daemon')).to.include({ verdict: 'warn' });
    expect(of('handshake'), shown).to.include({ verdict: 'ok' });
    const text = await site.podiod(['doctor', '--no-handshake']);
    expect(text.stdout)
      .to.match(/^ok {4}database: /m)
      .and.to.match(/\d+ ok, \d+ warning/);
    expect(text.stdout).to.not.include('handshake');
  });

  it('finds a way that is broken: the daemon is well, its hooks are active, and nothing arrives', async () => {
    const behind = await freePort();
    const proxy = await startProxy(behind);
    try {
      const site = await makeSite({ rules: RULES });
      const publicUrl = `http://127.0.0.1:${proxy.port}/podio`;
      site.configure({ server: { publicUrl, port: behind, secret: SECRET, allowNonPublicUrl: true } });
      await site.boot();
      proxy.break();
      const { code, of, shown } = await examine(site);
      expect(code).to.equal(1);
      expect(of('daemon'), shown).to.include({ verdict: 'ok' });
      expect(of('public address')).to.include({ verdict: 'fail' });
      expect(of('public address')?.message).to.match(/answers 502$/);
      expect(of('handshake')).to.include({ verdict: 'fail' });
      expect(of('handshake')?.message).to.equal('no ping came within 20 s');
    } finally {
      proxy.close();
    }
  });

  it('tells a deaf app from a quiet one', async () => {
    const site = await makeSite({ rules: RULES, catchUp: { onStart: false, every: '1d' } });
    const daemon = await site.boot();
    await site.podio.createItem(LEADS.id, { fields: { title: 'Alder' } });
    await site.untilRun(1, 'all');
    await daemon.end('SIGTERM');
    // Nobody listens while it is edited, and the edit is old enough to have arrived.
    const [item] = await site.peek();
    await site.podio.updateItem(item?.event.itemId ?? 0, { fields: { title: 'Birch' } });
    const { of, shown } = await examine(site, '--no-handshake');
    const events = of('events, leads');
    expect(events?.message, shown).to.match(
      /its delivery may be on the way|podiod has its revision 0 and not 1/,
    );
  });

  it('finds credentials that Podio refuses, hooks that are gone and an app that was never seen', async () => {
    const site = await makeSite({ rules: RULES });
    const daemon = await site.boot();
    await daemon.end('SIGTERM');
    for (const { hookId, url } of await site.podio.hooks()) {
      if (url.endsWith('item.update')) await site.podio.deleteHook(hookId);
    }
    site.configure({
      logins: { bot: { username: 'bot@example.com', password: 'wrong' } },
      apps: { leads: { id: LEADS.id, token: 'leads-token' }, deals: { id: 999, token: 'nobodys-token' } },
    });
    const { code, of, findings, shown } = await examine(site, '--no-handshake');
    expect(code).to.equal(1);
    expect(of('Podio, deals'), shown).to.include({ verdict: 'fail' });
    expect(of('Podio, deals')?.hint).to.be.a('string');
    const missing = findings.find(
      ({ check, message }) => check === 'hooks, leads' && message.includes('missing'),
    );
    expect(missing?.message).to.equal('item.update is missing');
    expect(shown).to.not.include('nobodys-token');

    // Before a first start nothing is there: that is one thing to be told, however many apps there are.
    for (const { hookId } of await site.podio.hooks()) await site.podio.deleteHook(hookId);
    const first = await examine(site, '--no-handshake');
    const told = first.findings.filter(({ check }) => check.startsWith('hooks'));
    expect(
      told.map(({ verdict, message }) => [verdict, message.replace(/\d+/, 'N')]),
      first.shown,
    ).to.deep.equal([['fail', 'none of the N that the rules need is there yet']]);
  });

  it('finds what is wrong on this machine: config, open files, a damaged database', async () => {
    const site = await makeSite({ rules: RULES });
    const daemon = await site.boot();
    await daemon.end('SIGTERM');
    const token = join(site.dataDir, 'admin-token');
    chmodSync(token, 0o644);
    const previous = join(site.dataDir, 'previous-secrets');
    writeFileSync(previous, 'one-that-was-replaced-01\n');
    chmodSync(previous, 0o644);
    const database = join(site.dataDir, 'podiod.db');
    const bytes = readFileSync(database);
    bytes.fill(0x41, 100, 8000);
    writeFileSync(database, bytes);
    site.configure({ rules: { all: { ...RULES.all, steps: ['adit'] } } });
    const { code, of, shown } = await examine(site);
    expect(code).to.equal(1);
    expect(of('config'), shown).to.deep.include({ verdict: 'fail', message: 'it has one problem' });
    expect(of('files')?.hint).to.equal(`chmod 600 ${token} ${previous}`);
    expect(of('database')).to.include({ verdict: 'fail' });
    expect(of('database')?.hint).to.include('backup');
  });
});
