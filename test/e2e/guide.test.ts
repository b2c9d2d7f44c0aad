// docs/guide.md, as somebody goes through it: its files written, its commands run as they stand there.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { podiod } from '../support/command.ts';
import { temporaryFolder } from '../support/folder.ts';
import { fits, readGuide } from '../support/guide.ts';
import { spawnPodiod } from '../support/processes.ts';
import { until } from '../support/wait.ts';

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  await new Promise(closed => server.close(closed));
  return port;
}

describe('docs/guide.md', () => {
  it('leads from nothing to a tested rule that runs', async function () {
    this.timeout(120_000);
    using folder = temporaryFolder();
    const cwd = folder.path;
    const ports = new Map<string, string>();
    for (const port of ['8080', '8081', '8090']) ports.set(port, String(await freePort()));
    /** Other programs may have the ports that the page names. */
    const moved = (text: string) => text.replaceAll(/\b(8080|8081|8090)\b/g, port => ports.get(port) ?? port);
    /** What the page asks its reader to do by hand. */
    const byHand = [['stauts', 'status']] as const;
    const children: ReturnType<typeof spawnPodiod>[] = [];
    let tested = 0;
    try {
      for (const part of readGuide('docs/guide.md')) {
        if (part.kind === 'file') {
          writeFileSync(join(cwd, part.name), moved(part.text));
          continue;
        }
        const [command = ''] = part.args;
        if (command === 'test' && ++tested === 2) {
          const path = join(cwd, '.podiorc.yml');
          const text = byHand.reduce(
            (all, [wrong, right]) => all.replaceAll(wrong, right),
            readFileSync(path, 'utf8'),
          );
          writeFileSync(path, text);
        }
        const args = part.args.map(moved);
        if (part.said === undefined) {
          const port = command === 'emulator' ? ['--port', ports.get('8090') ?? ''] : [];
          children.push(spawnPodiod([...args, ...port], ['ignore', 'ignore', 'ignore'], { cwd }));
          continue;
        }
        if (command === 'status')
          await until(async () => (await podiod(args, { cwd })).code === 0, 'the daemon', 30_000);
        if (command === 'events') {
          await until(
            async () => (await podiod([...args, '--json'], { cwd })).stdout.includes('item.update'),
            'an edit',
            60_000,
          );
        }
        const { stdout, stderr } = await podiod(args, { cwd });
        expect(
          fits(stdout || stderr, part.said),
          `podiod ${args.join(' ')} said\n${stdout}${stderr}`,
        ).to.equal(true);
      }
      expect(tested).to.equal(2);
      expect(readdirSync(cwd)).to.include.members(['.podiorc.yml', 'try.yml', 'try']);
    } finally {
      for (const child of children) child.kill('SIGTERM');
      await until(
        () => children.every(child => child.exitCode !== null || child.signalCode !== null),
        'the end',
        20_000,
      );
    }
  });
});
