import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { findConfig } from '../../../src/config/find.ts';

describe('config: find', () => {
  let top: string;
  let cwd: string;
  const put = async (file: string, text = 'a: 1\n') => {
    const path = join(top, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    return path;
  };
  const find = (options: { file?: string; env?: Record<string, string> } = {}) =>
    findConfig({ cwd, env: {}, systemFile: join(top, 'etc/podiorc.yml'), ...options });

  beforeEach(async () => {
    top = await realpath(await mkdtemp(join(tmpdir(), 'podiod-find-')));
    cwd = join(top, 'a/b');
    await mkdir(cwd, { recursive: true });
  });
  afterEach(() => rm(top, { recursive: true }));

  it('takes the places in order', async () => {
    const places = [
      'etc/podiorc.yml',
      'a/.podiorc.yml',
      'a/b/package.json',
      'a/b/.config/podiorc.json',
      'a/b/.config/podiorc.yaml',
      'a/b/.config/podiorc.yml',
      'a/b/.config/podiorc',
      'a/b/.podiorc.json',
      'a/b/.podiorc.yaml',
      'a/b/.podiorc.yml',
      'a/b/.podiorc',
    ];
    for (const place of places) {
      const file = await put(place, place.endsWith('package.json') ? '{ "podio": {} }' : 'a: 1\n');
      const within = place.endsWith('package.json') ? { within: 'podio' } : {};
      expect(await find()).to.deep.equal({ file, ...within });
    }
    const named = await put('a/named.yml');
    expect(await find({ env: { PODIOD_CONFIG: '../named.yml' } })).to.deep.equal({ file: named });
    const asked = await put('a/b/asked.yml');
    expect(await find({ file: 'asked.yml', env: { PODIOD_CONFIG: '../named.yml' } })).to.deep.equal({
      file: asked,
    });
  });

  it('takes an empty file for a config, and a package.json without the key for none', async () => {
    const file = await put('a/.podiorc.yml', '');
    await put('a/b/package.json', '{ "name": "x" }');
    expect(await find()).to.deep.equal({ file });
  });

  it('looks past a package.json that is broken', async () => {
    const file = await put('a/.podiorc.yml');
    await put('a/b/package.json', '{ "name": ');
    expect(await find()).to.deep.equal({ file });
  });

  it('finds what stands beside a package.json that is broken, as the first place has it', async () => {
    await put('a/.podiorc.yml');
    await put('a/b/package.json', '{ "name": ');
    const before = process.cwd();
    process.chdir(cwd);
    try {
      expect(await find()).to.deep.equal({ file: join(cwd, '..', '.podiorc.yml') });
      const file = await put('a/b/.podiorc.yaml');
      await put('a/b/.config/podiorc.yml');
      expect(await find()).to.deep.equal({ file });
    } finally {
      process.chdir(before);
    }
  });

  it('never takes code', async () => {
    const code = 'globalThis.podiodRanConfig = true; module.exports = {};';
    for (const file of [
      '.podiorc.js',
      '.podiorc.cjs',
      '.config/podiorc.js',
      'podio.config.js',
      'podio.config.cjs',
    ]) {
      await put(`a/b/${file}`, code);
    }
    expect(await find()).to.have.nested.property('problem.code', 'CONFIG_NOT_FOUND');
    expect(globalThis).not.to.have.property('podiodRanConfig');
  });

  it('does not let the search be set up by code either', async () => {
    await put('a/b/.config/config.cjs', 'globalThis.podiodRanSettings = true; module.exports = {};');
    const file = await put('a/b/.podiorc.yml');
    const before = process.cwd();
    process.chdir(cwd);
    try {
      expect(await find())
        .to.have.nested.property('problem.message')
        .that.contains('config.cjs');
      expect(await find({ file: '.podiorc.yml' })).to.deep.equal({ file });
    } finally {
      process.chdir(before);
    }
    expect(globalThis).not.to.have.property('podiodRanSettings');
  });

  it('says where it has looked', async () => {
    const found = await find();
    expect(found).to.have.nested.property('problem.code', 'CONFIG_NOT_FOUND');
    expect(found).to.have.nested.property('problem.hint').that.contains(cwd).and.contains('--config');
  });

  it('does not fall back when the file that was named is not there', async () => {
    await put('a/b/.podiorc.yml');
    for (const options of [{ file: 'gone.yml' }, { env: { PODIOD_CONFIG: 'gone.yml' } }]) {
      const found = await find(options);
      expect(found).to.have.nested.property('problem.message').that.contains(join(cwd, 'gone.yml'));
    }
  });
});
