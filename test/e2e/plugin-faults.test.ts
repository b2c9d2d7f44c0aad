// Plugins that fail outside their stream: whose fault it is decides what becomes of it.
import { rmSync } from 'node:fs';
import { expect } from 'chai';
import { until } from '../support/wait.ts';
import { LEADS, makeSite, type Site } from './site.ts';

interface Note {
  readonly key: string;
  readonly fails: boolean;
}

const notes = (site: Site) => site.lines<Note>('notes.ndjson');

describe('a plugin that throws beside its stream', function () {
  this.timeout(30_000);

  for (const how of ['timer', 'rejection']) {
    it(`fails the try it belongs to, which is tried again (${how})`, async () => {
      const site = await makeSite({
        plugins: {
          audit: { use: 'file-logger', path: './events.ndjson' },
          faulty: { use: './faulty.ts', notes: './notes.ndjson', cause: './cause', how },
        },
        rules: {
          fragile: { on: { app: 'leads', events: 'item.create' }, steps: ['faulty', 'audit'] },
          sound: { on: { app: 'leads', events: 'item.create' }, steps: ['audit'] },
        },
      });
      site.copyPlugin('faulty.ts');
      const cause = site.write('cause', '');
      const daemon = await site.boot();
      await site.deliver(LEADS, 'item.create', { item_id: 1, item_revision_id: 0 });
      await until(() => notes(site).length >= 3, 'three tries');
      rmSync(cause);
      const [entry] = await site.untilRun(1, 'fragile', 'sound');

      expect(entry?.runs.map(({ outcome }) => outcome)).to.deep.equal(['settled', 'settled']);
      expect(new Set(notes(site).map(({ key }) => key))).to.deep.equal(
        new Set(['fragile/item.create:1:0/faulty']),
      );
      expect(notes(site).at(-1)?.fails).to.equal(false);
      // One line a rule: neither has run twice.
      expect(site.lines('events.ndjson').map(({ rule }) => rule)).to.have.members(['fragile', 'sound']);
      const told = daemon
        .log()
        .split('\n')
        .find(line => line.includes('plugin threw outside its stream'));
      expect(JSON.parse(told ?? '{}')).to.include({ plugin: 'faulty', rule: 'fragile', phase: 'deliver' });
      expect(await daemon.end('SIGTERM')).to.equal(0);
    });
  }

  it('hurts nobody else when it does so during set-up', async () => {
    const site = await makeSite({
      plugins: { audit: { use: 'file-logger', path: './events.ndjson' }, hasty: { use: './hasty.ts' } },
      rules: {
        fragile: { on: { app: 'leads', events: 'item.create' }, steps: ['hasty'] },
        sound: { on: { app: 'leads', events: 'item.create' }, steps: ['audit'] },
      },
    });
    site.write(
      'hasty.ts',
      `import { definePlugin, z } from 'podiod/plugin';
       export default definePlugin({
         name: 'hasty',
         options: z.strictObject({}),
         setup: () => {
           setTimeout(() => { throw new Error('too soon'); }, 0);
           return new Promise<never>(() => {});
         },
       });`,
    );
    const daemon = await site.boot();
    await site.deliver(LEADS, 'item.create', { item_id: 1, item_revision_id: 0 });
    await site.untilRun(1, 'sound');
    const { rules } = JSON.parse((await site.podiod(['status', '--json'])).stdout) as {
      rules: { rule: string; state: string; error?: string }[];
    };
    expect(rules.find(({ rule }) => rule === 'fragile')).to.include({ state: 'waiting for setup' });
    expect(rules.find(({ rule }) => rule === 'fragile')?.error).to.include('too soon');
    expect(await daemon.end('SIGTERM')).to.equal(0);
  });

  it('ends the process with 1 where nobody can tell whose it is', async () => {
    const site = await makeSite({
      plugins: { trap: { use: './trap.ts' } },
      rules: { trapped: { on: { app: 'leads', events: 'item.create' }, steps: ['trap'] } },
    });
    site.write(
      'trap.ts',
      `import { subscribe } from 'node:diagnostics_channel';
       import { definePlugin, z } from 'podiod/plugin';
       export default definePlugin({
         name: 'trap',
         options: z.strictObject({}),
         setup: () => {
           // Called for a request that has nothing to do with this plugin, in that request's own context.
           subscribe('http.server.request.start', () => { throw new Error('out of the blue'); });
           return { operator: messages$ => messages$ };
         },
       });`,
    );
    const daemon = site.run();
    const { host, port } = (await daemon.runFile()).admin;
    let ended = false;
    void daemon.ended.then(() => {
      ended = true;
    });
    await until(async () => {
      await fetch(`http://${host}:${port}/healthz`).catch(() => {});
      return ended;
    }, 'the end');
    expect(await daemon.ended).to.equal(1);
    expect(daemon.log()).to.include('uncaught error, ending').and.to.include('out of the blue');
  });
});

describe('a plugin that ends the process', function () {
  this.timeout(30_000);

  const leaving = (body: string, top = '') =>
    `import { definePlugin, z } from 'podiod/plugin';
     import { map } from 'rxjs';
     ${top}
     export default definePlugin({
       name: 'leaving',
       options: z.strictObject({}),
       setup: () => ({ operator: messages$ => messages$.pipe(map(message => { ${body} return message; })) }),
     });`;
  const siteOf = async (text: string) => {
    const site = await makeSite({
      plugins: { leaving: { use: './leaving.ts' } },
      rules: { left: { on: { app: 'leads', events: 'item.create' }, steps: ['leaving'] } },
    });
    site.write('leaving.ts', text);
    return site;
  };

  // With 0 or 78 systemd would not start it again.
  for (const code of [0, 78])
    it(`by process.exit(${code}) is named, and the code is 1`, async () => {
      const site = await siteOf(leaving(`process.exit(${code});`));
      const daemon = await site.boot();
      await site.deliver(LEADS, 'item.create', { item_id: 1, item_revision_id: 0 });
      expect(await daemon.ended).to.equal(1);
      const told = daemon.log().trim().split('\n').at(-1);
      expect(JSON.parse(told ?? '{}')).to.include({
        level: 'error',
        message: 'a plugin has ended the process: it must not call process.exit()',
        plugin: 'leaving',
        rule: 'left',
        seq: 1,
        exitCode: code,
      });
    });

  it('while it is loaded lets no command seem to have done its work', async () => {
    const site = await siteOf(leaving('', 'process.exit(0);'));
    for (const command of ['check', 'run']) {
      const { code, stderr } = await site.podiod([command]);
      expect(code).to.equal(1);
      expect(stderr).to.include('ended with exit code 0, not by podiod itself');
    }
  });

  it('while it is loaded, by an error that nobody catches, ends a command with that error, and with no guess', async () => {
    const site = await siteOf(
      leaving(
        '',
        "setTimeout(() => { throw new Error('nobody catches this'); }); await new Promise(() => {});",
      ),
    );
    const { code, stderr } = await site.podiod(['check']);
    expect(code).to.equal(1);
    expect(stderr).to.include('nobody catches this').and.not.include('process.exit');
  });

  it('while it is loaded, by an error beside that, is no such plugin: it is told, and podiod starts', async () => {
    const site = await siteOf(leaving('', "Promise.reject(new Error('as it is loaded'));"));
    const daemon = await site.boot();
    expect(daemon.log()).to.match(/plugin threw outside its stream \(.*leaving.ts\): as it is loaded/);
    expect(await daemon.end('SIGTERM')).to.equal(0);
  });

  it('by what its module does later is no such plugin either', async () => {
    const site = await siteOf(
      leaving(
        '',
        `import { existsSync } from 'node:fs';
         setInterval(() => {
           if (existsSync(new URL('later', import.meta.url))) throw new Error('later on');
         }, 10);`,
      ),
    );
    const daemon = await site.boot();
    site.write('later', '');
    await until(() => daemon.log().includes('later on'), 'the error to be told');
    await site.deliver(LEADS, 'item.create', { item_id: 1, item_revision_id: 0 });
    await site.untilRun(1, 'left');
    expect(await daemon.end('SIGTERM')).to.equal(0);
  });
});

describe('what a plugin says on the console', () => {
  it('is not taken for a result', async () => {
    const site = await makeSite({
      plugins: { chatty: { use: './chatty.ts' } },
      rules: { said: { on: { app: 'leads', events: 'item.create' }, steps: ['chatty'] } },
    });
    site.write(
      'chatty.ts',
      `import { definePlugin, z } from 'podiod/plugin';
       console.log('hello');
       console.info('hello');
       console.table(['hello']);
       export default definePlugin({
         name: 'chatty', options: z.strictObject({}), setup: () => ({ operator: messages$ => messages$ }),
       });`,
    );
    const { stdout, stderr } = await site.podiod(['check', '--json']);
    expect(JSON.parse(stdout).ok).to.equal(true);
    expect(stderr).to.include('hello');
  });
});
