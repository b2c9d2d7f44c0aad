// Who runs the tests. Rights don't stop root, so there commands are started as another user; elsewhere as who runs the tests,
// whom they do stop.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const isRoot = process.getuid?.() === 0;

/** Nobody's, on any Linux. */
const NOBODY = 65_534;

/** For a process that rights stop. */
export const ordinary = isRoot ? { uid: NOBODY, gid: NOBODY } : {};

/** Whose files are its own. */
export const ordinaryIds = {
  uid: isRoot ? NOBODY : (process.getuid?.() ?? 0),
  gid: isRoot ? NOBODY : (process.getgid?.() ?? 0),
};

/** Of the user that `ordinary` is. */
export const ordinaryName = spawnSync('id', ['--user', '--name', String(ordinaryIds.uid)], {
  encoding: 'utf8',
}).stdout.trim();

const isOpenToOrdinary = (): boolean =>
  spawnSync(process.execPath, [join(import.meta.dirname, '../../bin/podiod.js'), '--version'], ordinary)
    .status === 0;

/** A test that runs podiod by `ordinary`. Where another user can't read this checkout, the report has it as pending. */
export const itAsOrdinary: Mocha.TestFunction | Mocha.PendingTestFunction = isOpenToOrdinary() ? it : it.skip;

/** How to run a command with mounts of its own. */
const UNSHARE = ['unshare', ['--mount', ...(isRoot ? [] : ['--map-root-user'])]] as const;

/** Runs a command that finds `folder` under `seenAt` as well, where it can only be read. */
export const whereReadOnly = (folder: string, seenAt: string, command: readonly string[], cwd: string) =>
  spawnSync(
    UNSHARE[0],
    [
      ...UNSHARE[1],
      ...['sh', '-c', 'mount --bind "$0" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'],
      ...[folder, seenAt, ...command],
    ],
    { cwd, encoding: 'utf8' },
  );

/** Where such mounts are not allowed, as in most containers, the report has it as pending. */
export const itWithMounts: Mocha.TestFunction | Mocha.PendingTestFunction =
  whereReadOnly('/tmp', '/tmp', ['true'], '/').status === 0 ? it : it.skip;
