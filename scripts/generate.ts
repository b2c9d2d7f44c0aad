// Writes what is derived from the sources: config/*.schema.json for editors, docs/config.md and docs/errors.md for
// people, config/podiod@.service for systemd, man/podiod.1 for man.
// With --check it writes nothing and fails when a file is out of date.
import { readFileSync, writeFileSync } from 'node:fs';
import { instanceUnit } from '../src/service/unit.ts';
import { configReference } from './generate/config-reference.ts';
import { editorSchema, testFileSchema } from './generate/editor-schema.ts';
import { errorReference } from './generate/error-reference.ts';
import { manPage } from './generate/man-page.ts';

const files: Readonly<Record<string, string>> = {
  'config/podiod@.service': instanceUnit(readFileSync('config/podiod.service', 'utf8')),
  'config/podiod-tests.schema.json': `${JSON.stringify(testFileSchema(), null, 2)}\n`,
  'config/podiorc.schema.json': `${JSON.stringify(editorSchema(), null, 2)}\n`,
  'docs/config.md': configReference(),
  'docs/errors.md': errorReference(),
  'man/podiod.1': manPage(),
};

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};

/** The first line that differs says more than "out of date". */
function firstDifference(file: string, wanted: string): string {
  const [is, should] = [read(file).split('\n'), wanted.split('\n')];
  const line = should.findIndex((text, index) => text !== is[index]);
  const at = line < 0 ? should.length : line;
  return `${file}:${at + 1}\n  is:     ${is[at] ?? '(end of file)'}\n  should: ${should[at] ?? '(end of file)'}`;
}

const stale = Object.entries(files).filter(([file, text]) => read(file) !== text);
if (process.argv.includes('--check')) {
  for (const [file, text] of stale) console.error(firstDifference(file, text));
  if (stale.length > 0)
    console.error('generated files are out of date: run `npm run generate` and commit the result');
  process.exitCode = stale.length > 0 ? 1 : 0;
} else {
  for (const [file, text] of stale) {
    writeFileSync(file, text);
    console.log(`wrote ${file}`);
  }
}
