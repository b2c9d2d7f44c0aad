// A daemon that is reloaded for years: what was exchanged is gone, also while a rule lives on that was there first.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { queryObjects } from 'node:v8';
import { expect } from 'chai';
import { silentLog } from '../../src/core/log.ts';
import { Lane } from '../../src/dispatch/lane.ts';
import { startDaemon } from '../../src/index.ts';
import { temporaryFolder } from '../support/folder.ts';

const RULES = 5;
const RELOADS = 20;

describe('memory of reloads', function () {
  this.timeout(60_000);

  it('is given back: lanes are as many as there are rules', async () => {
    using folder = temporaryFolder();
    writeFileSync(
      join(folder.path, 'pass.ts'),
      `import { definePlugin, z } from 'podiod/plugin';
       export default definePlugin({
         name: 'pass', options: z.object({ n: z.int() }), setup: () => ({ operator: messages$ => messages$ }),
       });`,
    );
    const config = (n: number) => ({
      server: { publicUrl: 'http://127.0.0.1:1/podio', port: 0, allowNonPublicUrl: true },
      admin: { port: 0 },
      // Nobody is there: hooks are no part of this.
      podio: { apiUrl: 'http://127.0.0.1:9', clientId: 'podiod', clientSecret: 'secret' },
      dataDir: join(folder.path, 'data'),
      apps: { leads: { id: 101, token: 'token' } },
      plugins: { pass: { use: './pass.ts' } },
      rules: Object.fromEntries(
        Array.from({ length: RULES }, (_, rule) => [
          `rule-${rule}`,
          { on: { app: 'leads', events: 'item.update' }, steps: [{ pass: { n: rule === 0 ? 0 : n } }] },
        ]),
      ),
    });
    // Those of other tests.
    const before = queryObjects(Lane, { format: 'count' });
    await using daemon = await startDaemon(config(0), { cwd: folder.path, log: silentLog });
    for (let n = 1; n <= RELOADS; n++) {
      const { rules } = await daemon.reload(config(n));
      expect(rules.unchanged).to.deep.equal(['rule-0']);
      expect(rules.changed).to.have.length(RULES - 1);
    }
    // What the last one has left on the stack may still be there.
    expect(queryObjects(Lane, { format: 'count' }) - before).to.be.at.most(2 * RULES);
  });
});
