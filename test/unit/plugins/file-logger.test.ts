import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import fileLogger from '../../../plugins/file-logger/index.ts';
import { openWriter } from '../../../plugins/file-logger/writer.ts';
import { type Log, silentLog } from '../../../src/core/log.ts';
import { testPlugin } from '../../../src/plugin/testing.ts';
import { temporaryFolder } from '../../support/folder.ts';

const linesOf = (file: string): string[] => readFileSync(file, 'utf8').split('\n').slice(0, -1);

describe('file-logger', () => {
  it('writes the event with rule and time as one JSON line', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'deep/er/events.ndjson');
    await using tested = await testPlugin(fileLogger, { options: { path } });
    const before = new Date().toISOString();
    const params = { item_id: '4711', odd: 'line\nbreak' };
    await tested.run({
      event: { id: 'item.update:4711:3', revision: 3, params, receivedAt: '2026-01-01T00:00:00.000Z' },
    });
    const [line, ...more] = linesOf(path);
    expect(more).to.deep.equal([]);
    const { time, ...rest } = JSON.parse(line ?? '');
    expect(rest).to.deep.equal({
      seq: 1,
      id: 'item.update:4711:3',
      type: 'item.update',
      source: 'webhook',
      ref: { type: 'app', id: 101 },
      app: 'leads',
      itemId: 4711,
      revision: 3,
      params,
      receivedAt: '2026-01-01T00:00:00.000Z',
      rule: 'test-rule',
    });
    expect(time >= before && time <= new Date().toISOString()).to.equal(true);
  });

  it('writes a line for people', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'events.txt');
    await using tested = await testPlugin(fileLogger, { options: { path, format: 'text' } });
    await tested.run({ event: { id: 'item.update:4711:3', revision: 3 } });
    await tested.run({
      event: {
        id: 'schedule.fire:x\ny',
        type: 'schedule.fire',
        source: 'schedule',
        ref: { type: 'schedule', id: 'r' },
        itemId: undefined as never,
        app: undefined as never,
      },
    });
    expect(linesOf(path).map(line => line.replace(/^\S+/, 'TIME'))).to.deep.equal([
      'TIME  test-rule  item.update  leads  item 4711 r3  item.update:4711:3',
      'TIME  test-rule  schedule.fire  schedule  schedule.fire:x y',
    ]);
  });

  it('is done with an event when its line is in the file', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'events.ndjson');
    await using tested = await testPlugin(fileLogger, { options: { path } });
    for (let n = 1; n <= 20; n++) {
      await tested.run();
      expect(linesOf(path)).to.have.length(n);
    }
  });

  it('keeps lines whole and in order when many steps write one file at the same time', async () => {
    using folder = temporaryFolder();
    mkdirSync(join(folder.path, 'logs'));
    symlinkSync(join(folder.path, 'logs'), join(folder.path, 'alias'));
    const paths = ['logs/e.ndjson', 'alias/e.ndjson', 'logs/../logs/e.ndjson'].map(name =>
      join(folder.path, name),
    );
    const steps = await Promise.all(paths.map(path => testPlugin(fileLogger, { options: { path } })));
    await Promise.all(
      steps.flatMap((one, step) =>
        Array.from({ length: 500 }, (_, n) =>
          one.run({ event: { id: `${step}:${n}`, params: { pad: 'x'.repeat(n) } } }),
        ),
      ),
    );
    const ids = linesOf(paths[0] ?? '').map(line => JSON.parse(line).id as string);
    expect(ids).to.have.length(1500);
    for (const step of [0, 1, 2]) {
      const own = ids.filter(id => id.startsWith(`${step}:`));
      expect(own).to.deep.equal(Array.from({ length: 500 }, (_, n) => `${step}:${n}`));
    }
    for (const one of steps) await one[Symbol.asyncDispose]();
  });

  it('rotates before a file grows too large, keeps so many files and loses no line of those', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'e.ndjson');
    await using tested = await testPlugin(fileLogger, { options: { path, maxSize: '2kb', maxFiles: 3 } });
    for (let n = 0; n < 100; n++) await tested.run({ event: { id: `n:${n}` } });
    expect(readdirSync(folder.path).sort()).to.deep.equal(['e.ndjson', 'e.ndjson.1', 'e.ndjson.2']);
    const ids: string[] = [];
    for (const file of ['e.ndjson.2', 'e.ndjson.1', 'e.ndjson']) {
      const text = readFileSync(join(folder.path, file));
      expect(text.length).to.be.at.most(2048);
      ids.push(
        ...text
          .toString()
          .trim()
          .split('\n')
          .map(line => JSON.parse(line).id),
      );
    }
    expect(ids).to.deep.equal(Array.from({ length: ids.length }, (_, n) => `n:${100 - ids.length + n}`));
  });

  it('takes the tightest limits of those who share a file', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'e.log');
    const wide = await openWriter(path, { maxFiles: 5 });
    const tight = await openWriter(path, { maxSize: 10, maxFiles: 2 });
    for (let n = 0; n < 5; n++) await wide.append(`line ${n}\n`);
    expect(readdirSync(folder.path).sort()).to.deep.equal(['e.log', 'e.log.1']);
    await tight.close();
    for (let n = 5; n < 9; n++) await wide.append(`line ${n}\n`);
    expect(linesOf(path)).to.have.length(5);
    await wide.close();
  });

  it('begins anew when one file is all there may be', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'e.log');
    const writer = await openWriter(path, { maxSize: 10, maxFiles: 1 });
    for (let n = 0; n < 3; n++) await writer.append(`line ${n}\n`);
    expect(readdirSync(folder.path)).to.deep.equal(['e.log']);
    expect(linesOf(path)).to.deep.equal(['line 2']);
    await writer.close();
  });

  it('writes a line that is larger than a file may be', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'e.log');
    const writer = await openWriter(path, { maxSize: 10, maxFiles: 2 });
    await writer.append(`${'x'.repeat(50)}\n`);
    await writer.append('y\n');
    expect(linesOf(path)).to.deep.equal(['y']);
    expect(linesOf(`${path}.1`)).to.deep.equal(['x'.repeat(50)]);
    await writer.close();
  });

  it('is for its owner alone, and for whoever was let in, also when it is rotated', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'events.log');
    const modeOf = (): string => (statSync(path).mode & 0o777).toString(8);
    const before = process.umask(0);
    try {
      const writer = await openWriter(path, { maxSize: 10, maxFiles: 2 });
      await writer.append('first\n');
      expect(modeOf()).to.equal('600');
      chmodSync(path, 0o640);
      await writer.append('second\n');
      expect([modeOf(), readFileSync(path, 'utf8')]).to.deep.equal(['640', 'second\n']);
      rmSync(path);
      await writer.append('third\n');
      expect(modeOf()).to.equal('600');
      await writer.close();
    } finally {
      process.umask(before);
    }
  });

  it('tells once that others are let in: at its set-up, or when the file is opened to them meanwhile', async function () {
    if (process.platform === 'win32') this.skip();
    using folder = temporaryFolder();
    const path = join(folder.path, 'events.log');
    writeFileSync(path, '');
    chmodSync(path, 0o666);
    const told: unknown[] = [];
    const log: Log = {
      ...silentLog,
      child: () => log,
      warn: (message, details) => void told.push([message, details]),
    };
    await using first = await testPlugin(fileLogger, { options: { path }, log });
    await using second = await testPlugin(fileLogger, { options: { path }, log });
    const next = `chmod 600 ${path}`;
    const written = ['others than its owner can write into the file', { path, mode: '0666', next }];
    expect(told).to.deep.equal([written]);
    await first.run();
    expect(told).to.have.length(1);
    for (const mode of [0o640, 0o600]) {
      chmodSync(path, mode);
      await second.run();
    }
    expect(told).to.have.length(1);
    chmodSync(path, 0o644);
    await first.run();
    await second.run();
    expect(told.slice(1)).to.deep.equal([
      ['everybody on this machine can read the file', { path, mode: '0644', next }],
    ]);
    expect(linesOf(path)).to.have.length(5);
  });

  it('goes on in a new file when the old one was moved or deleted', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'e.log');
    const writer = await openWriter(path, { maxFiles: 5 });
    await writer.append('a\n');
    rmSync(path);
    await writer.append('b\n');
    expect(linesOf(path)).to.deep.equal(['b']);
    await writer.close();
  });

  it('puts no line behind the half one of a process that died', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'e.log');
    writeFileSync(path, 'whole\nhal');
    const writer = await openWriter(path, { maxFiles: 5 });
    await writer.append('next\n');
    expect(linesOf(path)).to.deep.equal(['whole', 'hal', 'next']);
    await writer.close();
  });

  it('fails for the events it could not write, and goes on with the next ones', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'logs/e.ndjson');
    await using tested = await testPlugin(fileLogger, { options: { path } });
    await tested.run();
    rmSync(join(folder.path, 'logs'), { recursive: true });
    const error = await tested.run().catch(thrown => thrown);
    expect(error).to.include({ code: 'PLUGIN_DELIVER', retry: 'backoff' });
    expect(error.message).to.contain('ENOENT');
    mkdirSync(join(folder.path, 'logs'));
    await tested.run();
    expect(linesOf(path)).to.have.length(1);
  });

  if (process.platform === 'linux') {
    it('says which file it is that could not be written', async () => {
      const writer = await openWriter('/dev/full', { maxFiles: 1 });
      const failure: unknown = await writer.append('a line\n').catch(error => error);
      await writer.close();
      expect(String(failure)).to.match(/\/dev\/full can't be written: ENOSPC: no space left on device/);
    });
  }

  it('does not come up where it can’t write', async () => {
    using folder = temporaryFolder();
    mkdirSync(join(folder.path, 'taken'));
    const loading = testPlugin(fileLogger, { options: { path: join(folder.path, 'taken') } });
    expect(await loading.catch(error => error.code)).to.equal('EISDIR');
  });

  // Node's own recursive mkdir tries without end there.
  if (process.platform === 'linux')
    it('says at once that no folder can be made where none can', async () => {
      const started = openWriter('/proc/podiod/x/log.jsonl', { maxFiles: 5 });
      const error = await started.catch(error => error);
      expect(error.message).to.match(/^the folder \/proc\/podiod can't be made: ENOENT/);
    });

  it('makes a folder for several steps that are set up at the same time', async () => {
    using folder = temporaryFolder();
    const names = ['a', 'b', 'c', 'd'];
    const paths = names.map(name => join(folder.path, 'deep', 'er', `${name}.ndjson`));
    const writers = await Promise.all(paths.map(path => openWriter(path, { maxFiles: 5 })));
    await Promise.all(writers.map(writer => writer.append('x\n')));
    await Promise.all(writers.map(writer => writer.close()));
    expect(paths.map(linesOf)).to.deep.equal(names.map(() => ['x']));
  });

  it('writes what waits before it is gone', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'e.ndjson');
    const tested = await testPlugin(fileLogger, { options: { path } });
    const writes = Array.from({ length: 100 }, () => tested.run());
    await tested[Symbol.asyncDispose]();
    await Promise.all(writes);
    expect(linesOf(path)).to.have.length(100);
  });

  it('touches no file where effects are captured, and says which line it would write', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'deep', 'events.ndjson');
    await using tested = await testPlugin(fileLogger, { options: { path }, captured: true });
    expect(await tested.run()).to.have.length(1);
    const [sending] = tested.sends as [{ line: { path: string; text: string } }];
    expect(sending.line.path).to.equal(path);
    expect(JSON.parse(sending.line.text)).to.include({ type: 'item.update', rule: 'test-rule' });
    expect(existsSync(join(folder.path, 'deep'))).to.equal(false);
  });

  it('touches no file when it only describes', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'e.ndjson');
    const options = fileLogger.options.parse({ path });
    const message = { events: [1] } as never;
    expect(fileLogger.describe?.(message, options)).to.equal(`appends a line (ndjson) to ${path}`);
    expect(existsSync(path)).to.equal(false);
  });
});
