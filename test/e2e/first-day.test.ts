// From nothing to the first event, as somebody does it who has an account at Podio and an empty folder.
import { appendFileSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { podiod } from '../support/command.ts';
import { temporaryFolder } from '../support/folder.ts';
import { startDaemonProcess, startEmulatorProcess } from '../support/processes.ts';
import { until } from '../support/wait.ts';

describe('the first day', function () {
  this.timeout(60_000);

  it('goes from an empty folder to the first event', async () => {
    using folder = temporaryFolder();
    const cwd = folder.path;
    const { url, world } = await startEmulatorProcess({ allowAnyPort: true });
    await world.addClient({ clientId: 'my-key', clientSecret: 'my-secret' });
    await world.addSpace({ name: 'Sales', spaceId: 7 });
    await world.addUser({ name: 'Ada', username: 'ada@example.com', password: 'ada-password' });
    const title = { externalId: 'title', type: 'text' } as const;
    await world.addApp({ appId: 101, spaceId: 7, name: 'Leads', token: 'leads-token', fields: [title] });

    const publicUrl = `http://127.0.0.1:${await freePort()}/podio`;
    const answers = ['my-key', 'my-secret', 'ada@example.com', 'ada-password', 'Leads', publicUrl];
    const init = await podiod(['init', '--api-url', url], { cwd, input: `${answers.join('\n')}\n` });
    expect(init.code, init.stderr).to.equal(0);
    expect(statSync(join(cwd, '.env')).mode & 0o777).to.equal(0o600);

    // Other daemons of this machine may have the usual port.
    appendFileSync(join(cwd, '.podiorc.yml'), 'admin: { port: 0 }\n');
    const check = await podiod(['check', '--env-file', '.env'], { cwd });
    expect(check.code, check.stdout).to.equal(0);
    const plan = await podiod(['plan', '--env-file', '.env', '--detailed-exitcode'], { cwd });
    expect(plan.code, plan.stderr).to.equal(2);

    const daemon = startDaemonProcess(join(cwd, '.podiorc.yml'), join(cwd, 'data'), {
      cwd,
      args: ['--env-file', '.env'],
    });
    await daemon.ready();
    const { itemId } = await world.createItem(101, { fields: { title: 'The first one' } });
    const log = () => readFileSync(join(cwd, 'events.ndjson'), 'utf8');
    await until(() => log().endsWith('\n'), 'the first event in the log');
    expect(JSON.parse(log())).to.include({ type: 'item.create', app: 'leads', itemId, rule: 'everything' });
    expect(await daemon.end('SIGTERM')).to.equal(0);
    for (const secret of ['my-secret', 'ada-password', 'leads-token'])
      expect(daemon.log() + init.stdout + init.stderr + plan.stdout).not.to.include(secret);
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  await new Promise(closed => server.close(closed));
  return port;
}
