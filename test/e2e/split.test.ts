// The recipe erp-sync: a list from elsewhere, each row by itself, under kill -9 and with answers of Podio that are lost.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import type { ParkedRun } from '../../src/core/run.ts';
import { letTimePass, makeSite, SALES } from './site.ts';

const ORDERS = 103;
const COUNT = 30;
const BAD = ['7', '19'];
const orders = Array.from({ length: COUNT }, (_, n) => ({
  id: n + 1,
  no: `SO-${n + 1}`,
  total: BAD.includes(String(n + 1)) ? 'a lot' : 10.5 * (n + 1),
}));

/** The ERP: answers its orders to whoever has the token. */
async function startErp() {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.statusCode = request.headers.authorization === 'Bearer erp-token' ? 200 : 401;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ orders }));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    [Symbol.dispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe('a list from elsewhere', function () {
  this.timeout(120_000);

  it('is split, and each row is written once, retried, parked and resumed by itself', async () => {
    using erp = await startErp();
    const site = await makeSite(
      {
        apps: { orders: { id: ORDERS, token: 'orders-token' } },
        spaces: {},
        logins: {},
        plugins: {},
        rules: {
          'erp-sync': {
            on: { schedule: '0 * * * *', missed: 'run' },
            delivery: { retryFor: '50m', concurrency: 1 },
            steps: [
              {
                'http-request': {
                  url: `${erp.url}/orders?since={{ run.previous | date: '%FT%TZ' }}`,
                  headers: { Authorization: 'Bearer erp-token' },
                  retryOn: [408, 429, '5xx'],
                },
                id: 'erp',
              },
              { split: { in: '{{ data.erp.body.orders }}', as: 'order', key: 'id' } },
              {
                'podio-item': {
                  app: 'orders',
                  match: { externalId: 'erp-{{ order.id }}' },
                  create: true,
                  set: { title: '{{ order.no }}', total: { value: '{{ order.total }}', currency: 'EUR' } },
                },
              },
            ],
          },
        },
      },
      {
        limits: { general: 100_000, limited: 100_000, logins: 1000 },
        faults: {
          operations: ['items.create', 'items.update'],
          latencyMs: [1, 20],
          errorRate: 0.15,
          errorStatus: 500,
          errorAfterEffect: true,
        },
      },
    );
    const { podio } = site;
    await podio.addApp({
      appId: ORDERS,
      spaceId: SALES.id,
      name: 'Orders',
      token: 'orders-token',
      fields: [
        { externalId: 'title', type: 'text' },
        { externalId: 'total', type: 'money', settings: { allowed_currencies: ['EUR'] } },
      ],
    });
    await (await site.boot()).end('SIGTERM');
    await letTimePass(site.dataDir, 2 * 60 * 60 * 1000);
    let daemon = await site.boot();
    for (const ms of [300, 200, 400]) {
      await pause(ms);
      await daemon.end('SIGKILL');
      daemon = await site.boot();
    }
    const [entry] = await site.untilRun(1, 'erp-sync');
    expect(entry?.runs[0]?.outcome).to.equal('parked');

    const items = await Promise.all((await podio.items(ORDERS)).map(({ itemId }) => podio.show(itemId)));
    const wanted = orders.filter(({ id }) => !BAD.includes(String(id)));
    expect(items.map(({ externalId }) => externalId).sort()).to.deep.equal(
      wanted.map(({ id }) => `erp-${id}`).sort(),
    );
    const parked = async () =>
      (JSON.parse((await site.podiod(['parked', '--json'])).stdout) as { parked: ParkedRun[] }).parked;
    const rows = await parked();
    expect(rows.map(({ branch, step }) => [step, branch])).to.deep.equal(
      BAD.map(branch => ['podio-item', branch]),
    );
    expect((await site.podiod(['parked'])).stdout).to.contain('podio-item for 7 after');
    const asked = erp.asked.length;
    expect(asked).to.be.at.most(4);

    await site.podiod(['parked', 'retry', rows[0]?.id ?? '']);
    const why = await site.podiod(['why', '--event', entry?.id ?? '']);
    expect(why.stdout).to.match(/parked in part, the rest of it ran/);
    expect(why.stdout).to.contain('podio-item [30]: done');
    await site.podiod(['parked', 'drop', '--all']);
    expect(await parked()).to.deep.equal([]);
    expect((await site.journal())[0]?.runs[0]?.outcome).to.equal('dropped');
    // The list was read once.
    expect(erp.asked.length).to.equal(asked);
    await daemon.end('SIGTERM');
  });
});
