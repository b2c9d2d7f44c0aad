/** What can be found out on this machine: files, disk, database, daemon. */
import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import type { AdminClient } from '../../admin/client.ts';
import { leftOf, type Readiness } from '../../admin/status.ts';
import { showDuration } from '../../core/duration.ts';
import { howLeft, leftHint, showLeft } from '../../core/left.ts';
import { replacedBy } from '../../daemon/package.ts';
import { requireFolderOrRoom } from '../../store/access.ts';
import { previousSecretsSince, readGoodSecretFile, readPreviousSecrets } from '../../store/files.ts';
import { faultsOf } from '../../store/index.ts';
import { closing, openFilesIn } from '../../store/private.ts';
import { type Finding, fail, failure, ok, type Tell, warn } from './findings.ts';

const GB = 1e9;
/** A database that has less room will soon have none. */
const LOW = GB;
const GONE = 0.1 * GB;

/** Answers whether this user can work with it. */
export async function lookAtData(dataDir: string, tell: Tell): Promise<boolean> {
  try {
    requireFolderOrRoom(dataDir);
  } catch (thrown) {
    tell(failure('dataDir', thrown));
    return false;
  }
  if (!existsSync(dataDir)) {
    tell(warn('dataDir', `${dataDir} is not there yet`, 'podiod makes it when it starts.'));
    return true;
  }
  lookAtFiles(dataDir, tell);
  await lookAtOldSecrets(dataDir, tell);

  const { bavail, bsize } = await statfs(dataDir);
  const free = bavail * bsize;
  const room = `${(free / GB).toFixed(1)} GB are free where dataDir is`;
  const hint = 'Make room, or lower retention. A full disk makes podiod answer 503.';
  if (free < GONE) tell(fail('disk', room, hint));
  else if (free < LOW) tell(warn('disk', room, hint));
  else tell(ok('disk', room));

  try {
    tell(databaseFinding(faultsOf(dataDir)));
    return true;
  } catch (thrown) {
    tell(failure('database', thrown));
    return false;
  }
}

function lookAtFiles(dataDir: string, tell: Tell): void {
  const { ours, copies } = openFilesIn(dataDir);
  const names = (files: typeof ours) => files.map(({ path, mode }) => `${path} (${mode})`).join(', ');
  if (ours.length > 0)
    tell(
      fail('files', `others on this machine can get at ${names(ours)}: podiod does not start`, closing(ours)),
    );
  if (copies.length > 0)
    tell(
      warn(
        'files',
        `others on this machine can get at copies of the data: ${names(copies)}`,
        closing(copies),
      ),
    );
  if (ours.length + copies.length === 0) tell(ok('files', `${dataDir} is closed to others`));
}

function databaseFinding(faults: readonly string[] | undefined): Finding {
  if (faults === undefined) return warn('database', 'there is none yet', 'podiod makes it when it starts.');
  if (faults.length === 0) return ok('database', 'SQLite finds nothing wrong with it');
  const message = `it is damaged: ${faults.slice(0, 3).join('; ')}`;
  return fail('database', message, 'Stop podiod, keep a copy of dataDir, and put back a backup.');
}

/** After so long the exchange of a secret has ended, where it can. */
const EXCHANGED_MS = 60 * 60 * 1000;

/** Who exchanges a secret because somebody has seen it wants to know for how long it is good. */
async function lookAtOldSecrets(dataDir: string, tell: Tell): Promise<void> {
  const since = previousSecretsSince(dataDir);
  if (since === undefined) return;
  const forMs = Date.now() - since;
  // Where the clock was ahead when it was replaced, nobody knows how long that is.
  if (forMs > -EXCHANGED_MS && forMs < EXCHANGED_MS) return;
  try {
    const current = await readGoodSecretFile(dataDir);
    if ((await readPreviousSecrets(dataDir)).every(secret => secret === current)) return;
  } catch {
    // Who may not read it, or finds it open to others, is told so elsewhere.
    return;
  }
  const hint =
    'podiod plan shows which hooks are to be replaced, podiod status which apps can not be looked at. docs/operations.md (Keys) says how to refuse it at once.';
  tell(
    warn(
      'old secret',
      `deliveries with one are accepted, ${forMs < 0 ? 'nobody knows since when: the clock was set' : `since ${showDuration(forMs)}`}`,
      hint,
    ),
  );
}

/** Undefined where none answers. */
export async function lookAtDaemon(client: AdminClient, tell: Tell): Promise<Readiness | undefined> {
  let readiness: Readiness;
  try {
    readiness = await client.readiness();
  } catch (thrown) {
    const { message, hint } = failure('daemon', thrown);
    tell(warn('daemon', `${message}; the rest is looked at without it`, hint));
    return undefined;
  }
  const { ready, reasons, degraded } = readiness;
  if (ready) tell(ok('daemon', 'it runs and is ready'));
  else tell(fail('daemon', `it runs and is not ready: ${reasons.join('; ')}`, 'podiod status, and its log.'));
  for (const { ref, error, hint, since } of degraded) {
    tell(fail(`daemon, ${ref}`, `degraded since ${since}: ${error}`, hint ?? null));
  }
  const { rules, paused, config, version: running } = await client.status();
  const installed = replacedBy(running);
  if (installed !== undefined) {
    const message = `it is podiod ${running}, and this command is ${installed}`;
    tell(warn('daemon, version', message, 'Restart it: what it has not loaded yet is not of its version.'));
  }
  if (config?.refused) {
    const message = `it did not take the file at ${config.refused.at}, and goes on with the one before: ${config.refused.error}`;
    tell(warn('daemon, config', message, 'podiod check, mend it, then podiod reload.'));
  }
  if (config && config.needsRestart.length > 0) {
    tell(warn('daemon, config', `it needs a restart: ${config.needsRestart.join(', ')}`, null));
  }
  for (const { kind, name, since } of paused) {
    const next = `Its events wait until podiod resume --${kind} ${name}.`;
    tell(warn(`${kind} ${name}`, `someone paused it, at ${since}`, next));
  }
  for (const one of rules) {
    const { rule, state, error, parked } = one;
    if (state === 'halted' || state === 'waiting for setup') {
      tell(
        fail(
          `rule ${rule}`,
          `${state}: ${error ?? 'not known why'}`,
          'Its events wait. podiod status shows more.',
        ),
      );
    }
    if (parked > 0) {
      const runs = parked === 1 ? 'one run is parked' : `${parked} runs are parked`;
      tell(warn(`rule ${rule}`, runs, `podiod parked --rule ${rule} shows why; then parked retry or drop.`));
    }
    const left = leftOf(one);
    if (state === 'gone' && showLeft(left) !== '')
      tell(warn(`rule ${rule}`, `it ${howLeft(left)}, and waits: ${showLeft(left)}`, leftHint(left)));
  }
  return readiness;
}
