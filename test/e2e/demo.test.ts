// What needs nothing but the package: the demo, and the emulated Podio for others.
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { expect } from 'chai';
import { podiod } from '../support/command.ts';
import { temporaryFolder } from '../support/folder.ts';
import { spawnPodiod } from '../support/processes.ts';

describe('podiod in an empty folder', function () {
  this.timeout(30_000);

  it('shows itself, and leaves the folder empty', async () => {
    using folder = temporaryFolder();
    const { code, stdout, stderr } = await podiod(['demo', '--events', '5'], { cwd: folder.path });
    expect(code, stderr).to.equal(0);
    for (const part of ['item.update', 'create', 'everything']) expect(stdout).to.include(part);
    expect(readdirSync(folder.path)).to.deep.equal([]);
  });

  it('is a Podio that others can log in to', async () => {
    using folder = temporaryFolder();
    const child = spawnPodiod(['emulator', '--port', '0'], ['ignore', 'pipe', 'inherit'], {
      cwd: folder.path,
    });
    let said = '';
    for await (const chunk of (child.stdout as Readable)
      .setEncoding('utf8')
      .iterator({ destroyOnReturn: false })) {
      said += chunk;
      if (said.includes('curl')) break;
    }
    const [url = ''] = /http:\/\/127\.0\.0\.1:\d+/.exec(said) ?? [];
    const { status } = await fetch(`${url}/oauth/token/v2`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        grant_type: 'app',
        app_id: 101,
        app_token: 'leads-example-token',
        client_id: 'podiod-example',
        client_secret: 'not-a-real-secret',
      }),
    });
    expect(status).to.equal(200);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).to.deep.equal([0, null]);
  });
});
