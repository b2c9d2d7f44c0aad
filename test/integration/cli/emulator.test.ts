import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { startCommand } from '../../support/cli.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { until } from '../../support/wait.ts';
import { makeSite } from './site.ts';

const PORT = ['emulator', '--port', '0'];

/** A command line's words, as a shell sees them. */
const wordsOf = (line: string): string[] =>
  execFileSync('sh', ['-c', `curl() { printf '%s\\n' "$@"; }; ${line}`], { encoding: 'utf8' })
    .trimEnd()
    .split('\n');

describe('podiod emulator', () => {
  it('prints lines for curl that log in and make an item', async () => {
    using folder = temporaryFolder();
    await using emulator = startCommand(PORT, { cwd: folder.path });
    const [line] = await emulator.shows(/curl http.*/);
    const [url = '', , header = '', , body = ''] = wordsOf(line);
    const [name = '', value = ''] = header.split(': ');
    const answer = await fetch(url, { method: 'POST', headers: { [name]: value }, body });
    expect(answer.status).to.equal(200);
    const { access_token: token } = (await answer.json()) as { access_token: string };
    const [make] = await emulator.shows(/curl \S+\/item\/app\/.*/);
    const [to = '', ...rest] = wordsOf(make.replace('TOKEN', token));
    const headers = Object.fromEntries(
      rest.flatMap((word, n) => (rest[n - 1] === '-H' ? [word.split(': ')] : [])),
    );
    const made = await fetch(to, { method: 'POST', headers, body: rest.at(-1) ?? '' });
    expect(made.status).to.equal(200);
    expect(await made.json()).to.include({ title: 'A try' });
    emulator.stop();
    expect(await emulator.ended).to.equal(0);
  });

  it('prints YAML that points podiod at it', async () => {
    await using site = await makeSite();
    await using emulator = site.start(PORT);
    const [printed] = await emulator.shows(/ {2}podio: .*\n {2}server: .*/);
    const snippet = parse(printed.replaceAll(/^ {2}/gm, ''));
    const credentials = { clientId: 'podiod', clientSecret: 'client-secret' };
    site.configure({
      podio: { ...credentials, ...snippet.podio },
      server: { ...snippet.server, port: 0 },
    });
    const { code, stdout } = await site.podiod(['plan']);
    expect(code).to.equal(0);
    expect(stdout).to.include('leads.status');
    expect(site.podio.requests, 'the other one').to.have.length(0);
    emulator.stop();
    await emulator.ended;
  });

  it("names the places of a config's own credentials, not their values", async () => {
    await using site = await makeSite({
      logins: { bot: { username: 'bot@example.com', password: 'bot-password' } },
    });
    await using emulator = site.start(PORT);
    const [line] = await emulator.shows(/curl http.*/);
    const secrets = ['client-secret', 'leads-token', 'deals-token', 'bot-password'];
    for (const secret of secrets) expect(emulator.stdout()).to.not.include(secret);
    for (const place of ['<apps.deals.token>', '<logins.bot.password>']) {
      expect(emulator.stdout()).to.include(place);
    }
    // With what stands there, the line logs in.
    const body = (wordsOf(line).at(-1) ?? '')
      .replace('<apps.leads.token>', 'leads-token')
      .replace('<podio.clientSecret>', 'client-secret');
    const headers = { 'Content-Type': 'application/json' };
    const answer = await fetch(wordsOf(line)[0] ?? '', { method: 'POST', headers, body });
    expect(answer.status).to.equal(200);
    emulator.stop();
    await emulator.ended;
  });

  it('has every field that rules and their tests name, also those that are newer than the catalog', async () => {
    await using site = await makeSite({
      apps: {
        leads: { id: 101, token: 'leads-token' },
        deals: { id: 102, token: 'deals-token', fields: { ends: '260000700' } },
      },
    });
    const fieldsOf = async (rules: object) => {
      site.configure({ rules });
      await using emulator = site.start(PORT);
      const [, url = ''] = await emulator.shows(/listens on (\S+),/);
      site.configure({ rules, podio: { apiUrl: url, clientId: 'podiod', clientSecret: 'client-secret' } });
      const { stderr, code } = await site.podiod(['pull']);
      expect(code, stderr).to.equal(0);
      const check = await site.podiod(['check']);
      expect(check.code, check.stdout + check.stderr).to.equal(0);
      emulator.stop();
      await emulator.ended;
      const {
        apps,
      }: { apps: Record<string, { fields: { id: number; externalId: string; type: string }[] }> } =
        JSON.parse(readFileSync(join(site.folder, '.podiorc.catalog.json'), 'utf8'));
      const ids = Object.values(apps).flatMap(({ fields }) => fields.map(({ id }) => id));
      expect(new Set(ids).size, 'no two have the same id').to.equal(ids.length);
      const typesIn = (app: string) =>
        Object.fromEntries((apps[app]?.fields ?? []).map(({ externalId, type }) => [externalId, type]));
      return { leads: typesIn('leads'), deals: typesIn('deals') };
    };

    const remind = {
      on: { app: 'leads', date: 'renewal', at: '-3d 09:00' },
      where: { 'fields.region': 'North', 'fields.headcount': 10, 'fields.deadline': { lt: '-7d' } },
      steps: [{ 'podio-item': { app: 'deals', set: { summary: '{{ fields.nickname }}' } } }],
      tests: [{ name: 'small', app: 'leads', after: { nickname: 'Fjord', tier: 2 }, expect: false }],
    };
    const first = await fieldsOf({ remind });
    expect(first.leads).to.include({
      renewal: 'date',
      region: 'category',
      headcount: 'number',
      deadline: 'date',
      nickname: 'text',
      tier: 'number',
    });
    expect(first.deals).to.include({ summary: 'text', 'field-260000700': 'text' });

    const later = { on: { app: 'leads', fields: { colour: { to: 'Red' } } }, steps: ['audit'] };
    const second = await fieldsOf({ remind, later });
    expect(second.leads).to.deep.equal({ ...first.leads, colour: 'category' });
    expect(second.deals).to.deep.equal(first.deals);
  });

  it('has somebody in it who works', async () => {
    await using site = await makeSite();
    await using emulator = site.start([...PORT, '--people', '20ms']);
    const [, url = ''] = await emulator.shows(/listens on (\S+),/);
    site.configure({ podio: { apiUrl: url, clientId: 'podiod', clientSecret: 'client-secret' } });
    // The first item of an app is number 1; then events has no journal to look into.
    const found = async () => {
      const { stdout } = await site.podiod(['events', '--item', 'leads/1', '--json']);
      return JSON.parse(stdout).error.code === 'STORE_UNAVAILABLE';
    };
    await until(found, 'an item');
    emulator.stop();
    await emulator.ended;
  });

  it('says when its port is taken', async () => {
    using folder = temporaryFolder();
    const server = createServer();
    await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening));
    const { port } = server.address() as AddressInfo;
    await using emulator = startCommand(['emulator', '--port', String(port)], { cwd: folder.path });
    expect(await emulator.ended).to.equal(1);
    expect(emulator.stderr())
      .to.include(`can't listen on 127.0.0.1:${port}: it is taken`)
      .and.to.include('--port 0');
    await new Promise(closed => server.close(closed));
  });
});
