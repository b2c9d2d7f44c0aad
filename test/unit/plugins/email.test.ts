import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { expect } from 'chai';
import type { SMTPServerOptions } from 'smtp-server';
import email from '../../../plugins/email/index.ts';
import { parseServer } from '../../../plugins/email/server.ts';
import { checkUrl, type OutboundRules, outboundConnect } from '../../../src/http/outbound.ts';
import { connect } from '../../../src/plugin/connect.ts';
import type { TestEvent } from '../../../src/plugin/testing.ts';
import { testPlugin } from '../../../src/plugin/testing.ts';
import { makeCertificate } from '../../support/certificate.ts';
import { type Emulated, emulate, failureOf, LEADS } from '../../support/emulated.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { type MailServer, type Received, startSmtp } from '../../support/smtp.ts';

const reply = (responseCode: number, message: string) => Object.assign(new Error(message), { responseCode });

/** Lines that are folded belong together. */
const headerOf = ({ raw }: Received, name: string): string | undefined =>
  new RegExp(`^${name}: (.*)$`, 'im').exec(raw.replace(/\r\n[ \t]+/g, ' '))?.[1];

/** What a header writes in ASCII, as people see it. */
const decodeWords = (text: string): string =>
  text
    .replace(/=\?utf-8\?q\?(.*?)\?=/gi, (_, word: string) =>
      Buffer.from(
        word
          .replaceAll('_', ' ')
          .replace(/=([0-9A-F]{2})/g, (_hex, code) => String.fromCharCode(Number.parseInt(code, 16))),
        'latin1',
      ).toString(),
    )
    .trim();

const item: TestEvent = { item: { title: 'Acme & <Sons>', link: 'https://podio.com/x' } };

const run = async (options: object, event: TestEvent = item) => {
  await using tested = await testPlugin(email, {
    options: { from: 'Bot <bot@example.com>', to: 'ada@example.com', subject: 's', text: 't', ...options },
  });
  const [data] = await tested.run(event);
  return data?.email;
};

describe('email', () => {
  it('hands in a mail, with its values filled in', async () => {
    await using server = await startSmtp();
    const data = await run({
      smtp: server.url,
      to: ['Ada <ada@example.com>', 'b@example.com, c@example.com'],
      cc: 'cc@example.com',
      bcc: 'bcc@example.com',
      replyTo: 'answers@example.com',
      subject: 'About {{ item.title }}\r\nBcc: evil@example.com',
      text: 'See {{ item.link }}',
      html: '<b>{{ item.title }}</b>{{ "<i>" | raw }}',
    });
    const [mail] = server.received;
    expect(mail).to.include({ from: 'bot@example.com' });
    expect(mail?.to).to.have.members([
      'ada@example.com',
      'b@example.com',
      'c@example.com',
      'cc@example.com',
      'bcc@example.com',
    ]);
    const received = mail ?? expect.fail('no mail');
    expect(headerOf(received, 'subject')).to.equal('About Acme & <Sons> Bcc: evil@example.com');
    expect(headerOf(received, 'to')).to.contain('Ada <ada@example.com>').and.contain('c@example.com');
    expect(headerOf(received, 'reply-to')).to.equal('answers@example.com');
    expect(received.raw).not.to.match(/^bcc:/im);
    expect(received.raw)
      .to.contain('See https://podio.com/x')
      .and.contain('<b>Acme &amp; &lt;Sons&gt;</b><i>');
    expect(data).to.deep.include({ accepted: 5, rejected: [] });
    expect(data).to.have.property('messageId', headerOf(received, 'message-id'));
  });

  it('lets no value beside a name add an address, or end one', async () => {
    await using server = await startSmtp();
    const form = '{{ item.title }} via podiod <{{ data.mail }}>';
    for (const [title, shown] of [
      ['evil@example.net, Ada', 'evil@example.net Ada'],
      ['evil@example.net>, <x', 'evil@example.net x'],
      ['Ada"\r\nBcc: evil@example.net', "Ada' Bcc evil@example.net"],
      ['24" display (new)', "24' display new"],
      ['Group: evil@example.net;', 'Group evil@example.net'],
      ['Bäcker \\', 'Bäcker'],
    ] as const) {
      const event = { item: { title }, data: { mail: 'ada@example.com' } };
      await run({ smtp: server.url, from: form, to: [form], cc: '{{ data.mail }}, cc@example.com' }, event);
      const mail = server.received.at(-1) ?? expect.fail('no mail');
      expect(mail.from, title).to.equal('ada@example.com');
      expect(mail.to, title).to.have.members(['ada@example.com', 'cc@example.com']);
      const name = decodeWords(headerOf(mail, 'from') ?? '').replace(/ <ada@example\.com>$/, '');
      expect(name.replace(/^"|"$/g, ''), title).to.equal(`${shown} via podiod`);
    }
  });

  it('takes what a template itself names as it stands there', async () => {
    await using server = await startSmtp();
    const to = '{{ data.mail | default: "Team <team@example.com>, ops@example.com" }}';
    await run({ smtp: server.url, from: 'bot@example.com', to, subject: 'x', text: 'y' });
    expect(server.received[0]?.to).to.have.members(['team@example.com', 'ops@example.com']);
  });

  it('takes no markup from a value that is all of the HTML', async () => {
    await using server = await startSmtp();
    await run({ smtp: server.url, to: 'b@example.com', subject: 'x', html: '{{ item.title }}' });
    expect(server.received[0]?.raw).to.contain('Acme &amp; &lt;Sons&gt;').and.not.contain('<Sons>');
  });

  it('logs in', async () => {
    const seen: unknown[] = [];
    await using server = await startSmtp({
      authOptional: false,
      allowInsecureAuth: true,
      onAuth({ username, password }, _session, done) {
        seen.push(username, password);
        done(null, { user: username });
      },
    });
    await run({ smtp: server.url.replace('//', '//bot:s%40cret@') });
    expect(seen).to.deep.equal(['bot', 's@cret']);
    expect(server.received).to.have.lengthOf(1);
  });

  describe('where `outbound` of the config restricts it', () => {
    const restricted = async (smtp: string, rules: Partial<OutboundRules>) => {
      const outbound = { hosts: undefined, private: true, ...rules };
      await using tested = await testPlugin(email, {
        options: { smtp, from: 'bot@example.com', to: 'a@example.com', subject: 's', text: 't' },
        mayCall: url => checkUrl(outbound, url),
        connect: outboundConnect(outbound, connect),
      });
      await tested.run();
    };
    const at = (host: string, { url }: MailServer) => url.replace('127.0.0.1', host);

    it('hands in nothing on a private address, however it is written, and by no name that leads to one', async () => {
      await using server = await startSmtp();
      for (const host of [
        '127.0.0.1',
        '127.1',
        '0x7f000001',
        '2130706433',
        '[::ffff:127.0.0.1]',
        '0',
        'localhost',
        'localhost.',
      ]) {
        const error = await failureOf(restricted(at(host, server), { private: false }));
        expect(error, host).to.include({ code: 'OUTBOUND_REFUSED', retry: 'never' });
      }
      // Not even its greeting was read.
      expect([server.connections, server.received]).to.deep.equal([0, []]);
      await restricted(at('localhost', server), { private: true });
      expect(server.received).to.have.lengthOf(1);
    });

    it('hands in on the hosts that it names, and on no others', async () => {
      await using server = await startSmtp();
      const hosts = ['localhost'];
      expect(await failureOf(restricted(server.url, { hosts }))).to.include({ code: 'OUTBOUND_REFUSED' });
      // Both must allow it.
      expect(await failureOf(restricted(at('localhost', server), { hosts, private: false }))).to.include({
        code: 'OUTBOUND_REFUSED',
      });
      expect(server.connections).to.equal(0);
      await restricted(at('LOCALHOST.', server), { hosts });
      expect(server.received).to.have.lengthOf(1);
    });
  });

  it('speaks TLS, at once or by STARTTLS, with a server whose certificate is right', async () => {
    using folder = temporaryFolder();
    const { key, cert } = makeCertificate(folder.path);
    const trusted = getCACertificates();
    setDefaultCACertificates([...trusted, cert]);
    try {
      for (const secure of [true, false]) {
        await using server = await startSmtp({ key, cert, secure, disabledCommands: [] });
        const smtp = `${secure ? 'smtps' : 'smtp'}://localhost:${server.port}`;
        await run({ smtp });
        expect(server.received, smtp).to.have.lengthOf(1);
        expect(server.received[0]?.tls, smtp).to.equal(true);
        // The certificate is another's.
        expect(await failureOf(run({ smtp: smtp.replace('localhost', '127.0.0.1') }))).to.include({
          retry: 'backoff',
        });
        expect(server.received, smtp).to.have.lengthOf(1);
      }
    } finally {
      setDefaultCACertificates(trusted);
    }
  });

  it('sends one mail for an event, and marks a repeat as one', async () => {
    await using server = await startSmtp();
    const options = {
      smtp: server.url,
      from: 'bot@example.com',
      to: 'a@example.com',
      subject: 's',
      text: 't',
    };
    await using tested = await testPlugin(email, { options });
    const event = { event: { id: 'item.update:1:1' } };
    expect(await tested.run(event)).to.deep.equal(await tested.run(event));
    expect(server.received).to.have.lengthOf(1);
    // Another process, which has lost what was written down.
    await using other = await testPlugin(email, { options });
    await other.run(event);
    await other.run({ event: { id: 'item.update:1:2' } });
    const ids = server.received.map(mail => headerOf(mail, 'message-id'));
    expect(ids[0]).to.match(/^<[0-9a-f]{40}@example\.com>$/);
    expect(ids[1]).to.equal(ids[0]);
    expect(ids[2]).not.to.equal(ids[0]);
  });

  it('is shown and not sent where effects are captured', async () => {
    const smtp = 'smtp://bot:s3cret@127.0.0.1:1';
    const mail = {
      from: 'bot@example.com',
      to: ['a@example.com', 'b@example.com'],
      subject: 'on {{ item.title }}',
    };
    await using tested = await testPlugin(email, { options: { smtp, ...mail, text: 'hi' }, captured: true });
    const [data] = await tested.run({ item: { title: 'Fjord' } });
    expect(data?.email).to.deep.include({ accepted: 2, rejected: [] });
    expect(tested.sends).to.deep.equal([{ mail: { ...mail, subject: 'on Fjord', text: 'hi' } }]);
  });

  describe('with files of Podio', () => {
    let scene: Emulated;
    let itemId: number;
    const bytes = new Uint8Array([0, 255, 13, 10, 46, 13, 10]);

    beforeEach(async () => {
      scene = await emulate();
      itemId = scene.world.createItem(LEADS, { fields: { title: 'Invoice' } }).itemId;
    });
    afterEach(() => scene[Symbol.asyncDispose]());

    const attach = (name: string, content: Uint8Array, mimetype = 'application/pdf') => {
      const { fileId } = scene.world.addFile({ name, mimetype, content });
      scene.world.attachFiles(itemId, [fileId]);
      return fileId;
    };
    const withFiles = async (smtp: string, more: object = {}, event: TestEvent = {}) => {
      await using tested = await scene.under(email, {
        smtp,
        from: 'bot@example.com',
        to: 'a@example.com',
        subject: '{{ item.title }}',
        text: 't',
        attachments: '{{ files }}',
        ...more,
      });
      const files = (await scene.calls.items.get(itemId, 'leads')).files as readonly Record<
        string,
        unknown
      >[];
      return await tested.run(await scene.about(itemId, { files, ...event }));
    };

    it('sends them along as they are', async () => {
      await using server = await startSmtp();
      attach('in/voice\r\n.pdf', bytes);
      attach('b.txt', new TextEncoder().encode('hello'), 'text/plain');
      for (const fileBytes of ['direct', 'redirect'] as const) {
        scene.world.setSwitches({ fileBytes });
        await withFiles(server.url, {}, { event: { id: `file.change:1:${fileBytes}` } });
        const { raw } = server.received.at(-1) ?? expect.fail('no mail');
        expect(raw).to.contain(Buffer.from(bytes).toString('base64'));
        expect(raw).to.match(/application\/pdf; name="?in_voice_.pdf/);
        expect(raw).to.match(/filename=b.txt/);
      }
    });

    it('takes ids, and nothing for no attachments', async () => {
      await using server = await startSmtp();
      const id = attach('a.pdf', bytes);
      await withFiles(server.url, { attachments: id });
      await withFiles(server.url, { attachments: [id] });
      await withFiles(server.url, { attachments: '{{ data.nothing }}' });
      expect(server.received.map(({ raw }) => raw.includes('a.pdf'))).to.deep.equal([true, true, false]);
    });

    it('sends nothing where they are too large, or gone', async () => {
      await using server = await startSmtp();
      const id = attach('a.pdf', bytes);
      attach('b.pdf', bytes);
      const error = await failureOf(withFiles(server.url, { maxAttachments: '13b' }));
      expect(error).to.include({ retry: 'never' });
      expect(error.message).to.contain('maxAttachments');
      const lie = [{ file_id: id, name: 'a.pdf', size: 1 }];
      expect(
        (await failureOf(withFiles(server.url, { maxAttachments: '5b' }, { files: lie }))).message,
      ).to.contain('maxAttachments');
      expect(await failureOf(withFiles(server.url, { attachments: 1 }))).to.include({ retry: 'never' });
      expect(server.received).to.deep.equal([]);
    });

    it('says which it would send', async () => {
      const id = attach('a.pdf', bytes);
      await using tested = await scene.under(email, {
        smtp: 'smtp://bot:verysecret@mail.example.com',
        from: 'bot@example.com',
        to: 'a@example.com',
        subject: '{{ item.title }}',
        text: 'Look',
        attachments: '{{ files }}',
      });
      const files = [{ file_id: id, name: 'a.pdf' }];
      expect(await tested.describe(await scene.about(itemId, { files }))).to.equal(
        'mails a@example.com: Invoice\nLook\nwith a.pdf',
      );
    });
  });

  describe('when it fails', () => {
    const refusedAt = async (options: SMTPServerOptions) => {
      await using server = await startSmtp(options);
      const error = await failureOf(run({ smtp: server.url.replace('//', '//bot:verysecret@') }));
      expect(JSON.stringify([error.message, error.stack, String(error.cause)])).not.to.contain('verysecret');
      return error;
    };
    const auth: SMTPServerOptions = {
      allowInsecureAuth: true,
      onAuth: ({ username }, _session, done) => done(null, { user: username }),
    };

    it('gives up on what is refused for good', async () => {
      for (const options of [
        { onRcptTo: (_to, _session, done) => done(reply(550, 'no such user')) },
        { onMailFrom: (_from, _session, done) => done(reply(553, 'not yours')) },
        {
          onData: (stream, _session, done) => void stream.resume().on('end', () => done(reply(554, 'spam'))),
        },
      ] satisfies SMTPServerOptions[]) {
        const error = await refusedAt({ ...auth, ...options });
        expect(error).to.include({ code: 'PLUGIN_PERMANENT', retry: 'never' });
        expect(error.message).to.match(
          /the mail server 127\.0\.0\.1:\d+ says: .*(no such user|not yours|spam)/,
        );
      }
    });

    it('tries again after what may pass, and what people can put right', async () => {
      for (const options of [
        { onRcptTo: (_to, _session, done) => done(reply(451, 'greylisted')) },
        {
          onData: (stream, _session, done) => void stream.resume().on('end', () => done(reply(452, 'full'))),
        },
        { onAuth: (_auth, _session, done) => done(reply(535, 'wrong password')) },
        { onConnect: (_session, done) => done(reply(421, 'busy')) },
      ] satisfies SMTPServerOptions[])
        expect(await refusedAt({ ...auth, ...options })).to.include({ retry: 'backoff' });
      const server = await startSmtp();
      await server[Symbol.asyncDispose]();
      expect(await failureOf(run({ smtp: server.url }))).to.include({ retry: 'backoff' });
    });

    it('goes on where some addresses are not taken', async () => {
      await using server = await startSmtp({
        onRcptTo: ({ address }, _session, done) => done(address.startsWith('b') ? reply(550, 'no') : null),
      });
      const data = await run({ smtp: server.url, to: 'a@example.com, b@example.com' });
      expect(data).to.deep.include({ accepted: 1, rejected: ['b@example.com'] });
    });

    it('does not send in the clear to another machine', async () => {
      /** As if it were another machine. */
      const sendTo = async ({ port }: MailServer) => {
        await using tested = await testPlugin(email, {
          options: {
            smtp: `smtp://mail.example.net:${port}`,
            from: 'a@b.c',
            to: 'a@b.c',
            subject: 's',
            text: 't',
          },
          connect: to => connect({ ...to, host: '127.0.0.1' }),
        });
        await tested.run();
      };
      await using server = await startSmtp();
      expect(await failureOf(sendTo(server))).to.include({ retry: 'backoff' });
      // One with STARTTLS, whose certificate nobody vouches for.
      await using signed = await startSmtp({ disabledCommands: [] });
      expect(await failureOf(sendTo(signed))).to.include({ retry: 'backoff' });
      expect([...server.received, ...signed.received]).to.deep.equal([]);
    });

    it('lets go of the connection when it is cut off', async () => {
      const arrived = Promise.withResolvers<Socket>();
      const silent = createServer(socket => arrived.resolve(socket)).listen(0, '127.0.0.1');
      await once(silent, 'listening');
      const stop = new AbortController();
      const smtp = `smtp://127.0.0.1:${(silent.address() as AddressInfo).port}`;
      const sending = failureOf(run({ smtp }, { signal: stop.signal }));
      const socket = await arrived.promise;
      const closed = once(socket.on('error', () => {}).resume(), 'close');
      const reason = new Error('stopping');
      stop.abort(reason);
      expect(await sending).to.equal(reason);
      await closed;
      silent.close();
    });

    it('sends nothing to nobody', async () => {
      await using server = await startSmtp();
      const error = await failureOf(run({ smtp: server.url, to: '{{ data.nobody }}' }));
      expect(error).to.include({ retry: 'never' });
      expect(await failureOf(run({ smtp: server.url, to: '{{ "no address" }}' }))).to.include({
        retry: 'never',
      });
      // What stands there as it is is told before anything is sent.
      expect(String(await failureOf(run({ smtp: server.url, to: 'no address' })))).to.include(
        'must be a mail address',
      );
      expect(server.received).to.deep.equal([]);
    });
  });

  it('reads the URL of a server', () => {
    expect(parseServer('smtp://u:p%40@mail.example.com')).to.deep.equal({
      host: 'mail.example.com',
      port: 587,
      secure: false,
      auth: { user: 'u', pass: 'p@' },
    });
    expect(parseServer('smtps://mail.example.com:4650/')).to.deep.include({
      port: 4650,
      secure: true,
      auth: undefined,
    });
    expect(parseServer('smtp://[::1]:25')).to.deep.include({ host: '::1', port: 25 });
    for (const wrong of [
      'mail.example.com',
      'https://mail.example.com',
      'smtp://',
      'smtp://a/b',
      'smtp://a?pool=true',
    ])
      expect(parseServer(wrong), wrong).to.equal(undefined);
  });

  it('wants a server, a reader and something to read', () => {
    const given = { smtp: 'smtp://a', from: 'a@b.c', to: 'a@b.c', subject: 's', text: 't' };
    const first = (more: object) =>
      email.options.safeParse({ ...given, ...more }).error?.issues[0]?.path.join('.');
    expect(first({})).to.equal(undefined);
    expect(first({ to: undefined })).to.equal('to');
    expect(first({ to: undefined, bcc: 'a@b.c' })).to.equal(undefined);
    expect(first({ text: undefined })).to.equal('text');
    expect(first({ smtp: 'https://a' })).to.equal('smtp');
    expect(first({ attachments: '{{ flies }}' })).to.equal('attachments');
  });
});
