import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { expect } from 'chai';
import { buildWorld, type Emulator, startEmulator } from '../../../src/emulator/index.ts';
import { type CliOptions, type CommandEnd, podiodHere, startCommand } from '../../support/cli.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { startHttp } from '../../support/http.ts';

const KEY = { PODIO_CLIENT_ID: 'my-key', PODIO_CLIENT_SECRET: `it's #1 "secret"` };
const LOGIN = { PODIO_USERNAME: 'ada@example.com', PODIO_PASSWORD: 'pass word' };
const SECRETS = [KEY.PODIO_CLIENT_SECRET, LOGIN.PODIO_PASSWORD, 'leads-token', 'deals-token'];
const FILES = ['.env', '.podiorc.catalog.json', '.podiorc.schema.json', '.podiorc.yml'];

describe('podiod init', function () {
  this.timeout(30_000);
  let emulator: Emulator;
  let folder: ReturnType<typeof temporaryFolder>;
  beforeEach(async () => {
    folder = temporaryFolder();
    emulator = await startEmulator({ allowAnyPort: true });
    buildWorld(emulator.world, {
      clientId: KEY.PODIO_CLIENT_ID,
      clientSecret: KEY.PODIO_CLIENT_SECRET,
      spaces: [
        { name: 'sales', id: 7 },
        { name: 'projects', id: 8 },
      ],
      logins: [{ name: 'ada', username: LOGIN.PODIO_USERNAME, password: LOGIN.PODIO_PASSWORD }],
      apps: [
        { name: 'leads', id: 101, token: 'leads-token', fields: { status: ['Open', 'Won'] } },
        { name: 'deals', id: 102, token: 'deals-token' },
        { name: 'leads', id: 103, token: 'other-token', spaceId: 8 },
      ],
    });
  });
  afterEach(async () => {
    await emulator.stop();
    folder[Symbol.dispose]();
  });

  const read = (name: string) => readFileSync(join(folder.path, name), 'utf8');
  const env = { ...KEY, ...LOGIN };
  const podiod = (argv: readonly string[], options: CliOptions = {}): Promise<CommandEnd> =>
    podiodHere(argv, { cwd: folder.path, ...options });
  const init = (argv: readonly string[], options: CliOptions = {}): Promise<CommandEnd> =>
    podiod(['init', '--api-url', emulator.url, ...argv], options);
  const isPublic = ['--public-url', 'https://hooks.acme.example.com/podio'];

  it('writes a config that passes, with every secret in .env and nowhere else', async () => {
    const { code, stdout, stderr } = await init(['--yes', '--apps', 'Sales/Leads,deals', ...isPublic], {
      env,
    });
    expect(stderr).to.equal('');
    expect(code).to.equal(0);
    expect(readdirSync(folder.path).sort()).to.deep.equal(FILES);
    expect(statSync(join(folder.path, '.env')).mode & 0o777).to.equal(0o600);
    expect(parseEnv(read('.env'))).to.deep.equal({
      ...KEY,
      LEADS_TOKEN: 'leads-token',
      DEALS_TOKEN: 'deals-token',
    });
    for (const secret of SECRETS) {
      expect(stdout).not.to.include(secret);
      for (const file of FILES.slice(1)) expect(read(file), file).not.to.include(secret);
    }
    expect(stdout).to.include('podiod check --env-file .env').and.include('keep it out of git');

    const check = await podiod(['check', '--env-file', '.env']);
    expect(check.code, check.stdout).to.equal(0);
    expect(check.stdout).to.equal(`ok: ${join(folder.path, '.podiorc.yml')} (2 apps, 1 rule)\n`);
    expect((await podiod(['check'])).code).to.equal(78);
    expect((await podiod(['--env-file', '.env', 'plan', '--detailed-exitcode'])).code).to.equal(2);
    expect((await podiod(['pull', '--check', '--env-file', '.env'])).stdout).to.match(/^Nothing has changed/);
  });

  it('asks on a terminal, shows what there is, and no secret while it is typed', async () => {
    await using command = startCommand(['init', '--api-url', emulator.url], {
      cwd: folder.path,
      terminal: 100,
      // A wrong choice is asked for again; so is a URL that is none.
      input: `${[...Object.values(env), 'leeds', '1, 3', 'nonsense', 'https://hooks.acme.example.com/podio'].join('\n')}\n`,
    });
    expect(await command.ended, command.stderr()).to.equal(0);
    const shown = command.stderr() + command.stdout();
    expect(shown)
      .to.include('Example / Sales')
      .and.include('  1  Leads (101)')
      .and.include('  3  Leads (103)');
    expect(shown).to.include('there is no app leeds among those this user sees. Did you mean Leads?');
    for (const secret of [...SECRETS, 'other-token']) expect(shown).not.to.include(secret);
    expect(read('.podiorc.yml'))
      .to.include(`  leads: { id: 101, token: "\${LEADS_TOKEN}" } # Leads, in Sales`)
      .and.include(`  projects-leads: { id: 103, token: "\${PROJECTS_LEADS_TOKEN}" } # Leads, in Projects`)
      .and.include('  publicUrl: https://hooks.acme.example.com/podio');
  });

  it('takes what is piped in, a line an answer, and leaves the URL for later', async () => {
    const { code, stdout } = await init([], { input: `${[...Object.values(env), 'all', ''].join('\n')}\n` });
    expect(code).to.equal(0);
    expect(stdout).to.include('Put your own URL in place of https://hooks.example.com/podio in .podiorc.yml');
    expect(Object.keys(parseEnv(read('.env')))).to.include.members(['LEADS_TOKEN', 'PROJECTS_LEADS_TOKEN']);
    expect((await podiod(['check', '--env-file', '.env'])).code).to.equal(0);
  });

  it('answers one document under --json', async () => {
    const { code, stdout } = await init(['--yes', '--apps', '101', '--json'], { env });
    expect(code).to.equal(0);
    const { apps, files, publicUrl } = JSON.parse(stdout);
    expect(apps).to.deep.equal([
      { name: 'leads', id: 101, app: 'Leads', space: 'Sales', token: 'LEADS_TOKEN' },
    ]);
    expect(files.config).to.equal(join(folder.path, '.podiorc.yml'));
    expect(publicUrl).to.equal(null);
    for (const secret of SECRETS) expect(stdout).not.to.include(secret);
  });

  it('keeps the password only where Podio gives no token', async () => {
    (emulator.world.app(102) as { token: string }).token = '';
    const { code, stdout } = await init(['--yes', '--apps', '101,102', ...isPublic], { env });
    expect(code).to.equal(0);
    expect(stdout).to.include('Podio gave no token for deals');
    expect(parseEnv(read('.env'))).to.deep.equal({ ...KEY, LEADS_TOKEN: 'leads-token', ...LOGIN });
    expect(read('.podiorc.yml')).to.include('  deals: { id: 102, login: bot }');
    expect((await podiod(['check', '--env-file', '.env'])).code).to.equal(0);
  });

  it('leaves out an app that this user may not read, says so and exits 1; with no other it fails', async () => {
    await using podio = await startHttp(async ({ method, url, headers, body }, response) => {
      // It is listed still.
      if (/^\/app\/102\b/.test(url)) return void response.writeHead(403).end('{"error":"forbidden"}');
      const { authorization = '', 'content-type': type = '' } = headers;
      const answer = await fetch(emulator.url + url, {
        method,
        headers: { authorization, 'content-type': type },
        ...(body !== '' && { body }),
      });
      response.writeHead(answer.status).end(await answer.text());
    });
    const argv = ['init', '--yes', '--api-url', podio.url, '--apps'];
    const alone = await podiod([...argv, 'deals'], { env });
    expect(alone.code).to.equal(1);
    expect(alone.stderr).to.equal('podiod: GET /app/102 answered 403: forbidden\n');
    expect(readdirSync(folder.path)).to.deep.equal([]);

    const { code, stdout, stderr } = await podiod([...argv, 'all'], { env });
    expect(code).to.equal(1);
    expect(stderr).to.equal(
      'The app Sales/Deals (102) could not be read and is left out: GET /app/102 answered 403: forbidden\n',
    );
    expect(stdout).to.include('2 apps');
    expect(Object.keys(parseEnv(read('.env')))).not.to.include('DEALS_TOKEN');
    expect((await podiod(['check', '--env-file', '.env'])).code).to.equal(0);
  });

  it('writes a URL so that YAML and podiod read it as it is', async () => {
    const url = `https://hooks.acme.example.com/a: b/\${HOME}`;
    expect((await init(['--yes', '--apps', 'all', '--public-url', url], { env })).code).to.equal(0);
    expect(read('.podiorc.yml')).to.include('publicUrl: https://hooks.acme.example.com/a:%20b/$%7BHOME%7D ');
    expect((await podiod(['check', '--env-file', '.env'])).code).to.equal(0);
  });

  it('names the config in what comes next where another one would be found', async () => {
    writeFileSync(join(folder.path, '.podiorc'), '');
    const { stdout } = await init(['--yes', '--apps', 'all', ...isPublic], { env });
    expect(stdout).to.include('podiod check --config .podiorc.yml --env-file .env');
  });

  describe('where something is there already', () => {
    const MINE = 'mine: true\n';
    beforeEach(() => {
      writeFileSync(join(folder.path, '.podiorc.yml'), MINE);
      writeFileSync(join(folder.path, '.env'), '# mine\nOTHER=kept\nLEADS_TOKEN=old');
    });

    it('writes nothing unless it is told to', async () => {
      const { code, stderr } = await init(['--yes', '--apps', 'all'], { env });
      expect(code).to.equal(2);
      expect(stderr).to.include('.podiorc.yml and .env are there already').and.include('--force');
      const asked = await init([], { env, terminal: 80, input: 'no\n' });
      expect(asked.code).to.equal(1);
      expect(asked.stderr).to.match(/Nothing is written\.\n$/);
      expect(read('.podiorc.yml')).to.equal(MINE);
      expect(readdirSync(folder.path).sort()).to.deep.equal(['.env', '.podiorc.yml']);
      expect(emulator.world.requests).to.deep.equal([]);
    });

    it('keeps other variables when it does', async () => {
      const { code } = await init(['--yes', '--apps', '101', '--force'], { env });
      expect(code).to.equal(0);
      expect(read('.podiorc.yml')).not.to.equal(MINE);
      expect(read('.env')).to.match(/^# mine\nOTHER=kept\nLEADS_TOKEN=leads-token\nPODIO_CLIENT_ID=my-key\n/);
      expect(statSync(join(folder.path, '.env')).mode & 0o777).to.equal(0o600);
    });
  });

  for (const [what, argv, more, message] of [
    [
      'a wrong password',
      ['--yes', '--apps', 'all'],
      { env: { ...env, PODIO_PASSWORD: 'wrong-pass' } },
      'Podio refuses the login: invalid_grant, user.invalid.password\n',
    ],
    [
      'a wrong key',
      ['--yes', '--apps', 'all'],
      { env: { ...env, PODIO_CLIENT_SECRET: 'wrong-pass' } },
      'Podio refuses the login',
    ],
    ['an unknown app', ['--yes', '--apps', 'nope'], { env }, 'there is no app nope'],
    ['a name of two apps', ['--yes', '--apps', 'leads'], { env }, '2 apps are called leads'],
    ['no app', ['--yes', '--apps', ' , '], { env }, 'no app was chosen'],
    ['--yes without --apps', ['--yes'], { env }, 'nobody is asked which apps'],
    ['--yes without a login', ['--yes', '--apps', 'all'], { env: KEY }, 'PODIO_USERNAME, PODIO_PASSWORD'],
    ['an input that ends', [], { input: 'my-key\n' }, 'the input ended before "Client secret" was answered'],
    ['a URL that is none', ['--public-url', 'hooks'], { env }, '--public-url must be a URL'],
    ['a file that is no YAML', ['--config', 'x.json'], { env }, 'init writes YAML'],
  ] as const) {
    it(`says what is wrong with ${what}, and writes nothing`, async () => {
      const { code, stdout, stderr } = await init(argv, more);
      expect(code).to.be.oneOf([1, 2]);
      expect(stderr).to.include(message).and.not.include('wrong-pass').and.not.include('    at ');
      expect(stdout).to.equal('');
      expect(readdirSync(folder.path)).to.deep.equal([]);
    });
  }

  it('sends no password in the clear', async () => {
    const { code, stderr } = await podiod(
      ['init', '--api-url', 'http://podio.example.com', '--yes', '--apps', 'all'],
      { env },
    );
    expect(code).to.equal(2);
    expect(stderr).to.include('--api-url must be https');
  });
});

describe('--env-file', () => {
  it('fills in what the environment lacks, before and behind the name of a command', async () => {
    using folder = temporaryFolder();
    writeFileSync(join(folder.path, 'my.env'), '# a comment\nPORT=8123\nLOUD="a b"\n');
    writeFileSync(
      join(folder.path, '.podiorc.yml'),
      `server: { publicUrl: https://a.example.com, port: "\${PORT}" }\npodio: { clientId: "\${LOUD}", clientSecret: s }\n`,
    );
    const check = (argv: readonly string[], env = {}) => podiodHere(argv, { cwd: folder.path, env });
    expect((await check(['check'])).code).to.equal(78);
    expect((await check(['check', '--env-file', 'my.env'])).code).to.equal(0);
    expect((await check(['--env-file', 'my.env', 'check'])).code).to.equal(0);
    const { code, stdout } = await check(['check', '--env-file', 'my.env'], { PORT: 'many' });
    expect(code).to.equal(78);
    expect(stdout).to.include('server.port');
  });

  it('says so where there is no such file', async () => {
    using folder = temporaryFolder();
    const { code, stderr } = await podiodHere(['check', '--env-file', 'no.env'], { cwd: folder.path });
    expect(code).to.equal(2);
    expect(stderr).to.match(/--env-file names \S+\/no\.env, which is not there/);
    expect(existsSync(join(folder.path, 'no.env'))).to.equal(false);
  });
});
