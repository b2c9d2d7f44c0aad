// Where plugins may call, by all the ways that they have, in the daemon as it is.
import { expect } from 'chai';
import { startHttp } from '../support/http.ts';
import { startSmtp } from '../support/smtp.ts';
import { LEADS, makeSite } from './site.ts';

/** A plugin of a user, which speaks a protocol of its own. */
const KNOCKER = `
import { definePlugin, z } from 'podiod/plugin';
import { concatMap } from 'rxjs';

export default definePlugin({
  name: 'knocker',
  options: z.object({ port: z.number() }),
  setup: ({ port }, { connect }) => ({
    operator: messages$ =>
      messages$.pipe(
        concatMap(async message => {
          const socket = await connect({ host: 'localhost', port, signal: message.signal });
          socket.end('knock');
          return message;
        }),
      ),
  }),
});
`;

describe('outbound', () => {
  it('keeps every plugin off this machine, whatever leads there, and lets all of them there when it may', async () => {
    await using web = await startHttp((_call, response) => response.end('ok'));
    await using smtp = await startSmtp();
    const url = web.url.replace('127.0.0.1', 'localhost');
    const steps = {
      mailed: {
        email: { smtp: `smtp://localhost:${smtp.port}`, from: 'a@b.c', to: 'a@b.c', subject: 's', text: 't' },
      },
      requested: { 'http-request': { url, json: {} } },
      posted: { 'slack-notifier': { webhookUrl: url, text: 'hi' } },
      knocked: { knocker: { port: smtp.port } },
    };
    const site = await makeSite({
      rules: Object.fromEntries(
        Object.entries(steps).map(([name, step]) => [
          name,
          { on: { app: 'leads', events: 'item.create' }, steps: [step] },
        ]),
      ),
      plugins: { knocker: { use: './knocker.ts' } },
      outbound: { private: false },
    });
    site.write('knocker.ts', KNOCKER);
    await site.boot();
    await site.podio.createItem(LEADS.id, { fields: { title: 'Alder' } });
    const [{ runs } = { runs: [] }] = await site.untilRun(1, ...Object.keys(steps));
    for (const { rule, outcome, error } of runs) {
      expect([rule, outcome]).to.deep.equal([rule, 'parked']);
      expect(error, rule).to.match(/OUTBOUND_REFUSED|localhost leads to (127\.0\.0\.1|::1)/);
    }
    expect(web.calls).to.deep.equal([]);
    expect(smtp.connections).to.equal(0);

    site.configure({ outbound: { hosts: ['localhost'] } });
    expect(await site.podiod(['reload'])).to.have.property('code', 0);
    await site.podio.createItem(LEADS.id, { fields: { title: 'Birch' } });
    const [, event] = await site.untilRun(2, ...Object.keys(steps));
    expect(event?.runs.map(({ outcome }) => outcome)).to.deep.equal(Object.keys(steps).map(() => 'settled'));
    expect(web.calls).to.have.lengthOf(2);
    expect(smtp.received).to.have.lengthOf(1);
    expect(smtp.connections).to.equal(2);
  }).timeout(60_000);
});
