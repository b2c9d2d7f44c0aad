// `podiod service`: units for this machine, which systemd itself has to understand.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { podiodHere } from '../../support/cli.ts';
import { temporaryFolder } from '../../support/folder.ts';

const CONFIG = `
server: { publicUrl: "https://hooks.example.com/podio", host: "::1", port: 9090, secret: "\${credential:hook-secret}" }
podio: { clientId: x, clientSecret: "\${credential:podio-client-secret}" }
dataDir: /var/lib/podiod
`;

/** What systemd says of the units, and how exposed it finds them, from 0 to 10. */
function systemd(folder: string, ...names: string[]): { complaints: string; exposure: number } {
  const paths = names.map(name => join(folder, name));
  const { stdout, stderr } = spawnSync('systemd-analyze', ['verify', ...paths], { encoding: 'utf8' });
  const security = execFileSync(
    'systemd-analyze',
    ['security', '--offline=true', '--no-pager', paths[0] ?? ''],
    {
      encoding: 'utf8',
    },
  );
  const complaints = `${stdout}${stderr}`.split('\n').filter(line => line.includes('podiod'));
  return {
    complaints: complaints.join('\n'),
    exposure: Number(/level for \S+ ([\d.]+)/.exec(security)?.[1]),
  };
}

/** The notes that are about what the test made, and not about where this machine has its Node. */
const about = (folder: string, stderr: string): readonly string[] =>
  stderr.split('\n').filter(line => line.includes(folder));

describe('podiod service', function () {
  this.timeout(20_000);

  it('makes units with the places of this machine, the address of the config and its credentials', async () => {
    using folder = temporaryFolder();
    const config = join(folder.path, 'my config.yml');
    writeFileSync(config, CONFIG);
    const { code, stdout } = await podiodHere(['service', 'print', '--config', config]);
    expect(code).to.equal(0);
    expect(stdout).to.match(/^# \/etc\/systemd\/system\/podiod\.service$/m);
    const start = /^ExecStart=(.*)$/m.exec(stdout)?.[1] ?? '';
    expect(start).to.equal(
      `${process.execPath} ${join(import.meta.dirname, '../../../bin/podiod.js')} run --config "${config}"`,
    );
    expect(/^ExecReload=(.*)$/m.exec(stdout)?.[1]).to.equal(start.replace(' run ', ' reload '));
    expect(stdout).to.match(/^ListenStream=\[::1\]:9090$/m);
    expect(stdout.match(/^LoadCredential=.*$/gm)).to.deep.equal([
      'LoadCredential=hook-secret',
      'LoadCredential=podio-client-secret',
    ]);
  });

  it('tells of log files that the service can not write', async () => {
    using folder = temporaryFolder();
    const config = join(folder.path, 'podiorc.yml');
    const logs = `plugins:
  audit: { use: file-logger, path: ./events.ndjson }
  kept: { use: file-logger, path: /var/lib/podiod/kept.ndjson }
  slack: { use: slack, path: ./no-file }
`;
    writeFileSync(config, `${CONFIG}${logs}`);
    const { stderr } = await podiodHere(['service', 'print', '--config', config]);
    expect(about(folder.path, stderr).filter(line => line.includes('plugin'))).to.deep.equal([
      `The service can't write to path of the plugin audit (${folder.path}/events.ndjson). Write path: /var/lib/podiod/events.ndjson into ${config}.`,
    ]);
  });

  it('writes them where systemd understands them; a second time there is nothing to do', async () => {
    using folder = temporaryFolder();
    const config = join(folder.path, 'podiorc.yml');
    const dir = join(folder.path, 'units');
    writeFileSync(config, CONFIG);
    const install = ['service', 'install', '--config', config, '--dir', dir];
    const first = await podiodHere(install);
    expect(first.stdout).to.include(`written   ${dir}/podiod.service`);
    expect(first.stdout).to.include(
      '\nNext: put them into /etc/systemd/system, systemctl daemon-reload, systemctl enable --now podiod.socket podiod.service\n',
    );
    const { complaints, exposure } = systemd(dir, 'podiod.service', 'podiod.socket');
    expect(complaints).to.equal('');
    expect(exposure).to.be.at.most(2);
    expect((await podiodHere(install)).stdout).to.include(`unchanged ${dir}/podiod.service`);
  });

  it('leaves units alone that say something else, unless it is told to', async () => {
    using folder = temporaryFolder();
    const install = ['service', 'install', '--dir', folder.path, '--json'];
    const mine = join(folder.path, 'podiod.socket');
    writeFileSync(mine, '[Socket]\n');
    const refused = await podiodHere(install);
    expect(refused.code).to.equal(1);
    expect(JSON.parse(refused.stdout).error.code).to.equal('SERVICE_INSTALL');
    expect(existsSync(join(folder.path, 'podiod.service'))).to.equal(false);
    const forced = await podiodHere([...install, '--force']);
    expect(JSON.parse(forced.stdout).units.map(({ isNew }: { isNew: boolean }) => isNew)).to.deep.equal([
      true,
      true,
    ]);
    expect(readFileSync(mine, 'utf8')).to.include('ListenStream=127.0.0.1:8080');
  });

  it('makes one of several, with a config, data, port and credentials of its own', async () => {
    using folder = temporaryFolder();
    const install = ['service', 'install', '--instance', 'acme', '--port', '8082', '--dir', folder.path];
    const { code, stdout, stderr } = await podiodHere(install);
    expect(code, stderr).to.equal(0);
    expect(stdout).to.include('systemctl enable --now podiod@acme.socket podiod@acme.service');
    const service = readFileSync(join(folder.path, 'podiod@.service'), 'utf8');
    for (const line of [
      'StateDirectory=podiod/%i',
      'CacheDirectory=podiod/%i',
      'EnvironmentFile=-/etc/podiod/%i/podiod.env',
      'LoadCredential=podio-client-secret:podiod.%i.podio-client-secret',
    ]) {
      expect(service.split('\n')).to.include(line);
    }
    expect(service).to.match(/ run --config \/etc\/podiod\/%i\/podiorc\.yml$/m);
    expect(readFileSync(join(folder.path, 'podiod@acme.socket'), 'utf8')).to.include(
      'ListenStream=127.0.0.1:8082',
    );
    const { complaints, exposure } = systemd(folder.path, 'podiod@.service', 'podiod@acme.socket');
    expect(complaints).to.equal('');
    expect(exposure).to.be.at.most(2);
  });

  it('makes them for one user, in places of that user, with what needs no rights', async () => {
    using folder = temporaryFolder();
    const home = folder.path;
    const config = join(home, '.config', 'podiod', 'podiorc.yml');
    const env = { HOME: home, XDG_CONFIG_HOME: join(home, '.config') };
    mkdirSync(dirname(config), { recursive: true });
    writeFileSync(config, CONFIG.replace('/var/lib/podiod', './data'));
    const given = ['--user', '--config', config];
    const shown = await podiodHere(['service', 'print', ...given, '--json'], { env });
    expect(shown.stderr).to.equal('');
    const { units } = JSON.parse(shown.stdout) as { units: { path: string; text: string }[] };
    const dir = join(home, '.config', 'systemd', 'user');
    expect(units.map(({ path }) => path)).to.deep.equal([
      join(dir, 'podiod.service'),
      join(dir, 'podiod.socket'),
    ]);

    const units2 = join(home, 'units');
    const installed = await podiodHere(['service', 'install', ...given, '--dir', units2], { env });
    expect(installed.stdout).to.include('systemctl --user enable --now podiod.socket podiod.service');
    expect(installed.stdout).to.include('loginctl enable-linger');
    const service = readFileSync(join(units2, 'podiod.service'), 'utf8');
    for (const line of [
      'EnvironmentFile=-%E/podiod/podiod.env',
      'LoadCredential=hook-secret:%E/podiod/credentials/hook-secret',
      'NoNewPrivileges=yes',
      'WantedBy=default.target',
    ])
      expect(service.split('\n')).to.include(line);
    expect(service).to.match(new RegExp(`^ExecStart=.* run --config ${config}$`, 'm'));
    expect(service).to.not.match(/^(DynamicUser|StateDirectory|CapabilityBoundingSet|Protect\w+)=/m);
    const { status, stdout, stderr } = spawnSync(
      'systemd-analyze',
      ['--user', 'verify', join(units2, 'podiod.service'), join(units2, 'podiod.socket')],
      { encoding: 'utf8', env: { ...process.env, ...env, XDG_RUNTIME_DIR: home } },
    );
    expect(`${stdout}${stderr}`.split('\n').filter(line => line.includes('podiod'))).to.deep.equal([]);
    expect(status).to.equal(0);

    const both = await podiodHere(['service', 'print', '--user', '--instance', 'acme'], { env });
    expect(both.code).to.equal(2);
    expect(both.stderr).to.include("--instance and --user don't go together");
  });

  it('says what would not work', async () => {
    using folder = temporaryFolder();
    const config = join(folder.path, 'podiorc.yml');
    writeFileSync(config, 'server: { publicUrl: "https://hooks.example.com/" }\ndataDir: ./data\n');
    const print = ['service', 'print', '--config', config];
    expect((await podiodHere(print)).stderr).to.include('Write dataDir: /var/lib/podiod into');
    writeFileSync(config, CONFIG);
    chmodSync(folder.path, 0o755);
    expect(about(folder.path, (await podiodHere(print)).stderr)).to.deep.equal([]);
    const none = await podiodHere(['service', 'print', '--config', join(folder.path, 'none.yml'), '--json']);
    expect(none.stderr).to.include('There is no config at');
    for (const dir of ['/proc/podiod/units', join(config, 'units')]) {
      const { code, stderr } = await podiodHere(['service', 'install', '--config', config, '--dir', dir]);
      expect(code).to.equal(1);
      expect(stderr).to.match(/can't be (written|read): (ENOENT|ENOTDIR)/);
    }
    expect(JSON.parse(none.stdout).units).to.have.length(2);
  });

  it("says what the service's own user can't read, and which variables it would not have", async () => {
    using folder = temporaryFolder();
    const config = join(folder.path, 'podiorc.yml');
    // One has a default, one is a text, one is in a comment.
    writeFileSync(
      config,
      `${CONFIG}defaults: { timezone: ["\${LEADS_TOKEN}", "\${B:-c}", "$\${D}"] } # \${E}\n`,
    );
    const notes = async (...more: string[]) =>
      (await podiodHere(['service', 'print', '--config', config, ...more], { env: { HOME: folder.path } }))
        .stderr;
    const closed = `who can't read ${config}: ${folder.path} is closed to others. Put it where all can.`;
    expect(await notes())
      .to.include(closed)
      .and.to.include('/etc/podiod/podiod.env, which lacks LEADS_TOKEN.');
    expect(await notes('--instance', 'acme')).to.include(
      '/etc/podiod/acme/podiod.env, which lacks LEADS_TOKEN.',
    );
    chmodSync(folder.path, 0o755);
    chmodSync(config, 0o640);
    expect(await notes()).to.include(`can't read ${config}: chmod o+r ${config}.`);

    const variables = join(folder.path, '.config/podiod/podiod.env');
    expect(await notes('--user')).to.equal(
      `The service takes variables from ${variables}, which lacks LEADS_TOKEN.\n`,
    );
    mkdirSync(dirname(variables), { recursive: true });
    writeFileSync(variables, 'LEADS_TOKEN=x\n');
    expect(await notes('--user')).to.equal('');
  });
});
