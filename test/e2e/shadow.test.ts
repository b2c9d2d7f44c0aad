// A rule in shadow: everything runs, nothing goes out, and what would have gone out can be looked at.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { RunRecord } from '../../src/core/run.ts';
import { until } from '../support/wait.ts';
import { DEALS, LEADS, makeSite, startReceiver } from './site.ts';

describe('enabled: shadow', function () {
  this.timeout(30_000);

  it('shows what a rule would do, does nothing, and does not run old events when it is enabled', async () => {
    const receiver = await startReceiver();
    const ruleWith = (enabled: boolean | 'shadow') => ({
      rules: {
        won: {
          enabled,
          on: { app: 'leads', fields: { status: { to: 'Won' } } },
          steps: [
            { 'podio-item': { app: 'deals', set: { title: 'made of {{ item.title }}' } }, id: 'deal' },
            { 'podio-comment': { text: 'deal {{ data.deal.id }}', on: '{{ data.deal.id }}' } },
            {
              'http-request': {
                url: receiver.url,
                json: { title: '{{ item.title }}', token: 'leads-token' },
              },
            },
            { 'slack-notifier': { webhookUrl: receiver.url, text: '{{ item.title }} is won' } },
            'audit',
          ],
        },
      },
    });
    const site = await makeSite(ruleWith('shadow'));
    const { podio } = site;
    const first = await site.boot();
    const { itemId } = await podio.createItem(LEADS.id, { fields: { title: 'Fjord', status: 'Open' } });
    await podio.updateItem(itemId, { fields: { status: 'Won' } });
    const ran = async (count: number) =>
      until(async () => {
        const runs = (await site.peek()).flatMap(one =>
          one.runs.filter(({ outcome }) => outcome === 'settled'),
        );
        return runs.length >= count && runs;
      }, `${count} settled runs`);
    const [run] = await ran(1);

    expect(run?.shadow).to.equal(true);
    const sends = run?.steps.flatMap(({ would }) => would?.sends?.slice(0, 1) ?? []);
    expect(sends?.[0]).to.deep.include({
      podio: 'items.create',
      app: 'deals',
      body: { fields: { title: ['made of Fjord'] } },
    });
    expect(sends?.[1]?.podio).to.equal('comments.create');
    expect(sends?.[1]?.body).to.deep.equal({
      value: `deal ${String(sends?.[1]?.on).replace('item/', '')}`,
    });
    expect(sends?.[2]).to.include({ http: 'POST' });
    expect(sends?.[3]).to.deep.include({ http: 'POST', body: { text: 'Fjord is won' } });
    expect(Object.keys(sends?.[4] ?? {})).to.deep.equal(['line']);
    expect(JSON.stringify(run)).not.to.include('leads-token');

    expect(receiver.received).to.deep.equal([]);
    expect(await podio.items(DEALS.id)).to.have.length(0);
    expect(existsSync(join(site.folder, 'events.ndjson'))).to.equal(false);

    const events = await site.podiod(['events']);
    expect(events.stdout).to.include('won: settled in shadow').and.to.include('posts to Slack: Fjord is won');
    const why = await site.podiod(['why', '--item', String(itemId)]);
    expect(why.stdout)
      .to.include('in shadow: it ran, and nothing was done outside')
      .and.to.include('would: posts to Slack: Fjord is won');
    expect((await site.podiod(['status'])).stdout).to.match(/won +running in shadow/);
    const { rules } = JSON.parse((await site.podiod(['status', '--json'])).stdout) as {
      rules: { shadow?: true }[];
    };
    expect(rules[0]?.shadow).to.equal(true);
    await first.end('SIGTERM');

    site.configure(ruleWith(true));
    await site.boot();
    await podio.updateItem(itemId, { fields: { status: 'Open' } });
    await podio.updateItem(itemId, { fields: { status: 'Won' } });
    const runs = (await ran(2)) as readonly Pick<RunRecord, 'shadow'>[];
    expect(runs.map(({ shadow }) => shadow)).to.deep.equal([true, undefined]);
    expect(await podio.items(DEALS.id)).to.have.length(1);
    expect(receiver.received).to.have.length(2);
    expect(site.lines('events.ndjson')).to.have.length(1);
  });

  it('begins and ends with a reload, and its retries and elements of a split are as captured as the rest', async () => {
    const receiver = await startReceiver();
    const ruleWith = (enabled: boolean | 'shadow') => ({
      rules: {
        split: {
          enabled,
          on: { app: 'leads', events: 'item.create' },
          mode: { settle: '1s' },
          steps: [
            { split: { in: '{{ item.title | split: "," }}', as: 'part' } },
            { 'http-request': { url: receiver.url, json: { part: '{{ part }}' } } },
          ],
        },
      },
    });
    const site = await makeSite(ruleWith('shadow'));
    await site.boot();
    const create = (title: string) => site.podio.createItem(LEADS.id, { fields: { title } });
    const settled = async (count: number) =>
      until(async () => {
        const runs = (await site.peek()).flatMap(one => one.runs);
        return runs.length >= count && runs;
      }, `${count} runs`);
    await create('a,b');
    const [shadow] = await settled(1);
    expect(shadow?.shadow).to.equal(true);
    expect(shadow?.steps.flatMap(({ would }) => would?.sends?.map(({ body }) => body) ?? [])).to.deep.equal([
      { part: 'a' },
      { part: 'b' },
    ]);
    const switchTo = async (enabled: boolean | 'shadow') => {
      site.configure(ruleWith(enabled));
      const { code, stderr } = await site.podiod(['reload']);
      expect(code, stderr).to.equal(0);
    };
    await switchTo(true);
    await create('c');
    await settled(2);
    expect(receiver.received.map(body => JSON.parse(body))).to.deep.equal([{ part: 'c' }]);
    await switchTo('shadow');
    await create('d');
    const runs = await settled(3);
    expect(runs.map(run => run.shadow)).to.deep.equal([true, undefined, true]);
    expect(receiver.received).to.have.length(1);
  });
});
