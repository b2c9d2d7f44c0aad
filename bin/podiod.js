#!/usr/bin/env node
// This file must parse on old Node versions: it is what tells their users which version podiod needs.
import module from 'node:module';
import { join } from 'node:path';

const wanted = 24;
if (Number(process.versions.node.split('.')[0]) < wanted) {
  console.error(`podiod needs Node.js ${wanted} or newer, this is ${process.version} (${process.execPath}).`);
  process.exit(1);
}
// A place of this user's own: who may write there decides what runs. Without one a start takes longer, no more.
const { CACHE_DIRECTORY, XDG_CACHE_HOME, HOME } = process.env;
const caches = CACHE_DIRECTORY || XDG_CACHE_HOME || (HOME && join(HOME, '.cache'));
if (caches) module.enableCompileCache(join(caches, 'podiod'));
import('../dist/src/cli/main.js').then(
  cli => cli.main(process.argv.slice(2)),
  error => {
    console.error(error);
    process.exit(1);
  },
);
