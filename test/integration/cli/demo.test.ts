import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { columns } from '../../../src/cli/text.ts';
import { podiodHere, startCommand } from '../../support/cli.ts';
import { temporaryFolder } from '../../support/folder.ts';

describe('podiod demo', function () {
  this.timeout(30_000);
  const { TMPDIR } = process.env;
  let temporary: ReturnType<typeof temporaryFolder>;

  beforeEach(() => {
    temporary = temporaryFolder();
    process.env.TMPDIR = temporary.path;
  });
  afterEach(() => {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
    temporary[Symbol.dispose]();
  });

  it('shows within its first events a filter that filters, one that passes, and messages to Slack', async () => {
    const { code, stdout, stderr } = await podiodHere(['demo', '--events', '15', '--every', '60ms']);
    expect(stderr).to.equal('');
    expect(code).to.equal(0);
    expect(stdout).to.match(/^\+ create {2}leads\.status {2}item\.update {2,}missing, for won-leads$/m);
    expect(stdout).to.match(/✓ leads\.status {2}item\.create, item\.update\n/);
    expect(stdout).to.include('24 hooks made, verified and active');
    expect(stdout).to.match(/· large-deals {3}filtered by field-change-filter\n/);
    expect(stdout).to.match(/✓ large-deals {3}field-change-filter → sales-slack\n +▌Slack: .* has reached /);
    expect(stdout).to.match(
      /Status: Open → Won\n +✓ won-leads {5}sales-slack → audit\n +▌Slack: \*.*\* is won/,
    );
    expect(stdout).to.match(/· won-leads {5}filtered by its fields\n/);
    expect(stdout).to.match(/comment\.create .*\n +“/);
    expect(stdout).to.match(/\nSummary\n {2}15 events through 24 hooks in /);
    expect(readdirSync(temporary.path), 'what stays').to.deep.equal([]);
  });

  it('is readable on a narrow terminal', async () => {
    const { code, stdout } = await podiodHere(['demo', '--events', '5', '--every', '60ms'], {
      terminal: 40,
      env: { NO_COLOR: '1' },
    });
    expect(code).to.equal(0);
    const lines = stdout.split('\n').map(line => line.split('\r\u001b[K').at(-1) ?? '');
    for (const line of lines) expect(columns(line), line).to.be.at.most(40);
  });

  it('ends with a summary when it is asked to', async () => {
    await using demo = startCommand(['demo', '--every', '60ms']);
    await demo.shows(/item\.\w+ .*\n(.*\n)+ +✓ everything/);
    demo.stop();
    expect(await demo.ended).to.equal(0);
    expect(demo.stdout())
      .to.include('Finishing what is in hand')
      .and.to.match(/\nSummary\n/);
    expect(readdirSync(temporary.path), 'what stays').to.deep.equal([]);
  });

  it('says what is wrong when it can not start', async () => {
    process.env.TMPDIR = join(temporary.path, 'missing');
    const { code, stderr } = await podiodHere(['demo', '--events', '1']);
    expect(code).to.equal(1);
    expect(stderr).to.include("can't make a folder for the demo's data").and.to.include('TMPDIR');
  });
});
