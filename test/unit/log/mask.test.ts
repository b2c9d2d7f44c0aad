import { expect } from 'chai';
import fc from 'fast-check';
import { hookUrl } from '../../../src/core/hook.ts';
import { makeMask } from '../../../src/log/mask.ts';

const KEY = 'AbCdEfGhIjKlMnOpQrSt_-';

describe('makeMask', () => {
  const mask = makeMask();

  it('hides the key of a hook, in URLs and paths', () => {
    const url = hookUrl(
      'https://hooks.example.com/podio',
      'a-secret-of-the-tests',
      { type: 'app', id: 101 },
      'item.update',
    );
    expect(mask(`create ${url}.`)).to.equal(
      'create https://hooks.example.com/podio/***/app/101/item.update.',
    );
    expect(mask(`POST /${KEY}/app_field/9/item.create`)).to.equal('POST /***/app_field/9/item.create');
  });

  const cases: Record<string, readonly [text: string, shown: string]> = {
    'the query of a URL': ['see https://a.example/b?c=d&e=f.', 'see https://a.example/b?***'],
    'the query of a path': ['GET /item/1?token=x failed', 'GET /item/1?*** failed'],
    'user and password of a URL': ['at https://me:pw@a.example/b', 'at https://***@a.example/b'],
    "Discord's webhook URLs": [
      'POST https://discord.com/api/webhooks/1/x-y.',
      'POST https://discord.com/api/webhooks/***',
    ],
    "Slack's webhook URLs": ['"https://hooks.slack.com/services/T0/B0/xyz"', '"https://hooks.slack.com/***"'],
    'what stands after Bearer': ['authorization: Bearer abcdefgh.ijk', 'authorization: Bearer ***'],
    'what stands after OAuth2': ['OAuth2 0123456789abcdef', 'OAuth2 ***'],
    'secrets of a form': ['a=1&client_secret=xyz&app_token=uvw', 'a=1&client_secret=***&app_token=***'],
    'secrets of JSON': ['{"refresh_token": "xyz", "a": 1}', '{"refresh_token": "***", "a": 1}'],
    'secrets of objects as Node shows them': ["{ password: 'xyz', a: 1 }", "{ password: '***', a: 1 }"],
    'the default of a variable': [`password: \${DB_PW:-hunter2x}`, 'password: ***'],
    'what stands beside a variable': [`token: "\${PREFIX}abcd1234"`, 'token: "***"'],
    'secrets of YAML': ['appToken: 0a1b2c3d', 'appToken: ***'],
    'long secrets of YAML': ['clientSecret: abcdefghijklmnopqrst', 'clientSecret: ***'],
    'secrets behind a bare colon': ['token:xyz', 'token:***'],
  };
  for (const [name, [text, shown]] of Object.entries(cases)) {
    it(`hides ${name}`, () => expect(mask(text)).to.equal(shown));
  }

  it('leaves other text as it is', () => {
    for (const text of [
      'item 4711 was deleted',
      'https://a.example/b/c#d',
      'rules.won-leads.on.app must be a name?',
      'no token is known for app/101',
      "Check the app's id and token: both stand in the app's menu under Developer.",
      'the password: see item 4711',
      '/var/lib/podiod/podiod.db',
      'won-leads/item.update:501:26/tell',
    ]) {
      expect(mask(text)).to.equal(text);
    }
  });

  it('leaves where a config takes a secret from', () => {
    for (const text of [
      `leads: { id: 101, token: "\${LEADS_TOKEN}" }`,
      `clientSecret: \${PODIO_CLIENT_SECRET_2026}`,
      `token: '\${file:./leads-token.txt}'`,
      `token=\${credential:podio-token-101}`,
      `give a default: \${LEADS_TOKEN:-...}`,
    ]) {
      expect(mask(text)).to.equal(text);
    }
  });

  it('hides a known secret anywhere, also written for URLs, forms and JSON', () => {
    const quote = {
      quiet: (text: string) => text,
      uri: encodeURIComponent,
      json: (text: string) => JSON.stringify(text).slice(1, -1),
    };
    fc.assert(
      fc.property(
        fc.string({ minLength: 6, maxLength: 40 }),
        fc.string(),
        fc.string(),
        fc.constantFrom(...Object.values(quote)),
        (secret, before, after, write) => {
          const written = write(secret);
          const shown = makeMask([secret])(`${before}${written}${after}`);
          // In its other forms it is as good to whoever reads it.
          expect(shown).to.not.include(secret).and.to.not.include(written);
        },
      ),
    );
  });

  it('hides the longer one of two secrets that begin alike as a whole', () => {
    expect(makeMask(['secret-one', 'secret-one-and-more'])('x secret-one-and-more y')).to.equal('x *** y');
  });

  it('learns secrets later, and does not blank out short words', () => {
    const learning = makeMask(['bot']);
    expect(learning('robot fetched-token')).to.equal('robot fetched-token');
    learning.add(['fetched-token']);
    expect(learning('robot fetched-token')).to.equal('robot ***');
  });

  it('can leave everything but known secrets and keys alone', () => {
    const { known } = makeMask(['known-secret']);
    expect(known(`/a?b=c known-secret /${KEY}/app/1/item.update`)).to.equal(
      '/a?b=c *** /***/app/1/item.update',
    );
  });
});
