// The built package inside another program, which is what `import { startDaemon } from 'podiod'` gives.
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { podiodEntry, spawnNode } from '../support/processes.ts';
import { makeSite } from './site.ts';

const program = `
import { startDaemon } from ${JSON.stringify(pathToFileURL(podiodEntry).href)};

const daemon = await startDaemon(process.argv[2]);
daemon.events$.subscribe({
  next: ({ type, itemId }) => {
    console.log(type, itemId);
    if (type === 'item.delete') daemon.stop().then(left => console.log('left', left));
  },
  complete: () => console.log('complete'),
});
await daemon.ready;
console.log('ready');
`;

describe('podiod inside another program', function () {
  this.timeout(30_000);

  it('streams events while its rules run, and lets the program end when it has stopped', async () => {
    const site = await makeSite({
      rules: { all: { on: { app: 'leads', events: 'item.*' }, steps: ['audit'] } },
    });
    const script = site.write('program.mjs', program);
    const child = spawnNode([script, site.configFile], ['ignore', 'pipe', 'inherit'], { cwd: site.folder });
    const output = child.stdout as Readable;
    await once(output, 'readable');
    const said = text(output);

    const { itemId } = await site.podio.createItem(101, { fields: { title: 'Alder' } });
    await site.untilLines('events.ndjson', 1);
    await site.podio.deleteItem(itemId);
    const [code] = await once(child, 'close');
    expect(code).to.equal(0);
    expect((await said).split('\n')).to.deep.equal([
      'ready',
      `item.create ${itemId}`,
      `item.delete ${itemId}`,
      'complete',
      'left 0',
      '',
    ]);
  });
});
