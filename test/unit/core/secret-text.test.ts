import { expect } from 'chai';
import { isSecretName, secretsInUrls } from '../../../src/core/secret-text.ts';

describe('isSecretName', () => {
  it('goes by the last word of a key', () => {
    for (const key of [
      'token',
      'appToken',
      'client_secret',
      'PASSWORD',
      'Authorization',
      'webhookUrl',
      'api-key',
      'hookKey',
    ]) {
      expect(isSecretName(key), key).to.equal(true);
    }
    for (const key of [
      'tokenEndpoint',
      'secretary',
      'key',
      'deliveryKey',
      'url',
      'code',
      'passwordless_user',
    ]) {
      expect(isSecretName(key), key).to.equal(false);
    }
  });
});

describe('secretsInUrls', () => {
  const cases: Record<string, readonly [text: string, found: readonly string[]]> = {
    'a password': ['smtps://me:p%40ss-word@mail.example', ['p%40ss-word', 'p@ss-word']],
    'a token in place of a password': ['https://ghp_0123456789@git.example/x', ['ghp_0123456789']],
    'no name without a password': ['postgres://postgres@db.example/x', []],
    'tokens of a query': [
      'https://a.example/b?token=0123456789ab&page=2&api_key=xyzxyzxyz9',
      ['0123456789ab', 'xyzxyzxyz9'],
    ],
    'webhooks that ask for nothing else': [
      'https://hooks.slack.com/services/T00000000/B00000000/abcdefghijklmnopqrstuvwx',
      ['services/T00000000/B00000000/abcdefghijklmnopqrstuvwx', 'abcdefghijklmnopqrstuvwx'],
    ],
    'no day, which a version may be': [
      'https://prod-1.westeurope.logic.azure.com/workflows/0123456789abcdef/run?api-version=2016-06-01&sig=abcdefghij0',
      [
        'abcdefghij0',
        'workflows/0123456789abcdef/run?api-version=2016-06-01&sig=abcdefghij0',
        '0123456789abcdef',
      ],
    ],
    'no words that stand elsewhere too': ['https://a.example/?key=status&code=won&sort_key=created_on', []],
    'no templates': ['https://a.example/?token={{ data.login.token12345678901 }}', []],
    'nothing of other text': ['tell me: the token=is it?', []],
  };
  for (const [name, [text, found]] of Object.entries(cases)) {
    it(`finds ${name}`, () => expect(secretsInUrls(text)).to.deep.equal(found));
  }

  it('takes no time over text that looks as if', () => {
    const startedAt = performance.now();
    for (const part of ['a', '&key=', 'https://', '?a.token', 'hooks.slack.com/', '@'])
      secretsInUrls(part.repeat(50_000));
    expect(performance.now() - startedAt).to.be.below(2000);
  });
});
