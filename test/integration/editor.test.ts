import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { LanguageServer } from '../support/language-server.ts';

const ROOT = new URL('../../', import.meta.url);
const MODELINE = '# yaml-language-server: $schema=./config/podiorc.schema.json\n';
const START = `${MODELINE}server: { publicUrl: "https://hooks.example.com/podio" }
podio: { clientId: a, clientSecret: b }
`;

describe('the editor', function () {
  this.timeout(60_000);
  let server: LanguageServer;
  let documents = 0;
  const open = async (text: string) => {
    // Beside the example, so that the way to the schema is the same.
    const uri = new URL(`test-${++documents}.yml`, ROOT).href;
    return { uri, problems: await server.open(uri, text) };
  };
  /** Where `|` stands in the text. */
  const completeAt = async (marked: string) => {
    const before = marked.slice(0, marked.indexOf('|')).split('\n');
    const { uri } = await open(marked.replace('|', ''));
    return server.complete(uri, before.length, (before.at(-1) ?? '').length + 1);
  };

  before(async () => {
    server = new LanguageServer();
    await server.start(ROOT.href);
  });
  after(() => server[Symbol.asyncDispose]());

  it('has nothing to say against the example', async () => {
    const { problems } = await open(readFileSync(new URL('.podiorc.example.yml', ROOT), 'utf8'));
    expect(problems).to.deep.equal([]);
  });

  it('takes an interpolation where a number, a choice or a duration is wanted', async () => {
    const { problems } = await open(`${START}admin: { port: "\${PORT}" }
reconcile: { every: "\${EVERY:-5m}", mode: "\${MODE}", maxDelete: "\${SHARE}" }
catchUp: { onStart: "\${LOOK}" }
apps: { leads: { id: "\${ID}", token: "\${TOKEN}" } }
plugins:
  audit: { use: file-logger, path: "\${DIR}/x", maxFiles: "\${N}", format: "\${FORMAT}" }
rules:
  a:
    enabled: \${ON}
    on: { app: leads, events: item.create }
    steps: [audit, { file-logger: { maxFiles: "\${N}" }, onError: "\${WHAT}" }]
`);
    expect(problems).to.deep.equal([]);
  });

  it('underlines unknown keys, of the config and of plugins', async () => {
    const { problems } = await open(`${START}sever: 1
plugins:
  audit: { use: file-logger, pth: x }
rules:
  a:
    on: { app: leads, events: item.create }
    steps: [audit]
    stps: []
`);
    expect(problems.map(({ line }) => line)).to.have.members([4, 6, 11]);
  });

  it('underlines a wrong value', async () => {
    const { problems } = await open(`${START}reconcile: { every: 15 }\nadmin: { port: many }\n`);
    expect(problems.map(({ line }) => line)).to.have.members([4, 5]);
  });

  it('offers the plugins as steps', async () => {
    const offered = await completeAt(`${START}rules:
  a:
    on: { app: leads, events: item.create }
    steps:
      - |
`);
    expect(offered).to.include.members(['file-logger', 'slack-notifier', 'field-change-filter']);
  });

  it('offers the options of a step', async () => {
    const offered = await completeAt(`${START}rules:
  a:
    on: { app: leads, events: item.create }
    steps:
      - slack-notifier:
          |
`);
    expect(offered).to.include.members(['webhookUrl', 'text', 'blocks']);
  });

  it('offers the options of a plugin under its name', async () => {
    const offered = await completeAt(`${START}plugins:
  audit:
    use: file-logger
    |
`);
    expect(offered).to.include.members(['path', 'format', 'maxSize']);
    expect(offered).not.to.include('webhookUrl');
  });

  it('offers keys and their choices', async () => {
    expect(await completeAt(`${START}reconcile:\n  |\n`)).to.include.members(['every', 'mode', 'delete']);
    expect(await completeAt(`${START}reconcile:\n  mode: |\n`)).to.include.members([
      'apply',
      'repair',
      'plan',
    ]);
  });
});
