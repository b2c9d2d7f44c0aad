import { stripVTControlCharacters } from 'node:util';
import { expect } from 'chai';
import { renderStatus } from '../../../src/admin/render-status.ts';
import { statusOf } from '../../../src/admin/status.ts';
import { makeFacts } from './facts.ts';

describe('statusOf', () => {
  it('joins what the store and the lanes know of each rule, in the order of the config', () => {
    const { rules } = statusOf(makeFacts());
    expect(rules.map(({ rule, state, lag, parked }) => [rule, state, lag, parked])).to.deep.equal([
      ['won-leads', 'running', 3, 2],
      ['morning', 'waiting for setup', 0, 0],
      ['old', 'gone', 0, 1],
    ]);
    expect(rules[0]).to.include({
      cursor: 1231,
      lastRunAt: '2026-01-10T11:58:55.000Z',
      lastOutcome: 'settled',
    });
    expect(rules[1]).to.include({ error: 'no such file' });
    expect(rules[1]).to.not.have.any.keys('lastRunAt', 'lastOutcome');
  });

  it('marks the rules that lack something at Podio', () => {
    const { readiness } = makeFacts();
    const lacking = { ref: 'app/101', error: 'no such field', since: '', rules: ['won-leads'] };
    const { rules } = statusOf(makeFacts({ readiness: { ...readiness, degraded: [lacking] } }));
    expect(rules.map(({ rule, degraded }) => [rule, degraded])).to.deep.equal([
      ['won-leads', true],
      ['morning', false],
      ['old', false],
    ]);
  });

  it('says what is paused and since when, also what is not run here', () => {
    const since = Date.UTC(2026, 0, 10, 10);
    const pausedSince = '2026-01-10T10:00:00.000Z';
    const facts = makeFacts({
      running: [{ rule: 'won-leads', state: 'paused', pausedSince, inHand: 0, waiting: 0, position: 0 }],
      paused: [
        { kind: 'plugin', name: 'gone', since },
        { kind: 'rule', name: 'won-leads', since },
      ],
    });
    const status = statusOf(facts);
    expect(status.rules[0]).to.include({ state: 'paused', pausedSince });
    expect(status.paused[0]).to.deep.equal({ kind: 'plugin', name: 'gone', since: pausedSince });
    const lines = renderStatus(status, { now: facts.now }).split('\n');
    expect(lines).to.include('paused: rule won-leads (2h ago), until podiod resume --rule won-leads');
    expect(lines.find(line => line.startsWith('won-leads'))).to.match(/^won-leads +paused /);
  });

  it('counts as lag what concerns a rule, where its lane knows: behind a run that is tried again all would count', () => {
    const [lane] = makeFacts().lanes;
    const running = (unsettled?: number) =>
      makeFacts({
        lanes: lane ? [{ ...lane, rule: 'won-leads', lag: 25 }] : [],
        running: [
          {
            ...{ rule: 'won-leads', state: 'running', inHand: 0, waiting: 1, position: 90 },
            ...(unsettled !== undefined && { unsettled }),
          },
        ],
      });
    const lag = (unsettled?: number) => statusOf(running(unsettled)).rules[0]?.lag;
    expect([lag(1), lag(30), lag()]).to.deep.equal([1, 25, 25]);
  });

  it('counts the hooks that are ours, and the ones that are not there', () => {
    expect(statusOf(makeFacts()).hooks).to.deep.equal({ active: 2, inactive: 1, missing: 1 });
  });

  it('survives a trip through JSON', () => {
    const status = statusOf(makeFacts());
    expect(JSON.parse(JSON.stringify(status))).to.deep.equal(JSON.parse(JSON.stringify({ ...status })));
    expect(JSON.parse(JSON.stringify(status)).uptimeMs).to.equal(90_000_000);
  });
});

describe('renderStatus', () => {
  const troubled = makeFacts({
    readiness: {
      ready: false,
      reasons: ['the first reconcile has not ended'],
      rules: [],
      degraded: [
        {
          ref: 'app/102',
          error: `the token was refused ${'again and '.repeat(20)}`,
          hint: 'Copy it from the app.',
          since: '2026-01-10T10:30:00.000Z',
          rules: ['won-leads'],
        },
      ],
    },
    reconcile: { ...makeFacts().reconcile, refusedDeletions: 12, lastError: 'disk\u001b[2J full' },
  });
  const render = (width: number, colours = false, facts = troubled) =>
    renderStatus(statusOf(facts), { width, colours, now: facts.now });

  it('says what waits for the disk, while something does', () => {
    expect(render(80, false, makeFacts({ waiting: 9000 })).split('\n')[3]).to.equal(
      '  9000 more wait for the disk',
    );
  });

  it('says that nothing old is removed yet, and for what that waits', () => {
    const { retention } = makeFacts();
    const waits = makeFacts({ retention: { ...retention, waitsFor: 'Podio to tell the time' } });
    expect(render(80, false, waits).split('\n')[6]).to.equal(
      '  nothing is removed yet: it waits for Podio to tell the time',
    );
  });

  it('reads well at 80 columns', () => {
    expect(render(80, false, makeFacts()).split('\n')).to.deep.equal([
      'podiod 1.2.3, process 4711, up 1d 1h, ready',
      'public  https://hooks.example.com/podio',
      'ingress 127.0.0.1:8080   admin 127.0.0.1:8081   journal 1234 events',
      '',
      'kept: events 101 to 1234, the oldest 89d ago, 100 removed, the last 1h ago',
      '  1.4 mb of 2 gb used, 64 kb more are free',
      '',
      'rule       state      lag  in hand  parked  last run',
      'won-leads  retrying     3        2       2  1m 5s ago settled',
      'morning    no set-up    0        0       0  never',
      'old        gone         0        0       1  10d ago parked',
      '  morning: no such file',
      '  old is not in the config (podiod parked): 1 parked',
      '',
      'replay 3 of won-leads: at 255 of 10 to 900 (asked for 1m ago)',
      '',
      'hooks: 2 active, 1 inactive, 1 missing (looked at 5m ago, every 15m)',
      '  login/bot@example.com: 200 refs, every 40m, as the background share allows',
      '',
      'changes  known  delivered  recovered  own  open  lost  every  looked at',
      '  leads   1237       1200         30    4     1     2     1h  20m ago',
      '  leads: 2 lost, Podio no longer lists the revision',
      '  once lost, never found again: item.delete, comment.*, file.change',
      '',
      'degraded:',
      '  plugin sales-slack keeps failing (3m ago, next try in 7s): Slack answered 503',
      '',
      'Podio, calls left this hour      general    limited',
      '  app/101                    980 of 1000          -',
      '  login/bot@example.com        0 of 1000  12 of 250  paused 1m 30s',
    ]);
  });

  it('tells what is wrong and what to do', () => {
    const text = render(80);
    expect(text).to.include('not ready\n  the first reconcile has not ended\n');
    expect(text).to.include('12 deletions wait for: podiod apply --allow-deletes');
    expect(text).to.include('app/102: the token was refused');
    expect(text).to.include('    concerns won-leads');
    expect(text).to.include('    Copy it from the app.');
    expect(text).to.match(/^won-leads {2}degraded /m);
  });

  it('keeps to the width, and lets nothing of others move the cursor', () => {
    for (const width of [72, 80, 120]) {
      const long = makeFacts({
        running: [{ rule: 'r'.repeat(200), state: 'running', inHand: 0, waiting: 0, position: 0 }],
      });
      for (const line of [...render(width).split('\n'), ...render(width, false, long).split('\n')]) {
        expect(line.length).to.be.at.most(width);
        expect(line).to.not.match(/\p{Cc}/u);
      }
    }
  });

  it('shows of two hundred rules and apps those that somebody should look at, and all when asked to', () => {
    const facts = makeFacts();
    const numbers = Array.from({ length: 200 }, (_, n) => n + 1);
    const names = numbers.map(n => `client-${n}`);
    const status = statusOf(facts);
    const [rule] = status.rules;
    const [app] = status.apps;
    const [budget] = status.podio;
    if (!rule || !app || !budget) throw new Error('the facts have one of each');
    const calm = { ...rule, state: 'running', lag: 0, waiting: 0, inHand: 0, parked: 0 } as const;
    const many = {
      ...status,
      rules: names.map((name, n) => ({ ...calm, rule: name, parked: n === 6 ? 3 : 0 })),
      timers: names.map(name => ({
        ...{ rule: 'slow', app: name, armed: 12 },
        lastSweepAt: '2026-01-10T11:40:00.000Z',
      })),
      apps: names.map((name, n) => ({
        ...{ ...app, app: name, known: 5, open: n === 7 ? 1 : 0, unprovable: [] },
      })),
      podio: names.map((identity, n) => ({
        ...budget,
        ...{ identity, pausedMs: 0, limited: undefined },
        general: { ...{ limit: 1000, remaining: n === 8 ? 10 : 900 - n }, resetAt: 0 },
      })),
      degraded: numbers.map(n => ({
        ...{ ref: `app/${n}`, error: `app ${n} does not answer`, hint: 'Wait.', rules: [`client-${n}`] },
        since: '2026-01-10T11:40:00.000Z',
      })),
      alarms: numbers.map(n => ({
        ...{ alarm: 'degraded', subject: `app/${n}`, count: 1, text: `app/${n}: no answer` },
        ...{ since: '2026-01-10T11:40:00.000Z' },
      })),
    } as unknown as typeof status;
    const shown = renderStatus(many, { now: facts.now }).split('\n');
    expect(shown.length).to.be.at.most(60);
    const line = (start: string) => shown.find(one => one.startsWith(start)) ?? '';
    expect(line('client-7 ')).to.match(/running +0 +0 +3/);
    expect(line('client-8 ')).to.equal('');
    expect(line('199 more rules')).to.equal('199 more rules: 199 running, the last run 1m 5s ago');
    expect(line('timers of slow')).to.equal('timers of slow: 12 armed, 200 apps, looked at 20m ago or later');
    expect(line('  client-8 ')).to.match(/ 5 +1200 +30 +4 +1 +0 /);
    expect(line('  199 more apps')).to.match(
      /^ {2}199 more apps +995 +238800 +5970 +796 +0 +0 +1h +20m ago$/,
    );
    expect(line('  client-9 ')).to.match(/10 of 1000/);
    expect(line('  199 more, at least')).to.match(/701 of 1000 +-$/);
    expect(shown.filter(one => one.includes('does not answer'))).to.have.length(3);
    expect(shown).to.include('  and 197 more like these (podiod status --all)');
    expect(shown).to.include('alarm degraded: 197 more (podiod status --all)');
    const all = renderStatus(many, { now: facts.now, all: true });
    for (const name of names) expect(all.match(new RegExp(`\\b${name}\\b`, 'g'))).to.have.length.at.least(5);
    expect(all).to.not.include('--all');
  });

  it('has colours only when told to, and says the same without them', () => {
    expect(render(80)).to.not.include('\u001b[3');
    expect(render(80, true)).to.include('\u001b[3');
    expect(stripVTControlCharacters(render(80, true))).to.equal(render(80));
  });
});
