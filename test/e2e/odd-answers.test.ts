// A Podio whose every answer has something odd in it, though what podiod needs is there.
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { expect } from 'chai';
import { until } from '../support/wait.ts';
import { LEADS, makeSite, SECRET } from './site.ts';

type Json = Record<string, unknown>;

const FIELDS = [
  {
    field_id: 900,
    external_id: 'hologram',
    type: 'hologram',
    label: null,
    values: [{ of: 'a new kind' }],
    config: [],
  },
  { field_id: 901, external_id: 'bare', type: 'text', values: null },
  { field_id: 902, external_id: null, type: 'separator' },
  {
    field_id: 903,
    external_id: 'flat',
    type: 'number',
    label: 'Flat',
    values: ['1', null],
    config: { settings: [] },
  },
  null,
];

const itemOf = (item: Json): Json => ({
  ...item,
  external_id: null,
  created_via: null,
  created_by: null,
  tags: null,
  files: [{ file_id: 4 }, null],
  revision: item.revision === undefined ? undefined : String(item.revision),
  current_revision: { ...(item.current_revision as Json), created_via: null, created_by: null },
  app: item.app && { app_id: String((item.app as Json).app_id), config: null },
  fields: [...(item.fields as Json[]).map(({ label, config, ...field }) => field), ...FIELDS],
});

/** What becomes of an answer. */
function odd(path: string, answer: unknown): unknown {
  if (Array.isArray(answer)) {
    if (path.startsWith('/hook/'))
      return [...answer, { hook_id: '77', type: 'item.create', url: null, status: null }];
    return [...answer.map(each => ({ ...each, created_via: null, created_by: null, extra: [] })), null, 5];
  }
  const body = answer as Json;
  if (path.includes('/filter/')) return { items: (body.items as Json[]).map(itemOf) };
  if (/^\/app\/\d+$/.test(path))
    return {
      ...body,
      status: null,
      config: { name: (body.config as Json).name, icon: null },
      fields: [
        ...(body.fields as Json[]).map(field => ({ ...field, status: undefined, label: null })),
        { field_id: 900, external_id: 'hologram', type: 'hologram', status: 'unheard of', config: [] },
        { field_id: '901', external_id: 'bare', type: 'text', config: { settings: null } },
        { field_id: 902, external_id: null, type: null },
        { external_id: 'none' },
      ],
    };
  if (/^\/item\/\d+$/.test(path) && body.fields) return itemOf(body);
  if (/^\/comment\/\d+$/.test(path)) return { ...body, value: null, created_by: null, files: null };
  if (/^\/task\/\d+$/.test(path)) return { ...body, text: null, responsible: null, ref: null };
  if (/^\/file\/\d+$/.test(path)) return { ...body, name: null, size: null };
  return answer;
}

interface OddPodio extends AsyncDisposable {
  readonly url: string;
  /** The paths of what has been answered. */
  readonly answered: ReadonlySet<string>;
}

/** Stands before the emulator. */
async function startOddPodio(url: string): Promise<OddPodio> {
  const paths = new Set<string>();
  const server = createServer((asked, answered) => {
    const { method, headers } = asked;
    const on = request(url + asked.url, { method, headers }, async came => {
      const isJson = (came.headers['content-type'] ?? '').includes('json') && came.statusCode === 200;
      if (!isJson) {
        answered.writeHead(came.statusCode ?? 500, came.headers);
        came.pipe(answered);
        return;
      }
      const [path = ''] = (asked.url ?? '').split('?');
      const body = JSON.stringify(odd(path, await json(came)));
      paths.add(path);
      answered.writeHead(200, { ...came.headers, 'content-length': Buffer.byteLength(body) }).end(body);
    });
    asked.pipe(on);
  });
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answered: paths,
    async [Symbol.asyncDispose]() {
      server.close().closeAllConnections();
    },
  };
}

describe('a Podio that answers oddly', () => {
  it('keeps nothing from being done: hooks, runs, also where they are confirmed, what was missed, and pull', async () => {
    const text =
      '{{ item.title }} ({{ fields.bare }}{{ fields.hologram }}{{ comment.text }}{{ actor.name }})';
    const rules = {
      everything: {
        on: [
          { app: 'leads', events: ['item.*', 'comment.*', 'file.change', 'app.update'] },
          { space: 'sales', events: 'task.*' },
        ],
        steps: ['audit'],
      },
      won: {
        on: { app: 'leads', fields: { status: { to: 'Won' } } },
        steps: [{ 'podio-comment': { text, hook: false } }],
      },
    };
    const site = await makeSite({ rules });
    const { podio, publicUrl } = site;
    const { podio: connection } = JSON.parse(site.read('.podiorc.yml'));
    await using oddPodio = await startOddPodio(connection.apiUrl);
    const port = Number(new URL(publicUrl).port);
    site.configure({
      server: { publicUrl, port, secret: SECRET, allowNonPublicUrl: true, confirm: true },
      podio: { ...connection, apiUrl: oddPodio.url },
    });
    const daemon = await site.boot();
    await until(async () => {
      const hooks = await site.hooks();
      return hooks.length === 12 && hooks.every(hook => hook.endsWith(' active'));
    }, 'hooks');

    // What is there by the first look at an app was not missed.
    await until(() => oddPodio.answered.has(`/item/app/${LEADS.id}/filter/`), 'the first look');

    const { itemId } = await podio.createItem(LEADS.id, { fields: { title: 'Alder' } });
    await podio.updateItem(itemId, { fields: { status: 2 } });
    const { commentId } = await podio.addComment(itemId, 'hello');
    const { fileId } = await podio.addFile({ name: 'a.pdf' });
    await podio.attachFiles(itemId, [fileId]);
    await podio.renameApp(LEADS.id, 'Prospects');
    const { taskId } = await podio.addTask({ text: 'Call', ref: { type: 'item', id: itemId } });
    await podio.updateTask(taskId, { text: 'Call again' });
    await site.untilLines('events.ndjson', 7);
    await podio.deleteTask(taskId);
    await podio.deleteComment(commentId);
    const lines = await site.untilLines('events.ndjson', 9);
    const told = [
      ...['item.create', 'item.update', 'comment.create', 'file.change', 'app.update'],
      ...['task.create', 'task.update', 'task.delete', 'comment.delete'],
    ];
    expect(lines.map(({ type }) => type)).to.have.members(told);
    await until(
      async () => (await podio.comments(itemId)).length > 0,
      'the comment of the rule for won leads',
    );
    expect((await podio.comments(itemId)).map(({ value }) => value)).to.deep.equal([
      'Alder ({"of":"a new kind"})',
    ]);

    await daemon.end('SIGTERM');
    await podio.createItem(LEADS.id, { fields: { title: 'Birch' } }, { hook: false });
    const again = await site.boot();
    const found = await site.untilLines('events.ndjson', 10);
    expect(found.at(-1)).to.include({ type: 'item.create', source: 'recovered' });
    const pulled = await site.podiod(['pull']);
    expect(pulled).to.include({ code: 0, stderr: '' });
    // Each oddity is told once, and nothing else went wrong.
    const warned = again.log().match(/"level":"(?:warn|error)".*/g) ?? [];
    expect(warned.filter(line => line.includes('something odd')).length).to.be.within(1, 12);
    expect(again.log()).not.to.match(/"level":"error"/);
  }).timeout(90_000);
});
