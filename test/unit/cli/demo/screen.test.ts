import { stripVTControlCharacters, styleText } from 'node:util';
import { expect } from 'chai';
import { makeScreen, type ShownEvent } from '../../../../src/cli/demo/screen.ts';
import { columns } from '../../../../src/cli/text.ts';
import type { PodioEvent } from '../../../../src/core/event.ts';
import type { RunRecord } from '../../../../src/core/run.ts';

const event: PodioEvent = {
  seq: 1,
  id: 'item.update:42:1',
  type: 'item.update',
  source: 'webhook',
  ref: { type: 'app', id: 101 },
  app: 'leads',
  itemId: 42,
  params: {},
  receivedAt: new Date(2026, 0, 2, 3, 4, 5).toISOString(),
};

const run = (changes: Partial<RunRecord>): RunRecord => ({
  rule: 'won-leads',
  eventId: event.id,
  replay: 0,
  seq: 1,
  outcome: 'settled',
  steps: [],
  endedAt: 0,
  ...changes,
});

const done = (step: string) => ({ step, outcome: 'done', attempts: 1, ms: 1 }) as const;

const WON: ShownEvent = {
  event,
  title:
    'Fjord Energy: 名前 👩‍👩‍👧 and a title that is much longer than any line of a small terminal could be',
  changes: [
    { label: 'Status', from: 'Open', to: 'Won' },
    { label: 'Description', from: 'old '.repeat(40), to: 'new '.repeat(40) },
    { label: 'Note', from: '', to: '💥' },
  ],
  detail: undefined,
  runs: [
    {
      run: run({ steps: [done('sales-slack'), done('audit')] }),
      slack: [`*Fjord Energy* is won ${'and there is more to tell '.repeat(20)}`],
    },
    { run: run({ rule: 'everything', steps: [done('audit')] }), slack: [] },
    {
      run: run({
        rule: 'large-deals',
        outcome: 'filtered',
        steps: [{ ...done('only-large'), outcome: 'filtered' }],
      }),
      slack: [],
    },
    {
      run: run({
        rule: 'bad',
        outcome: 'parked',
        steps: [{ ...done('invoice'), outcome: 'failed' }],
        error: 'the ERP\nanswered \u001b[2J503',
      }),
      slack: [],
    },
  ],
};

const screenOf = (width: number, style = (_: unknown, text: string) => text) =>
  makeScreen({ width, style } as Parameters<typeof makeScreen>[0], {
    places: ['leads', 'client-acme'],
    rules: ['won-leads', 'everything', 'large-deals', 'bad'],
    nameOf: ({ type, id }) => (type === 'app' && id === 101 ? 'leads' : undefined),
  });

const SUMMARY = {
  events: 12,
  hooks: 22,
  seconds: 3.46,
  rules: [
    {
      rule: 'won-leads',
      outcomes: new Map([
        ['settled', 1],
        ['filtered', 3],
      ] as const),
      slack: 1,
    },
    { rule: 'large-deals', outcomes: new Map(), slack: 0 },
  ],
};

describe('demo: the screen', () => {
  for (const width of [40, 60, 80, 120]) {
    it(`keeps within ${width} columns, whatever is in a title`, () => {
      const screen = screenOf(width);
      const hooks = ['item.create', 'item.update', 'comment.create', 'file.change'].map(
        type => ({ ref: event.ref, type }) as const,
      );
      const lines = [
        ...screen.heading(
          'Events',
          'a remark that is longer than there is room for on a small terminal, so it is cut',
        ),
        ...screen.paragraph('word '.repeat(60).trim()),
        ...screen.handshakes(hooks as never, 123),
        ...screen.event(WON),
        ...screen.late(event, WON.runs[0] as (typeof WON.runs)[number]),
        ...screen.summary(SUMMARY),
      ];
      for (const line of lines) expect(columns(line), line).to.be.at.most(width);
    });
  }

  it('shows title, field, old and new value, and what each rule did', () => {
    const text = screenOf(100)
      .event({ ...WON, title: 'Fjord Energy' })
      .join('\n');
    expect(text).to.include('03:04:05  item.update     leads        Fjord Energy');
    expect(text).to.include('Status: Open → Won');
    expect(text).to.include('Note: (empty) → 💥');
    expect(text).to.include('✓ won-leads    sales-slack → audit\n            ▌Slack: *Fjord Energy* is won');
    expect(text).to.include('✓ everything   audit');
    expect(text).to.include('· large-deals  filtered by only-large');
    expect(text).to.include('! bad          parked at invoice: the ERP answered 503');
  });

  it('gives what is new more room than what was', () => {
    const [line] = screenOf(40)
      .event({ ...WON, changes: [{ label: 'Title', from: 'x'.repeat(50), to: 'y'.repeat(18) }], runs: [] })
      .slice(-1);
    expect(line).to.match(/^ {2}Title: x+… → y{18}$/);
  });

  it('tells a rule whose own condition on fields was not met', () => {
    const lines = screenOf(100).event({ ...WON, runs: [{ run: run({ outcome: 'filtered' }), slack: [] }] });
    expect(lines.at(-1)).to.include('· won-leads    filtered by its fields');
  });

  it('looks the same in colour', () => {
    const colored = screenOf(80, (format, text) =>
      styleText(format as 'red', text, { validateStream: false }),
    );
    const stripped = colored.event(WON).map(line => stripVTControlCharacters(line));
    expect(stripped).to.deep.equal(screenOf(80).event(WON));
    expect(colored.event(WON).join('')).to.include('\u001b[');
  });

  it('sums up by rule', () => {
    expect(screenOf(80).summary(SUMMARY)).to.deep.equal([
      '',
      'Summary',
      '  12 events through 22 hooks in 3.5 s',
      '  won-leads    1 settled, 3 filtered, 1 to Slack',
      '  large-deals  no run',
    ]);
  });
});
