// The command line itself: help, wrong usage, where options may stand.
import { expect } from 'chai';
import { columns } from '../../../src/cli/text.ts';
import { podiodHere } from '../../support/cli.ts';
import { temporaryFolder } from '../../support/folder.ts';

const COMMANDS = [
  'run',
  'init',
  'pull',
  'check',
  'plan',
  'apply',
  'status',
  'events',
  'parked',
  'replay',
  'pause',
  'resume',
  'receive',
  'demo',
  'emulator',
  'service',
  'log-level',
  'doctor',
  'secret',
];
const READING = [
  'init',
  'pull',
  'check',
  'plan',
  'apply',
  'status',
  'events',
  'parked',
  'parked retry',
  'parked drop',
  'replay',
  'pause',
  'resume',
  'receive',
  'service print',
  'service install',
  'log-level',
  'doctor',
];
const RESERVED = 'schema plugin';

const words = (line: string): string[] => line.split(' ').filter(Boolean);

describe('podiod, the command line', () => {
  it('lists every command', async () => {
    const { code, stdout, stderr } = await podiodHere(['--help']);
    expect(code).to.equal(0);
    expect(stderr).to.equal('');
    for (const command of COMMANDS) expect(stdout).to.match(new RegExp(`^  ${command}\\b`, 'm'));
    expect(stdout).to.include('Exit codes: 0 done, 1 failed, 2 wrong usage, 78');
  });

  for (const command of [...COMMANDS, 'parked retry', 'parked drop', 'service print', 'service install']) {
    it(`${command} has help with examples`, async () => {
      const help = await podiodHere([...words(command), '--help']);
      expect(help.code).to.equal(0);
      expect(help.stdout)
        .to.include(`Usage: podiod ${command}`)
        .and.to.match(/Examples:\n {2}\S/);
      expect(help.stdout.includes('--json')).to.equal(READING.includes(command) || command === 'apply');
      expect(await podiodHere(['help', ...words(command)])).to.deep.equal(help);
    });
  }

  it('keeps its help within a narrow terminal', async () => {
    const { stdout } = await podiodHere(['plan', '--help'], { terminal: 60 });
    const [usage] = stdout.split('\nExamples:');
    for (const line of (usage ?? '').split('\n')) expect(columns(line), line).to.be.at.most(60);
  });

  it('tells its version', async () => {
    const { code, stdout } = await podiodHere(['--version']);
    expect(code).to.equal(0);
    expect(stdout).to.match(/^\d+\.\d+\.\d+\n$/);
  });

  it('suggests what was meant', async () => {
    const { code, stdout, stderr } = await podiodHere(['paln', '--detailed-exitcode']);
    expect(code).to.equal(2);
    expect(stdout).to.equal('');
    expect(stderr).to.include('unknown command paln').and.to.include('Did you mean `plan`?');
    expect((await podiodHere(['help', 'statsu'])).stderr).to.include('Did you mean `status`?');
    expect((await podiodHere(['--confg', 'x'])).stderr).to.include('Did you mean `--config`?');
    expect((await podiodHere(['plan', '--jsn'])).stderr).to.include('Did you mean --json?');
  });

  it('says of a command of later versions that this one has none', async () => {
    for (const name of words(RESERVED)) {
      const { code, stderr } = await podiodHere([name, '--some', 'thing']);
      expect(code, name).to.equal(2);
      expect(stderr).to.include(`there is no podiod ${name} in this version`);
    }
  });

  for (const [argv, message] of [
    [['plan', '--nope'], 'unknown option'],
    [['plan', 'extra'], 'too many arguments'],
    [['receive'], "missing required argument 'file'"],
    [['events', '--limit', '0'], '--limit must be'],
    [['replay', '--rule', 'r'], "required option '--from"],
    [['replay', '--rule', 'r', '--from', 'yesterday', '--yes'], '--from must be'],
    [['replay', '--rule', 'r', '--from', '1'], 'Say --yes'],
    [['replay', '--rule', 'r', '--from', '5', '--to', '2', '--yes'], '--from must not come after --to'],
    [['replay', '--rule', 'r', '--from', '1h', '--to', '2h', '--yes'], '--from must not come after --to'],
    [['events', '--since', 'yesterday'], '--since must be'],
    [['check', '--log-level', 'loud'], '--log-level must be one of error, warn, info, debug, got loud'],
    [['log-level', 'loud'], 'unknown level loud'],
    [['log-level', 'podio', 'loud'], 'unknown level loud'],
    [['log-level', 'reset', '--for', '1h'], '--for is for a level'],
    [['run', '--log-format', 'xml'], '--log-format must be json or text'],
    [['parked', 'rety'], 'Did you mean `retry`?'],
    [['parked', '17'], 'podiod parked retry runs them again'],
    [['parked', 'retry'], 'wants ids, --rule or --all'],
    [['parked', 'drop', '17', '--all'], 'wants ids, --rule or --all'],
    [['apply'], 'no terminal'],
    [['demo', '--events', '-1'], '--events must be'],
    [['demo', '--config', 'x'], 'unknown option'],
    [['--config', 'x', 'demo'], 'podiod demo has no --config'],
    [['emulator', '--port', '70000'], '--port must be'],
    [['service', 'print', '--port', '0'], '--port must be'],
    [['service', 'print', '--instance', 'A B'], '--instance must be'],
    [['service', 'restart'], "unknown command 'restart'"],
    [['service'], 'podiod service does nothing by itself'],
    [['secret'], 'There are: podiod secret rotate'],
    [['emulator', '--people', 'often'], '--people must be'],
    [['nope'], 'unknown command nope'],
  ] as const) {
    it(`podiod ${argv.join(' ')}: wrong usage is 2 and never silent`, async () => {
      const said = await podiodHere(argv);
      expect(said.code).to.equal(2);
      expect(said.stdout).to.equal('');
      expect(said.stderr).to.include(message);

      // Also where the command itself has no --json.
      const json = await podiodHere([...argv, '--json']);
      expect(json.code).to.equal(2);
      expect(json.stderr).to.equal('');
      const { error } = JSON.parse(json.stdout) as {
        error: { code: string; message: string; hint?: string };
      };
      expect(error.code).to.equal('USAGE');
      expect(error.message).to.be.a('string').and.not.equal('');
      // And what next.
      expect(error.hint).to.be.a('string').and.not.equal('');
    });
  }

  for (const [argv, hint] of [
    ['plan extra', 'podiod plan --help tells its options.'],
    ['events --limit 0', 'podiod events --help tells its options.'],
    ['--json', 'podiod --help tells its options.'],
    ['service print --instance A', 'podiod service print --help tells its options.'],
    ['parked retry --nope', 'podiod parked retry --help tells its options.'],
    [
      'pause won-deal',
      'A rule is given as podiod pause --rule won-deal\npodiod pause --help tells its options.',
    ],
    ['resume won-deal --json', 'A rule is given as podiod resume --rule won-deal\n'],
    ['fire won-deal', 'A rule is given as podiod fire --rule won-deal --item ITEM\n'],
    ['why leads/42', 'An item is given as podiod why --item leads/42\n'],
    ['fire 4711', 'An item is given as podiod fire --item 4711 --rule RULE\n'],
    ['fire won-deal --item leads/42', 'A rule is given as podiod fire --rule won-deal --item leads/42\n'],
  ] as const) {
    it(`podiod ${argv}: says what to write instead`, async () => {
      const { stdout } = await podiodHere([...words(argv), '--json']);
      const { error } = JSON.parse(stdout) as { error: { hint: string } };
      expect(error.hint).to.include(hint);
    });
  }

  it('takes common options before and behind the command; the nearer one counts', async () => {
    using folder = temporaryFolder();
    const missing = async (...argv: string[]) =>
      JSON.parse((await podiodHere(argv, { cwd: folder.path })).stdout).problems[0].message as string;
    expect(await missing('--json', '--config', 'a.yml', 'check')).to.include('a.yml');
    expect(await missing('check', '--config', 'b.yml', '--json')).to.include('b.yml');
    expect(await missing('-c', 'a.yml', 'check', '-c', 'b.yml', '--json')).to.include('b.yml');
  });

  it('is the daemon without a command', async () => {
    using folder = temporaryFolder();
    for (const argv of [
      ['--config', 'x.yml'],
      ['run', '--config', 'x.yml'],
      ['--config', 'x.yml', 'run'],
    ]) {
      const { code, stdout, stderr } = await podiodHere(argv, { cwd: folder.path });
      expect(code).to.equal(78);
      expect(stdout).to.equal('');
      expect(stderr).to.include('x.yml').and.to.include('one problem in the config');
    }
  });

  it('wants PODIOD_LOG_LEVEL to be right too', async () => {
    const { code, stderr } = await podiodHere(['check'], { env: { PODIOD_LOG_LEVEL: 'loud' } });
    expect(code).to.equal(2);
    expect(stderr).to.include('PODIOD_LOG_LEVEL must be one of error, warn, info, debug, got loud');
  });

  it('tells a wrong config as a document under --json', async () => {
    using folder = temporaryFolder();
    for (const command of ['plan', 'status', 'events', 'parked']) {
      const { code, stdout, stderr } = await podiodHere([command, '--json'], {
        cwd: folder.path,
        env: { PODIOD_CONFIG: 'missing.yml' },
      });
      expect(code, command).to.equal(78);
      expect(stderr).to.equal('');
      const { error } = JSON.parse(stdout);
      expect(error).to.include({ code: 'CONFIG_INVALID', message: 'one problem in the config' });
      expect(error.problems[0].code).to.equal('CONFIG_NOT_FOUND');
    }
  });

  it('draws wrong configs in colour where stderr is a terminal', async () => {
    using folder = temporaryFolder();
    const there = { cwd: folder.path, terminal: 80 };
    expect((await podiodHere(['plan'], there)).stderr).to.include('\u001b[');
    expect((await podiodHere(['plan'], { ...there, env: { NO_COLOR: '1' } })).stderr).not.to.include(
      '\u001b[',
    );
    expect((await podiodHere(['plan', '--json'], there)).stdout).not.to.include('\u001b[');
  });
});
