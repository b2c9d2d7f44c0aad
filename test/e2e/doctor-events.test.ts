// `podiod doctor` of what its hooks tell of: quiet or dead, for every kind of hook, beside a daemon and without one.
import { expect } from 'chai';
import { realClock } from '../../src/emulator/clock.ts';
import { makeSite } from '../integration/cli/site.ts';
import { startDaemonProcess } from '../support/processes.ts';
import { until } from '../support/wait.ts';

interface Finding {
  readonly check: string;
  readonly verdict: 'ok' | 'warn' | 'fail';
  readonly message: string;
}

const IDS = { edited: 201, made: 202, fielded: 203, commented: 204, gone: 205 } as const;
type Name = keyof typeof IDS;
const NAMES = Object.keys(IDS) as Name[];
const SALES = 7;
/** Longer than a delivery takes. */
const LATER_MS = 10 * 60_000;

const on = (app: Name, events: string | readonly string[]) => ({ on: { app, events }, steps: ['audit'] });
const RULES = {
  edited: on('edited', ['item.create', 'item.update']),
  made: on('made', 'item.create'),
  fielded: { on: { app: 'fielded', fields: ['status'] }, steps: ['audit'] },
  commented: on('commented', 'comment.create'),
  gone: on('gone', 'item.delete'),
  sales: { on: { space: 'sales', events: 'task.create' }, steps: ['audit'] },
};

async function makeWorld() {
  let later = 0;
  const clock = { ...realClock, now: () => Date.now() + later };
  const site = await makeSite(
    {
      apps: Object.fromEntries(NAMES.map(name => [name, { id: IDS[name], token: `token-of-${name}` }])),
      logins: { bot: { username: 'bot@example.com', password: 'password-of-bot' } },
      spaces: { sales: { id: SALES, login: 'bot' } },
      rules: RULES,
      // What is missed stays so.
      catchUp: { onStart: false, every: '7d' },
    },
    { clock },
  );
  const { podio } = site;
  const { userId } = podio.addUser({ name: 'Bot', username: 'bot@example.com', password: 'password-of-bot' });
  expect(userId).to.be.a('number');
  podio.addSpace({ name: 'Sales', spaceId: SALES });
  for (const name of NAMES) {
    podio.addApp({
      appId: IDS[name],
      spaceId: SALES,
      name,
      token: `token-of-${name}`,
      fields: [
        { externalId: 'title', type: 'text' },
        { externalId: 'status', type: 'category', settings: { options: ['Open', 'Won'] } },
      ],
    });
  }
  const items = new Map(
    NAMES.map(name => [
      name,
      podio.createItem(IDS[name], { fields: { title: name, status: 'Open' } }, { hook: false }).itemId,
    ]),
  );
  const itemOf = (name: Name): number => items.get(name) ?? 0;
  return {
    site,
    pass: (ms = LATER_MS) => {
      later += ms;
    },
    /** Something of each kind, and how many deliveries that makes. */
    act(status: string) {
      podio.updateItem(itemOf('edited'), { fields: { title: `edited, ${status}` } });
      podio.createItem(IDS.made, { fields: { title: status } });
      podio.updateItem(itemOf('fielded'), { fields: { status } });
      podio.addComment(itemOf('commented'), `it is ${status}`);
      const { itemId } = podio.createItem(IDS.gone, { fields: { title: status } });
      podio.deleteItem(itemId);
      podio.addTask({ text: `see to ${status}`, spaceId: SALES });
      return 6;
    },
    actElsewhere: () => podio.updateItem(itemOf('fielded'), { fields: { title: 'another field' } }),
    async events() {
      const { findings } = JSON.parse((await site.podiod(['doctor', '--json', '--no-handshake'])).stdout) as {
        findings: Finding[];
      };
      return new Map(
        findings
          .filter(({ check }) => check.startsWith('events, '))
          .map(({ check, verdict, message }) => [check.slice('events, '.length), `${verdict}: ${message}`]),
      );
    },
    async untilCame(count: number) {
      await until(async () => {
        const { stdout } = await site.podiod(['events', '--json']);
        return (JSON.parse(stdout) as { events: unknown[] }).events.length >= count;
      }, `${count} events`);
    },
  };
}

const AGO = '1?\\d(m|h)[^,]* ago';

describe('podiod doctor, of what hooks tell of', function () {
  this.timeout(120_000);

  it('tells quiet from dead for each kind of hook that Podio can be asked about, beside a daemon and without one', async () => {
    const world = await makeWorld();
    await using site = world.site;
    const start = async () => {
      const daemon = startDaemonProcess(`${site.folder}/.podiorc.yml`, site.dataDir);
      await daemon.ready();
      return daemon;
    };
    const expectQuiet = async (when: string) => {
      const events = await world.events();
      const shown = `${when}: ${JSON.stringify([...events], undefined, 2)}`;
      for (const [ref, what] of [
        ['edited', 'was edited last'],
        ['made', 'was made last'],
        ['fielded.status', 'was edited last'],
        ['commented', 'was commented on'],
      ] as const) {
        expect(events.get(ref), shown).to.match(
          new RegExp(`^ok: quiet, and not deaf: item \\d+ ${what}, ${AGO}, and podiod has it$`),
        );
      }
      expect(events.get('gone'), shown).to.match(
        /^ok: of item\.delete Podio has no list to compare with; --every-hook pings the hooks\. item\.delete came last, .* ago$/,
      );
      expect(events.get('sales'), shown).to.match(
        /^ok: of task\.create Podio has no list .*task\.create came last/,
      );
    };
    const expectDead = async (when: string) => {
      const events = await world.events();
      const shown = `${when}: ${JSON.stringify([...events], undefined, 2)}`;
      for (const [ref, what, has] of [
        ['edited', 'was edited last', 'its revision 1 and not 2'],
        ['made', 'was made last', 'nothing of it'],
        ['fielded.status', 'was edited last', 'its revision 1 and not 2'],
        ['commented', 'was commented on', 'nothing of it'],
      ] as const) {
        expect(events.get(ref), shown).to.match(
          new RegExp(`^warn: item \\d+ ${what}, ${AGO}, and podiod has ${has}$`),
        );
      }
    };

    const first = await start();
    await world.untilCame(world.act('Won'));
    world.pass();
    await expectQuiet('beside a daemon');
    expect(await first.end('SIGTERM')).to.equal(0);
    await expectQuiet('without a daemon');

    const second = await start();
    site.podio.setFaults({ dropRate: 1 });
    world.act('Open');
    world.pass();
    await expectDead('beside a daemon');
    expect(await second.end('SIGTERM')).to.equal(0);
    await expectDead('without a daemon');

    // A change of another field says nothing of this one's hook, whether it is dead or not.
    world.actElsewhere();
    world.pass();
    expect((await world.events()).get('fielded.status')).to.match(
      /^ok: the newest changes of its app are of other fields: nothing to compare\. item\.update came last, .* ago$/,
    );
  });

  it('has nothing against hooks that podiod knows nothing of what was before them, or longer ago than it keeps events', async () => {
    const world = await makeWorld();
    await using site = world.site;
    const expectAll = async (refs: readonly string[], what: RegExp) => {
      const events = await world.events();
      const shown = JSON.stringify([...events], undefined, 2);
      for (const ref of refs) expect(events.get(ref), shown).to.match(what);
    };
    world.act('Won');
    world.pass();
    expect((await site.podiod(['apply', '--yes'])).code).to.equal(0);
    const ofItems = ['edited', 'made', 'fielded.status'];
    await expectAll(
      ofItems,
      /^ok: item .* ago: podiod has not met the app yet, so there is nothing to compare$/,
    );
    const daemon = startDaemonProcess(`${site.folder}/.podiorc.yml`, site.dataDir);
    await daemon.ready();
    await expectAll(
      ofItems,
      /^ok: item .*, 1\dm[^,]* ago: before podiod met the app, so there is nothing to compare$/,
    );

    site.podio.setFaults({ dropRate: 1 });
    world.act('Open');
    world.pass();
    const all = [...ofItems, 'commented'];
    await expectAll(all, /^warn: /);
    world.pass(91 * 24 * 3_600_000);
    await expectAll(all, /^ok: item .*, 91d[^,]* ago: longer ago than events are kept, so there is nothing/);
    expect(await daemon.end('SIGTERM')).to.equal(0);
  });
});
