import { DIAGNOSTIC_CODES } from '../../src/config/codes.ts';
import { ERROR_CODES } from '../../src/core/errors.ts';

/** The catalogue's areas, by the first word of a code. */
const AREAS: Readonly<Record<string, string>> = {
  USAGE: 'The command line (exit code 2)',
  CONFIG: 'The config (exit code 78)',
  STORE: 'The store in `dataDir`',
  INGRESS: 'Deliveries',
  PODIO: 'Calls to Podio',
  HOOK: 'Hooks',
  PLUGIN: 'Plugins',
  OUTBOUND: 'Calls of plugins',
  ADMIN: 'The admin API',
  RELOAD: 'Another config for a running daemon',
  SERVICE: 'systemd',
  STOPPED: 'Commands that were stopped',
  INTERNAL: 'podiod itself',
};

const INTRO = `<!-- Made by \`npm run generate\` from src/core/errors.ts and src/config/codes.ts. -->

# Errors

Every error that podiod raises has a code. Codes are API: one is never renamed, and a retired one is never used again. They
stand in the log (\`code\`), in \`--json\` output and in the admin API's answers, beside a message that says what was given and
what was wanted, and mostly a hint that says what to do.

Whether trying again helps is the error's own word: podiod retries what may pass (Podio is away, a rate limit, a full disk),
and parks or reports what will not (a refused request, an unknown field, a plugin's \`PermanentError\`).
`;

/** docs/errors.md: every code with its sentence, by area. */
export function errorReference(): string {
  const codes = Object.entries({ ...ERROR_CODES, ...DIAGNOSTIC_CODES });
  const byArea = Map.groupBy(codes, ([code]) => code.split('_', 1)[0] ?? '');
  const unknown = [...byArea.keys()].filter(area => !Object.hasOwn(AREAS, area));
  if (unknown.length > 0) throw new Error(`no heading for codes that begin with ${unknown.join(', ')}`);
  const sections = Object.entries(AREAS).map(([area, heading]) => {
    const rows = (byArea.get(area) ?? []).map(
      ([code, sentence]) => `| \`${code}\` | ${sentence.replaceAll('|', '\\|')} |`,
    );
    return `## ${heading}\n\n| code | means |\n|---|---|\n${rows.join('\n')}\n`;
  });
  return [INTRO, ...sections].join('\n');
}
