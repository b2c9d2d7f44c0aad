import { isPodiodError } from '../../core/errors.ts';
import type { ReconcileAnswer } from '../../daemon/reconcile.ts';
import { type CommandContext, withCommonOptions, withExamples } from '../command.ts';
import { EXIT } from '../exit.ts';
import type { CommonOptions } from '../io.ts';

export function defineSecret({ program, cli, exit }: CommandContext): void {
  const secret = program
    .command('secret')
    .summary('exchange what hook URLs are made with')
    .description(
      'The URLs of hooks hold keys, made with a secret that dataDir keeps. Whoever has seen one can send events to it; a new secret makes them worthless.',
    );
  withExamples(secret, [
    ['podiod secret rotate', 'when somebody may have seen a hook URL'],
    ['podiod help secret rotate', 'what it does, and when'],
  ]);
  const rotate = withCommonOptions(secret.command('rotate'), { json: 'what was done as one JSON document' })
    .summary('new URLs for all hooks, without a gap')
    .description(
      'Makes a new secret in dataDir. Each hook at Podio is replaced by one with a URL of the new secret, which is active before the old one goes; both are accepted meanwhile, and for ten minutes after. Without a running daemon the hooks are replaced at its next start. What is interrupted goes on at the next start.',
    )
    .action(async (options: CommonOptions) => {
      const [{ loadPartialOrFail }, { adminClient }, { lockDataDir }, files, { configured }] =
        await Promise.all([
          import('../setup.ts'),
          import('../../admin/client.ts'),
          import('../../store/index.ts'),
          import('../../store/files.ts'),
          import('../../daemon/hook-secrets.ts'),
        ]);
      const config = await loadPartialOrFail(cli, options);
      const client = adminClient(config);
      const runs = await client.readiness().then(
        () => true,
        error => {
          if (isPodiodError(error) && error.code === 'ADMIN_UNREACHABLE') return false;
          throw error;
        },
      );
      if (!runs) {
        if (config.hasSecret) throw configured();
        // Held, so that no daemon starts in between.
        const lock = lockDataDir(config.dataDir);
        try {
          await files.exchangeSecretFile(config.dataDir, files.newSecret());
        } finally {
          lock.release();
        }
        if (options.json) cli.printJson({ replaced: 0, failed: [], later: true });
        else cli.print('A new secret is made. The hooks are replaced at the next start of podiod.');
        return;
      }
      const { results } = (await client.rotateSecret()) as ReconcileAnswer;
      const failed = results.filter(({ outcome }) => outcome !== 'done');
      const replaced = results.filter(
        ({ action, outcome }) => action === 'replace' && outcome === 'done',
      ).length;
      if (options.json) cli.printJson({ replaced, failed, later: false });
      else {
        cli.print(
          `A new secret is made, and ${replaced} ${replaced === 1 ? 'hook is' : 'hooks are'} replaced.`,
        );
        for (const { ref, type, error } of failed)
          cli.note(`podiod: ${ref.type}/${ref.id} ${type}: ${error ?? 'not done'}; it is tried again`);
      }
      const { oldSecret } = await client.status();
      if (oldSecret?.because !== undefined && !options.json)
        cli.note(`podiod: the one before goes on being accepted: ${oldSecret.because}`);
      if (failed.length > 0) exit(EXIT.failed);
    });
  withExamples(rotate, [
    ['podiod secret rotate', 'when somebody may have seen a hook URL'],
    ['podiod plan', 'is empty when all are replaced'],
  ]);
}
