import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import slackNotifier from '../../../plugins/slack-notifier/index.ts';
import { retryAfterMs } from '../../../plugins/slack-notifier/send.ts';
import { outboundFetch } from '../../../src/http/outbound.ts';
import { testPlugin } from '../../../src/plugin/testing.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A Slack on this machine. Keeps what was posted. */
async function slack(answer: Answer = (_request, response) => response.end('ok')) {
  const posted: { url: string | undefined; type: string | undefined; body: unknown }[] = [];
  const server = createServer(async (request, response) => {
    const body = await text(request);
    posted.push({ url: request.url, type: request.headers['content-type'], body: JSON.parse(body) });
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    posted,
    url: `http://127.0.0.1:${port}/services/T0/B0/verysecret`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const status =
  (code: number, body: string, headers: Record<string, string> = {}): Answer =>
  (_request, response) =>
    void response.writeHead(code, headers).end(body);

const won = {
  item: {
    title: 'Acme & <Sons>',
    link: 'https://podio.com/x?a=1&b=2',
    fields: [
      {
        field_id: 1,
        external_id: 'deal-value-2',
        type: 'money',
        label: 'Value',
        values: [{ value: '9', currency: 'EUR' }],
      },
    ],
  },
  changes: {
    status: {
      type: 'category',
      from: [{ value: { id: 1, text: 'Open' } }],
      to: [{ value: { id: 3, text: '<!channel> & Won' } }],
    },
  },
};

const post = async (
  url: string,
  options: Record<string, unknown>,
  event: Parameters<Awaited<ReturnType<typeof testPlugin>>['run']>[0] = won,
) => {
  await using tested = await testPlugin(slackNotifier, {
    options: { webhookUrl: url, ...options },
    aliases: { value: 'deal-value-2' },
  });
  return tested.run(event);
};

/** The error of a post that Slack answers so. */
const refused = async (answer: Answer, event = {}) => {
  await using server = await slack(answer);
  const error = await post(server.url, { text: 'hi' }, event).then(
    () => expect.fail('was taken'),
    thrown => thrown,
  );
  const { message, hint, stack, cause } = error;
  expect(JSON.stringify([message, hint, stack, String(cause), cause?.stack])).not.to.contain('verysecret');
  return error;
};

describe('slack-notifier', () => {
  it('posts text with values escaped and its own text not', async () => {
    await using server = await slack();
    await post(server.url, {
      text: '<{{ item.link }}|{{ item.title }}> is {{ changes.status.to }} ({{ fields.value }}) <!here>',
    });
    expect(server.posted).to.deep.equal([
      {
        url: '/services/T0/B0/verysecret',
        type: 'application/json',
        body: {
          text: '<https://podio.com/x?a=1&amp;b=2|Acme &amp; &lt;Sons&gt;> is &lt;!channel&gt; &amp; Won (€9.00) <!here>',
        },
      },
    ]);
  });

  it('posts blocks, with templates in every string and URLs as they are', async () => {
    await using server = await slack();
    const blocks = [
      { type: 'section', text: { type: 'mrkdwn', text: '*{{ item.title }}*' } },
      {
        type: 'actions',
        elements: [
          { type: 'button', text: { type: 'plain_text', text: 'Open', emoji: true }, url: '{{ item.link }}' },
        ],
      },
    ];
    await post(server.url, { text: 'fallback', blocks });
    expect(server.posted[0]?.body).to.deep.equal({
      text: 'fallback',
      blocks: [
        { type: 'section', text: { type: 'mrkdwn', text: '*Acme &amp; &lt;Sons&gt;*' } },
        {
          type: 'actions',
          elements: [
            {
              type: 'button',
              text: { type: 'plain_text', text: 'Open', emoji: true },
              url: 'https://podio.com/x?a=1&b=2',
            },
          ],
        },
      ],
    });
  });

  it('escapes what stands for a whole text, and shows a field as people see it', async () => {
    await using server = await slack();
    await post(server.url, {
      text: '{{ changes.status.to }}',
      blocks: [
        { type: 'header', text: { type: 'plain_text', text: '{{ item.title }}', emoji: true } },
        { type: 'section', text: { type: 'mrkdwn', text: '{{ fields.value }}' } },
        { type: 'section', text: { type: 'mrkdwn', text: '{{ event.seq }}' } },
        { type: 'section', text: { type: 'mrkdwn', text: '{{ item.title | raw }}' } },
      ],
    });
    expect(server.posted[0]?.body).to.deep.equal({
      text: '&lt;!channel&gt; &amp; Won',
      blocks: [
        { type: 'header', text: { type: 'plain_text', text: 'Acme &amp; &lt;Sons&gt;', emoji: true } },
        { type: 'section', text: { type: 'mrkdwn', text: '€9.00' } },
        { type: 'section', text: { type: 'mrkdwn', text: '1' } },
        { type: 'section', text: { type: 'mrkdwn', text: 'Acme & <Sons>' } },
      ],
    });
  });

  it('takes whole blocks, and lists within them, from a step before', async () => {
    await using server = await slack();
    const rows = [{ type: 'mrkdwn', text: 'A <b>' }];
    const button = {
      type: 'button',
      url: 'https://x.example/?a=1&b=2',
      text: { type: 'plain_text', text: 'R&D' },
    };
    await post(
      server.url,
      { blocks: [{ type: 'section', fields: '{{ data.report.rows }}' }] },
      {
        ...won,
        data: { report: { rows } },
      },
    );
    await post(
      server.url,
      { blocks: '{{ data.report }}' },
      {
        ...won,
        data: { report: [{ type: 'actions', elements: [button] }] },
      },
    );
    expect(server.posted.map(({ body }) => body)).to.deep.equal([
      { blocks: [{ type: 'section', fields: [{ type: 'mrkdwn', text: 'A &lt;b&gt;' }] }] },
      {
        blocks: [
          { type: 'actions', elements: [{ ...button, text: { type: 'plain_text', text: 'R&amp;D' } }] },
        ],
      },
    ]);
    const misfit = await post(
      server.url,
      { blocks: '{{ data.report }}' },
      { ...won, data: { report: 5 } },
    ).then(
      () => expect.fail('was taken'),
      error => error,
    );
    expect(misfit).to.deep.include({ code: 'PLUGIN_OPTIONS', retry: 'never' });
    expect(server.posted).to.have.length(2);
  });

  it('waits as long as a 429 says, which uses up no attempt', async () => {
    expect(await refused(status(429, 'rate_limited', { 'Retry-After': '30' }))).to.deep.include({
      code: 'PLUGIN_RETRY_AFTER',
      retry: { afterMs: 30_000 },
      message: 'Slack answered 429: rate_limited',
    });
    expect(await refused(status(429, ''))).to.deep.include({
      retry: 'backoff',
      message: 'Slack answered 429: nothing',
    });
  });

  it('gives up at once where Slack refuses the message or the webhook', async () => {
    for (const [code, body] of [
      [404, 'no_service'],
      [400, 'invalid_payload'],
      [403, 'action_prohibited'],
      [410, 'channel_is_archived'],
    ] as const) {
      expect(await refused(status(code, body))).to.deep.include({
        code: 'PLUGIN_PERMANENT',
        retry: 'never',
        message: `Slack answered ${code}: ${body}`,
      });
    }
  });

  it('tries again after what may pass', async () => {
    const redirect = status(302, '', { Location: 'http://127.0.0.1:1/elsewhere' });
    for (const answer of [status(500, 'x'.repeat(5000)), status(503, ''), status(408, ''), redirect]) {
      const error = await refused(answer);
      expect(error.retry).to.equal('backoff');
      expect(error.message.length).to.be.below(300);
    }
    expect((await refused(request => request.socket.destroy())).message).to.contain(
      'Slack could not be reached',
    );
  });

  it('tries again when nobody listens, and says so', async () => {
    const server = await slack();
    await server[Symbol.asyncDispose]();
    const error = await post(server.url, { text: 'hi' }).catch(thrown => thrown);
    expect(error.retry).to.equal('backoff');
    expect(error.message).to.match(/^Slack could not be reached: .*ECONNREFUSED/);
    expect(error.message).not.to.contain('verysecret');
  });

  it('posts nothing where `outbound` of the config does not let it, and says so', async () => {
    await using server = await slack();
    const fetch = outboundFetch({ hosts: undefined, private: false }, globalThis.fetch);
    const webhookUrl = server.url.replace('127.0.0.1', 'localhost');
    await using tested = await testPlugin(slackNotifier, { options: { webhookUrl, text: 'hi' }, fetch });
    const error = await tested.run().catch(thrown => thrown);
    expect(error).to.include({ code: 'OUTBOUND_REFUSED', retry: 'never' });
    expect(error.message).not.to.contain('verysecret');
    expect(server.posted).to.deep.equal([]);
  });

  it('lets go of the connection when it is cut off', async () => {
    const arrived = Promise.withResolvers<IncomingMessage>();
    await using server = await slack(request => arrived.resolve(request));
    const stop = new AbortController();
    const posting = post(server.url, { text: 'hi' }, { signal: stop.signal }).catch(thrown => thrown);
    const { socket } = await arrived.promise;
    const closed = once(socket, 'close');
    const reason = new Error('stopping');
    stop.abort(reason);
    expect(await posting).to.equal(reason);
    await closed;
  });

  it('says what it would post', async () => {
    const describe = async (options: Record<string, unknown>) => {
      await using tested = await testPlugin(slackNotifier, {
        options: { webhookUrl: 'https://hooks.slack.example/verysecret', ...options },
        fetch: () => expect.fail('must not post'),
      });
      return tested.describe(won);
    };
    expect(await describe({ text: 'Won: {{ item.title }}' })).to.equal(
      'posts to Slack: Won: Acme &amp; &lt;Sons&gt;',
    );
    expect(await describe({ blocks: [{ type: 'divider' }] })).to.equal(
      'posts to Slack: [{"type":"divider"}]',
    );
  });

  describe('options', () => {
    const webhookUrl = 'https://hooks.slack.com/services/T/B/X';
    const issues = (options: unknown) =>
      slackNotifier.options
        .safeParse(options)
        .error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];

    it('takes https, and http to this machine only', () => {
      for (const host of ['127.0.0.1', '127.0.0.9', 'localhost', '[::1]']) {
        const url = `http://${host}:9/x`;
        expect(issues({ webhookUrl: url, text: 'x' })).to.deep.equal([]);
      }
      expect(issues({ webhookUrl, text: 'x' })).to.deep.equal([]);
      for (const url of [
        'http://hooks.slack.com/x',
        'ftp://127.0.0.1/x',
        'hooks.slack.com',
        '',
        'http://127.0.0.1.evil.example/',
      ]) {
        expect(issues({ webhookUrl: url, text: 'x' })[0]).to.contain('webhookUrl: must be an https:// URL');
      }
    });

    it('wants text or blocks', () => {
      expect(issues({ webhookUrl })).to.deep.equal(['text: needs `text` or `blocks`']);
    });

    it('shows the place of a template that is wrong, deep in blocks too', () => {
      expect(issues({ webhookUrl, text: '{{ item.title' })[0]).to.match(/^text: .*without its/);
      const blocks = [
        { type: 'divider' },
        { type: 'section', text: { type: 'mrkdwn', text: '{{ itme.title }}' } },
      ];
      expect(issues({ webhookUrl, blocks })[0]).to.match(/^blocks\.1\.text\.text: unknown variable "itme"/);
      expect(issues({ webhookUrl, blocks: [] })).to.have.length(1);
      expect(issues({ webhookUrl, blocks: [{ text: 'x' }] })[0]).to.contain('blocks.0.type');
    });
  });

  it('reads Retry-After as seconds or a date', () => {
    const now = Date.UTC(2026, 0, 31, 12);
    expect(retryAfterMs('2', now)).to.equal(2000);
    expect(retryAfterMs('0.5', now)).to.equal(500);
    expect(retryAfterMs('Sat, 31 Jan 2026 12:00:10 GMT', now)).to.equal(10_000);
    expect(retryAfterMs('Sat, 31 Jan 2026 11:00:00 GMT', now)).to.equal(0);
    expect(retryAfterMs('-5', now)).to.equal(0);
    for (const nothing of [null, '', ' ', 'soon']) expect(retryAfterMs(nothing, now)).to.equal(undefined);
  });
});
