// Builds dist/ from src/ and plugins/: beside the old one, which is replaced as a whole when all went well, so that nothing
// deleted lives on in a package and no command is started from half a build.
import { spawnSync } from 'node:child_process';
import { renameSync, rmSync } from 'node:fs';

const next = `dist-${process.pid}`;
const { status } = spawnSync('tsc', ['-p', 'tsconfig.build.json', '--outDir', next], {
  stdio: 'inherit',
  shell: process.platform === 'win32',
});
if (status === 0) {
  rmSync('dist', { recursive: true, force: true });
  renameSync(next, 'dist');
} else {
  rmSync(next, { recursive: true, force: true });
}
process.exit(status ?? 1);
