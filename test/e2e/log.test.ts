// The log of a running daemon: what it tells, and what it never tells.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { openReader } from '../../src/store/index.ts';
import { spawnPodiod } from '../support/processes.ts';
import { until } from '../support/wait.ts';
import { LEADS, makeSite, SALES, SECRET, type Site, STATUS_FIELD, startReceiver } from './site.ts';

type Line = Readonly<Record<string, unknown>> & { readonly message: string; readonly level: string };

const linesOf = (log: string): readonly Line[] =>
  log
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as Line);

const askingRule = {
  tell: {
    on: { app: 'leads', fields: { status: { to: 'Won' } } },
    steps: [{ slack: { text: '{{ item.title }}' } }],
  },
};

/** A plugin that asks Podio for something itself. */
const READER = `
import { definePlugin, z } from 'podiod/plugin';
import { concatMap } from 'rxjs';
export default definePlugin({
  name: 'read',
  options: z.object({}),
  setup: (_options, { podio }) => ({
    operator: messages$ => messages$.pipe(
      concatMap(async message => {
        await podio.apps.get('leads');
        return message;
      }),
    ),
  }),
});
`;

/** What podiod has been given by Podio and keeps: access and refresh tokens. */
async function tokensOf(site: Site): Promise<readonly string[]> {
  const reader = openReader(site.dataDir);
  try {
    const kept = await reader.settings.list('token/');
    return JSON.stringify([...kept.values()]).match(/(?<=")[A-Za-z0-9._-]{20,}(?=")/g) ?? [];
  } finally {
    await reader.close();
  }
}

/** Something happens: an item is made and won, a delivery is refused, a plugin fails. */
async function happen(site: Site): Promise<void> {
  const { itemId } = await site.podio.createItem(LEADS.id, { fields: { title: 'A', status: 'Open' } });
  await site.podio.updateItem(itemId, { fields: { status: 'Won' } });
  await fetch(`${site.publicUrl}/${'k'.repeat(43)}/app/101/item.update`, { method: 'POST', body: 'type=x' });
}

describe('the log', function () {
  this.timeout(60_000);

  it('leads from a delivery to its run and the calls to Podio', async () => {
    const slack = await startReceiver();
    const site = await makeSite({
      plugins: { slack: { use: 'slack-notifier', webhookUrl: slack.url }, read: { use: './read.ts' } },
      rules: { tell: { ...askingRule.tell, steps: ['read', ...askingRule.tell.steps] } },
    });
    site.write('read.ts', READER);
    const daemon = site.run({ args: ['--log-level', 'debug'] });
    await daemon.ready();
    await happen(site);
    await until(() => slack.received.length === 1, 'the message');
    await until(() => daemon.log().includes('"outcome":"settled"'), 'the end of the run');

    const lines = linesOf(daemon.log());
    const run = lines.find(({ message, outcome }) => message === 'run ended' && outcome === 'settled');
    expect(run).to.include({ module: 'dispatch', rule: 'tell' });
    const { event, seq } = run as Line;
    const related = lines.filter(line => line.event === event || line.seq === seq);
    expect(related.map(({ message }) => message)).to.include.members(['event taken in', 'run ended']);
    // What the plugin asked Podio for carries its run, and a number of its own.
    const calls = related.filter(({ module }) => module === 'podio');
    expect(calls.map(({ message, rule, step }) => [message, rule, step])).to.deep.include([
      'call answered',
      'tell',
      'read',
    ]);
    // Calls that find out whether a rule wants it, too.
    expect(calls.map(({ operation }) => operation)).to.include.members(['items.difference', 'apps.get']);
    expect(new Set(lines.flatMap(({ call }) => call ?? [])).size).to.equal(
      lines.filter(({ call }) => call !== undefined).length,
    );
  });

  it('holds no secret, token or key of a hook, at any level', async () => {
    const slack = await startReceiver(() => 500);
    const webhookUrl = `${slack.url}/T0AAAA/B0BBBB/slack-path-secret`;
    const site = await makeSite({
      admin: { port: 0, token: 'an-admin-token-of-the-config' },
      plugins: {
        slack: { use: 'slack-notifier', webhookUrl },
        audit: { use: 'file-logger', path: './events.ndjson' },
      },
      rules: {
        ...askingRule,
        everything: { on: { app: 'leads', events: '*' }, steps: ['audit'] },
        fields: { on: { app: 'leads', fields: ['status'] }, steps: ['audit'] },
        tasks: { on: { space: 'sales', events: 'task.create' }, steps: ['audit'] },
      },
    });
    const daemon = site.run({ args: ['--log-level', 'debug'] });
    await daemon.ready();
    await happen(site);
    await until(() => daemon.log().includes('slack'), 'the failure');
    expect((await daemon.admin('/api/reconcile', {})).ok).to.equal(true);
    await fetch(`${site.publicUrl}?secret=in-a-query`);
    const tokens = await tokensOf(site);
    await daemon.end('SIGTERM');

    const log = daemon.log();
    const keys = [
      [LEADS, 'item.update'],
      [LEADS, 'item.create'],
      [STATUS_FIELD, 'item.update'],
      [SALES, 'task.create'],
    ] as const;
    const secrets = [
      SECRET,
      'client-secret',
      'bot-password',
      'leads-token',
      'deals-token',
      'an-admin-token-of-the-config',
      'slack-path-secret',
      ...keys.map(([ref, type]) => new URL(site.hookUrl(ref, type)).pathname.split('/')[2] ?? ''),
      'k'.repeat(43),
      ...tokens,
    ];
    expect(tokens.length).to.be.at.least(4);
    expect(linesOf(log).filter(({ level }) => level === 'debug').length).to.be.above(10);
    for (const secret of secrets) expect(log.includes(secret), secret.slice(0, 6)).to.equal(false);
  });

  it('has one line for an outage and one for its end, and none for each event or each rule', async () => {
    let isDown = true;
    let refused = 0;
    const slack = await startReceiver(() => {
      if (isDown) refused += 1;
      return isDown ? 503 : 200;
    });
    const rule = { on: { app: 'leads', events: 'item.create' }, steps: [{ slack: { text: 'x' } }] };
    const names = ['a', 'b', 'c', 'd', 'e'];
    const site = await makeSite({
      plugins: { slack: { use: 'slack-notifier', webhookUrl: slack.url } },
      rules: Object.fromEntries(names.map(name => [name, rule])),
    });
    const daemon = await site.boot();
    const before = linesOf(daemon.log()).length;
    for (let item = 1; item <= 60; item++) {
      await site.deliver(LEADS, 'item.create', { item_id: item, item_revision_id: 0 });
    }
    // A try at a time, by whatever rule.
    const tried = refused + 15;
    await until(() => refused >= tried, 'some tries');
    isDown = false;
    await site.untilRun(60, ...names);
    const lines = linesOf(daemon.log()).slice(before);
    expect(
      lines.map(({ level, message }) => `${level} ${message}`),
      daemon.log(),
    ).to.deep.equal(['warn step failed', 'info plugin works again']);
  });

  it('is nothing that podiod would end for: whoever read it may be gone', async () => {
    const site = await makeSite({
      rules: { comments: { on: { app: 'leads', events: 'comment.create' }, steps: ['audit'] } },
    });
    const daemon = spawnPodiod(['run', '--config', site.configFile], ['ignore', 'ignore', 'pipe']);
    const comment = (id: number) => site.deliver(LEADS, 'comment.create', { comment_id: id, item_id: 1 });
    await until(async () => (await comment(1)) === 200, 'the first to be taken in');
    daemon.stderr?.destroy();
    // Each is a line.
    for (const _ of [1, 2, 3]) expect((await fetch(`${site.publicUrl}/nowhere`)).status).to.equal(404);
    expect(await comment(2)).to.equal(200);
    await site.untilLines('events.ndjson', 2);
    const ended = once(daemon, 'exit');
    daemon.kill('SIGTERM');
    expect(await ended).to.deep.equal([0, null]);
    expect(existsSync(join(site.dataDir, 'run.json'))).to.equal(false);
  }).timeout(30_000);

  it('changes its levels while podiod runs', async () => {
    const site = await makeSite({
      rules: { all: { on: { app: 'leads', events: 'item.create' }, steps: ['audit'] } },
    });
    const daemon = await site.boot();
    const create = (item: number) =>
      site.deliver(LEADS, 'item.create', { item_id: item, item_revision_id: 0 });
    const said = (message: string) => linesOf(daemon.log()).filter(line => line.message === message).length;
    await create(1);
    await site.untilRun(1, 'all');
    expect(said('event taken in')).to.equal(0);

    const changed = await site.podiod(['log-level', 'ingress', 'debug', '--for', '1h']);
    expect(changed.code).to.equal(0);
    expect(changed.stdout)
      .to.match(/^ingress +debug, until \d{4}-/m)
      .and.to.match(/^dispatch +info$/m);
    await create(2);
    await site.untilRun(2, 'all');
    expect(said('event taken in')).to.equal(1);
    expect(said('run ended')).to.equal(0);
    expect(said('log level changed')).to.equal(1);

    const wrong = await site.podiod(['log-level', 'ingres', 'debug', '--json']);
    expect(wrong.code).to.equal(2);
    expect(JSON.parse(wrong.stdout).error.message).to.equal('there is no module ingres');
    expect(JSON.parse((await site.podiod(['log-level', 'reset', '--json'])).stdout)).to.include({
      level: 'info',
    });
    await create(3);
    await site.untilRun(3, 'all');
    expect(said('event taken in')).to.equal(1);
  });

  it('is filed by its levels where journald reads it, and readable where that is wanted', async () => {
    const site = await makeSite({ rules: {} });
    const { PATH, HOME } = process.env;
    const file = join(site.folder, 'stderr');
    const fd = openSync(file, 'w');
    const { dev, ino } = fstatSync(fd);
    const bin = join(import.meta.dirname, '../../bin/podiod.js');
    const child = spawn(process.execPath, [bin, 'run', '--config', site.configFile], {
      env: { PATH, HOME, JOURNAL_STREAM: `${dev}:${ino}`, PODIOD_LOG_FORMAT: 'text' },
      stdio: ['ignore', 'ignore', fd],
    });
    closeSync(fd);
    try {
      await until(() => readFileSync(file, 'utf8').includes('podiod is up'), 'the daemon', 20_000);
    } finally {
      child.kill('SIGTERM');
    }
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    for (const line of lines)
      expect(line).to.match(/^<[3467]>\d\d:\d\d:\d\d\.\d{3} (error|warn |info |debug)/);
    expect(lines.some(line => /^<4>.* warn {2}config/.test(line))).to.equal(true);
    expect(lines.some(line => /^<6>.* info {2}podiod is up/.test(line))).to.equal(true);
  });
});
