#!/usr/bin/env node
// This file must parse on old Node versions: it is what tells their users which version podiod needs.
const wanted = 24;
if (Number(process.versions.node.split('.')[0]) < wanted) {
  console.error(`podiod needs Node.js ${wanted} or newer, this is ${process.version} (${process.execPath}).`);
  process.exit(1);
}
import('../dist/src/cli/main.js').then(
  cli => cli.main(process.argv.slice(2)),
  error => {
    console.error(error);
    process.exit(1);
  },
);
