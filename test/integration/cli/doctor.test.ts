// What the doctor says of apps and files, in this process and without a daemon.
import { chmodSync, copyFileSync, existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { madeItem } from '../../../src/core/own.ts';
import { realClock } from '../../../src/emulator/clock.ts';
import type { Store } from '../../../src/store/contract.ts';
import { openStore } from '../../../src/store/index.ts';
import { itAsRoot } from '../../support/root.ts';
import { until } from '../../support/wait.ts';
import { fromEnv, makeSite, type Site } from './site.ts';

interface Finding {
  readonly check: string;
  readonly verdict: 'ok' | 'warn' | 'fail';
  readonly message: string;
  readonly hint: string | null;
}

async function findings(site: Site, check: string): Promise<readonly Finding[]> {
  const { stdout } = await site.podiod(['doctor', '--json', '--no-handshake']);
  return (JSON.parse(stdout) as { findings: Finding[] }).findings.filter(one => one.check === check);
}

async function inStore(site: Site, work: (store: Store) => Promise<unknown>): Promise<void> {
  const store = await openStore({ dataDir: site.dataDir });
  await work(store);
  await store.close();
}

describe('podiod doctor, of an app', function () {
  this.timeout(30_000);

  it('says that its hook may be dead when an edit has not come in two minutes, and not before', async () => {
    let later = 0;
    const clock = { ...realClock, now: () => Date.now() + later };
    await using site = await makeSite({}, { clock });
    expect((await site.podiod(['apply', '--yes'])).code).to.equal(0);
    // The hooks are active, podiod has met the app, and nobody listens.
    await inStore(site, ({ settings }) => settings.set('catch-up/101', { origin: 0, reached: 0 }));
    const { itemId } = site.podio.createItem(101, { fields: { status: 'Open' } });
    const [early] = await findings(site, 'events, leads');
    expect(early?.verdict).to.equal('ok');
    expect(early?.message).to.match(
      new RegExp(`^item ${itemId} was made last, .* ago; its delivery may be on the way$`),
    );

    later = 2.5 * 60_000;
    const [late] = await findings(site, 'events, leads');
    expect(late?.verdict).to.equal('warn');
    expect(late?.message).to.match(
      new RegExp(`^item ${itemId} was made last, 2m 3\\ds ago, and podiod has nothing of it$`),
    );
    expect(late?.hint).to.match(/Else the hook is dead: see the handshake\.$/);
    expect((await findings(site, 'events, deals')).map(({ message }) => message)).to.deep.equal([
      'the app is empty',
    ]);

    // What podiod makes without hooks nobody delivers.
    await inStore(site, store => store.own.add({ id: madeItem(itemId), itemId, depth: 1, rule: 'won' }));
    const [own] = await findings(site, 'events, leads');
    expect(own?.verdict).to.equal('ok');
    expect(own?.message).to.match(/ago, by podiod itself \(rule won\)$/);
  });
});

describe('podiod doctor, of many apps with one login', function () {
  this.timeout(60_000);

  it('leaves calls for the daemon, and says of which it has not asked', async () => {
    const APPS = 50;
    const ids = Array.from({ length: APPS }, (_, n) => 1000 + n);
    const bot = { username: 'bot@example.com', password: 'password-of-bot' };
    await using site = await makeSite(
      {
        logins: { bot },
        apps: Object.fromEntries(ids.map(id => [`app-${id}`, { id, login: 'bot' }])),
        rules: { all: { on: { app: 'app-*', events: 'item.create' }, steps: ['audit'] } },
      },
      { limits: { general: 10_000, limited: 100 } },
    );
    site.podio.addUser({ name: 'Bot', ...bot });
    const { spaceId } = site.podio.addSpace({ name: 'Many' });
    for (const appId of ids) site.podio.addApp({ appId, spaceId, name: `App ${appId}`, fields: [] });
    expect((await site.podiod(['apply', '--yes'])).code).to.equal(0);
    const { code, stdout } = await site.podiod(['doctor', '--json', '--no-handshake']);
    const events = (JSON.parse(stdout) as { findings: Finding[] }).findings.filter(({ check }) =>
      check.startsWith('events, '),
    );
    expect([code, events.length]).to.deep.equal([0, APPS]);
    const by = Map.groupBy(events, ({ verdict, message }) => `${verdict}: ${message}`);
    expect([...by].map(([told, { length }]) => `${length} ${told}`).sort()).to.deep.equal([
      '20 ok: not compared, to leave calls for the daemon. None has come lately',
      '30 ok: the app is empty',
    ]);
  });
});

describe('podiod doctor, where a login has few calls left', function () {
  this.timeout(60_000);

  it('leaves them to the daemon, however often it is run, and says so once and as no failure', async () => {
    const LIMIT = 60;
    const APPS = 70;
    const ids = Array.from({ length: APPS }, (_, n) => 1000 + n);
    const bot = { username: 'bot@example.com', password: 'password-of-bot' };
    await using site = await makeSite(
      {
        logins: { bot },
        apps: Object.fromEntries(ids.map(id => [`app-${id}`, { id, login: 'bot' }])),
        rules: { hourly: { on: { schedule: '0 * * * *' }, steps: ['audit'] } },
      },
      { limits: { general: LIMIT } },
    );
    site.podio.addUser({ name: 'Bot', ...bot });
    const { spaceId } = site.podio.addSpace({ name: 'Many' });
    for (const appId of ids) site.podio.addApp({ appId, spaceId, name: `App ${appId}`, fields: [] });
    const lists = () => site.podio.requests.filter(({ operation }) => operation === 'hooks.list');
    const examine = async () => {
      const { code, stdout } = await site.podiod(['doctor', '--json', '--no-handshake']);
      const { findings: all } = JSON.parse(stdout) as { findings: Finding[] };
      expect(code, stdout).to.equal(0);
      return all.filter(({ check }) => /^(Podio|budget)/.test(check));
    };
    const [first, ...others] = await examine();
    const left = LIMIT - lists().length;
    expect(left).to.equal(LIMIT * 0.1);
    expect(others).to.deep.equal([]);
    expect(first).to.include({ check: 'budget, login/bot@example.com', verdict: 'warn' });
    expect(first?.message).to.match(
      /^not looked at are app-1\d+, app-1\d+, app-1\d+ and 13 more: no call for/,
    );
    expect(first?.hint).to.match(/kept for the daemon; .* Run podiod doctor again /);
    // Who knows nothing of what is left finds out with one call, and not with as many as go at once.
    for (let run = 1; run <= 3; run++) {
      const told = await examine();
      expect(told.map(({ hint }) => hint?.slice(-'again later.'.length))).to.deep.equal(['again later.']);
      expect(LIMIT - lists().length).to.equal(left - run);
    }
    expect(site.podio.requests.filter(({ status }) => status === 420)).to.deep.equal([]);

    // A daemon that Podio has told to wait is not disturbed with a call, and till when is known.
    const paused = { at: Date.now(), pausedMs: 49 * 60_000 };
    await inStore(site, ({ settings }) => settings.set('budget/login/bot@example.com', paused));
    const before = lists().length;
    const [waits] = await examine();
    expect(waits?.hint).to.match(/Run podiod doctor again in 4[89]m/);
    expect(lists().length).to.equal(before);
  });
});

describe('podiod doctor, without an answer of Podio', function () {
  this.timeout(30_000);

  it('says that Podio could not be asked for a ping, and not that the way here may be broken', async () => {
    await using site = await makeSite();
    expect((await site.podiod(['apply', '--yes'])).code).to.equal(0);
    const told = async (errorStatus: number) => {
      site.podio.setFaults({ errorRate: 1, errorStatus, operations: ['hooks.request_verify'] });
      const { stdout } = await site.podiod(['doctor', '--json']);
      const { findings: all } = JSON.parse(stdout) as { findings: Finding[] };
      const of = all.filter(({ check }) => check.startsWith('handshake'));
      return of.map(({ verdict, message, hint }) => [verdict, message.slice(0, 25), hint?.slice(0, 19)]);
    };
    expect(await told(420)).to.deep.equal([['warn', 'Podio could not be asked:', 'Try again later: no']]);
    expect(await told(403)).to.deep.equal([['fail', 'Podio could not be asked:', 'Look at its token o']]);
    expect(await told(503)).to.deep.equal([['fail', 'Podio could not be asked:', 'Look at podio.apiUr']]);
  });

  it('says of clock, tokens and hooks that it knows nothing, and no more', async () => {
    await using site = await makeSite();
    site.podio.setFaults({ down: true });
    mkdirSync(site.dataDir, { mode: 0o700 });
    const { code, stdout } = await site.podiod(['doctor', '--json']);
    expect(code).to.equal(1);
    const { findings: all } = JSON.parse(stdout) as { findings: Finding[] };
    expect(all.map(({ check }) => check)).to.not.include('ingress');
    const of = (check: string) => all.filter(one => one.check === check);
    expect(of('clock').map(({ verdict, message }) => [verdict, message])).to.deep.equal([
      ['warn', "it can't be compared with the one of Podio, which has not answered"],
    ]);
    for (const app of ['leads', 'deals']) {
      const [finding] = of(`Podio, ${app}`);
      expect(finding?.verdict).to.equal('fail');
      expect(finding?.message).to.include('could not be sent');
      expect(finding?.hint).to.match(/^Look at podio\.apiUrl, the network/);
    }
    expect(of('handshake').map(({ message }) => message)).to.deep.equal([
      'none was asked for: no active hook is known, and not all could be looked at',
    ]);
    expect(stdout).to.not.include('podiod apply makes them').and.to.not.include('token or login');
  });

  it('says of a field that could not be looked up that Podio is away, and once', async () => {
    const on = { app: 'leads', fields: { status: { to: 'Won' } } };
    await using site = await makeSite({
      rules: { a: { on, steps: ['audit'] }, b: { on, steps: ['audit'] } },
    });
    site.podio.setFaults({ down: true });
    mkdirSync(site.dataDir, { mode: 0o700 });
    const { findings: all } = JSON.parse((await site.podiod(['doctor', '--json'])).stdout) as {
      findings: Finding[];
    };
    const of = all.filter(({ check }) => check === 'field leads.status');
    expect(of.map(({ hint }) => hint?.slice(0, 22))).to.deep.equal(['Look at podio.apiUrl, ']);
    expect(of[0]?.message).to.match(/could not be sent to [\w.]+:\d+: /);
  });

  itAsRoot('makes nothing for a daemon that runs as somebody else, for no more than a look', async () => {
    await using site = await makeSite();
    site.podio.setFaults({ down: true });
    const { stdout } = await site.podiod(['doctor']);
    expect(stdout).to.include(`podiod does not listen: ${site.dataDir} is not there yet`);
    expect(existsSync(site.dataDir)).to.equal(false);
  });

  it('knows the clock, and what a refused token is, when it does answer', async () => {
    await using site = await makeSite({
      apps: { leads: { id: 101, token: 'leads-token' }, deals: { id: 102, token: 'wrong' } },
    });
    expect((await findings(site, 'clock')).map(({ verdict }) => verdict)).to.deep.equal(['ok']);
    const [refused] = await findings(site, 'Podio, deals');
    expect(refused?.hint).to.not.include('apiUrl');
  });
});

describe('podiod doctor, of secrets', function () {
  this.timeout(30_000);

  it('says for how long an old one is accepted, once that should be over', async () => {
    await using site = await makeSite();
    site.podio.setFaults({ down: true });
    const write = (name: string, text: string): string => {
      const path = site.write(`data/${name}`, text);
      chmodSync(path, 0o600);
      return path;
    };
    write('secret', 'the-secret-of-hooks\n');
    const old = write('previous-secrets', 'the-secret-of-before\n');
    expect(await findings(site, 'old secret')).to.deep.equal([]);
    const before = new Date(Date.now() - 3 * 86_400_000);
    utimesSync(old, before, before);
    const [told] = await findings(site, 'old secret');
    expect([told?.verdict, told?.message]).to.deep.equal([
      'warn',
      'deliveries with one are accepted, since 3d',
    ]);
    // What a reload that was killed has left is no other one.
    write('previous-secrets', 'the-secret-of-hooks\n');
    utimesSync(old, before, before);
    expect(await findings(site, 'old secret')).to.deep.equal([]);
  });

  it('names every file of podiod’s that others can get at, and copies of the data, with what to say', async () => {
    await using site = await makeSite();
    site.podio.setFaults({ down: true });
    mkdirSync(site.dataDir, { mode: 0o700 });
    await (await openStore({ dataDir: site.dataDir })).close();
    const at = (name: string): string => join(site.dataDir, name);
    copyFileSync(at('podiod.db'), at('by-hand.db'));
    for (const name of ['lock.db', 'by-hand.db']) chmodSync(at(name), 0o644);
    expect(await findings(site, 'files')).to.deep.equal([
      {
        check: 'files',
        verdict: 'fail',
        message: `others on this machine can get at ${at('lock.db')} (0644): podiod does not start`,
        hint: `chmod 600 ${at('lock.db')}`,
      },
      {
        check: 'files',
        verdict: 'warn',
        message: `others on this machine can get at copies of the data: ${at('by-hand.db')} (0644)`,
        hint: `chmod 600 ${at('by-hand.db')}`,
      },
    ]);
  });

  it('goes on where a secret can’t be used, and says so', async () => {
    await using site = await makeSite({ server: { publicUrl: 'https://hooks.example.com/podio', port: 0 } });
    site.podio.setFaults({ down: true });
    mkdirSync(site.dataDir, { mode: 0o700 });
    site.write('data/secret', 'short');
    chmodSync(join(site.dataDir, 'secret'), 0o600);
    const { code, stdout } = await site.podiod(['doctor', '--json', '--no-handshake']);
    expect(code).to.equal(1);
    const { findings: all } = JSON.parse(stdout) as { findings: Finding[] };
    expect(all.find(({ check }) => check === 'hooks')?.message).to.match(
      /secret must have 16 characters or more/,
    );
  });

  it('minds no damaged one where the config has another', async () => {
    await using site = await makeSite();
    chmodSync(site.write('data/secret', '\n'), 0o600);
    const { code, stderr } = await site.podiod(['plan']);
    expect([code, stderr]).to.satisfy(([c, text]: [number, string]) => c === 1 && text.includes('is empty'));
    site.configure({
      server: {
        publicUrl: site.publicUrl,
        port: Number(new URL(site.publicUrl).port),
        allowNonPublicUrl: true,
        secret: 'the-secret-of-the-config',
      },
    });
    expect((await site.podiod(['plan'])).code).to.equal(0);
  });
});

describe('podiod doctor, where variables are missing', function () {
  this.timeout(30_000);

  it('says that an .env beside the config has them, as check does, and where not, which is missing', async () => {
    await using site = await makeSite({
      podio: { clientId: 'podiod', clientSecret: fromEnv('CLIENT_SECRET') },
    });
    const file = join(site.folder, '.env');
    const [without] = await findings(site, 'config');
    expect(without?.hint).to.match(
      /^the environment variable CLIENT_SECRET is not set: set it, .*\npodiod check/,
    );
    writeFileSync(file, 'CLIENT_SECRET=client-secret\n', { mode: 0o600 });
    const hint = `it is in ${file}: say --env-file ${file}`;
    const [beside] = await findings(site, 'config');
    expect(beside?.hint).to.include(hint);
    const check = await site.podiod(['check']);
    expect([check.code, check.stdout]).to.satisfy(
      ([code, text]: [number, string]) => code === 78 && text.includes(hint),
    );
    expect((await site.podiod(['check', '--env-file', file])).code).to.equal(0);
    writeFileSync(file, 'OTHER=1\n');
    expect((await site.podiod(['check'])).stdout).to.not.include(file);
  });
});

if (process.platform !== 'win32') {
  describe('a config with secrets in it that everybody can read', function () {
    this.timeout(30_000);
    const SECRETS = { podio: { clientId: 'podiod', clientSecret: fromEnv('CLIENT_SECRET') } };
    const APPS = { leads: { id: 101, token: fromEnv('TOKEN') }, deals: { id: 102, token: fromEnv('TOKEN') } };

    it('is a warning of check and doctor, and no more than that', async () => {
      await using site = await makeSite();
      const file = join(site.folder, '.podiorc.yml');
      chmodSync(file, 0o644);
      const open = await site.podiod(['check']);
      expect(open.code).to.equal(0);
      expect(open.stdout).to.match(
        /^\.podiorc\.yml:\d+:\d+: warning: everybody on this machine can read .*\.podiorc\.yml, and there are secrets in it \[CONFIG_OPEN_FILE\]$/m,
      );
      expect(open.stdout).to.include(`chmod o= ${file}`);
      expect(open.stdout).to.not.include('client-secret');
      const told = (await findings(site, 'config')).filter(({ verdict }) => verdict === 'warn');
      expect(told.map(({ message }) => message)).to.include(
        `everybody on this machine can read ${file}, and there are secrets in it`,
      );

      chmodSync(file, 0o640);
      expect((await site.podiod(['check'])).stdout).to.not.include('CONFIG_OPEN_FILE');
    });

    it('is a warning of the file of variables too: the one beside it, and the one that is named', async () => {
      await using site = await makeSite();
      chmodSync(join(site.folder, '.podiorc.yml'), 0o600);
      const beside = site.write('.env', 'PODIO_CLIENT_SECRET=client-secret-of-the-env\n');
      const named = site.write('other.env', 'LEADS_TOKEN=x\n');
      const harmless = site.write('harmless.env', 'PORT=1\n');
      for (const path of [beside, named, harmless]) chmodSync(path, 0o444);
      const told = async (...options: readonly string[]): Promise<readonly string[]> => {
        const { code, stdout } = await site.podiod(['check', '--json', ...options]);
        expect(code).to.equal(0);
        expect(stdout).to.not.include('client-secret-of-the-env');
        const { problems } = JSON.parse(stdout) as { problems: { code: string; hint: string }[] };
        return problems
          .filter(({ code }) => code === 'CONFIG_OPEN_FILE')
          .map(({ hint }) => /^chmod o= (\S+), /.exec(hint)?.[1] ?? hint);
      };
      expect(await told()).to.deep.equal([beside]);
      expect(await told('--env-file', '.env')).to.deep.equal([beside]);
      expect(await told('--env-file', 'other.env')).to.deep.equal([named, beside]);
      expect(await told('--env-file', 'harmless.env')).to.deep.equal([beside]);
      const found = (await findings(site, 'config')).filter(({ verdict }) => verdict === 'warn');
      expect(found.map(({ message }) => message)).to.include(
        `everybody on this machine can read ${beside}, and there are secrets in it (PODIO_CLIENT_SECRET)`,
      );

      // The start says so, and starts.
      const daemon = site.start(['run', '--env-file', '.env']);
      await until(() => existsSync(join(site.dataDir, 'run.json')), 'a start');
      daemon.stop();
      expect(await daemon.ended).to.equal(0);
      expect(daemon.stderr()).to.include(`everybody on this machine can read ${beside}`);
      for (const path of [beside, named]) chmodSync(path, 0o640);
      expect(await told('--env-file', 'other.env')).to.deep.equal([]);
    });

    it('is of no concern where they come from elsewhere; an included file is', async () => {
      await using site = await makeSite({ ...SECRETS, apps: APPS, include: ['more.yml'] });
      const more = site.write('more.yml', { plugins: { tell: { use: 'slack-notifier', text: 'x' } } });
      for (const path of [more, join(site.folder, '.podiorc.yml')]) chmodSync(path, 0o644);
      const env = { CLIENT_SECRET: 'client-secret', TOKEN: 'leads-token' };
      const codes = async () => {
        const { stdout } = await site.podiod(['check', '--json'], { env });
        const { problems } = JSON.parse(stdout) as { problems: { code: string; file: string }[] };
        return problems.filter(({ code }) => code === 'CONFIG_OPEN_FILE').map(({ file }) => file);
      };
      expect(await codes()).to.deep.equal([]);
      const webhookUrl = 'https://hooks.slack.com/services/T/B/x';
      site.write('more.yml', { plugins: { tell: { use: 'slack-notifier', text: 'x', webhookUrl } } });
      expect(await codes()).to.deep.equal([more]);
    });
  });
}
