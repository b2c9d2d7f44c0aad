import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { isTestFile } from '../../config/include.ts';
import type { Config } from '../../config/model.ts';
import { parse } from '../../config/parse.ts';
import { lineColumn } from '../../config/render.ts';
import { resolveTestFile, type TestNames } from '../../config/tests.ts';
import type { Diagnostic } from '../../core/diagnostic.ts';
import { coerceError, UsageError } from '../../core/errors.ts';
import type { RuleTest } from '../../core/rule-test.ts';
import { suggestion } from '../../core/suggest.ts';
import { configOrFail } from '../../daemon/config.ts';
import { pluginFilesOf } from '../../daemon/plugin-files.ts';
import { makePluginLoader } from '../../plugin/load.ts';
import type { Cli, CommonOptions } from '../io.ts';
import { readConfig } from '../setup.ts';
import { compare, type Difference } from './compare.ts';
import { runTrial } from './trial.ts';

export interface TestSettings extends CommonOptions {
  /** Of plugins in files: another one is of their code as it is now. */
  readonly edition?: string;
  readonly rule?: string;
  /** Of the test's name. */
  readonly grep?: string;
}

export interface TestResult {
  readonly name: string;
  readonly rule?: string;
  /** As people name it: relative to where they are. */
  readonly file: string;
  readonly line: number;
  readonly ok: boolean;
  readonly ms: number;
  readonly differences: readonly Difference[];
  /** By rule: fields that its conditions or templates named and the item's app does not have. */
  readonly unknownFields?: Readonly<Record<string, readonly string[]>>;
  /** What kept it from being played to its end. */
  readonly problem?: string;
}

export interface TestReport {
  readonly ok: boolean;
  readonly tests: readonly TestResult[];
  /** Those of rules that are disabled. */
  readonly notRun: readonly Pick<TestResult, 'name' | 'rule'>[];
}

/** Real time that what one test has in hand may take. */
const PATIENCE_MS = 10_000;

/** Throws a ConfigError for what is wrong in the config or in tests. */
export async function runTests(
  cli: Cli,
  options: TestSettings,
  files: readonly string[],
  onResult: (result: TestResult) => void = () => {},
  onFiles: (read: Iterable<string>) => void = () => {},
): Promise<TestReport> {
  const { config, tests } = await loadTests(cli, options, files, onFiles);
  const disabled = new Set(config.disabledRules);
  if (options.rule !== undefined && disabled.has(options.rule))
    throw new UsageError(
      `the rule ${options.rule} is disabled: its tests are not run`,
      'Set `enabled: true`.',
    );
  if (options.rule !== undefined && !config.rules.some(({ name }) => name === options.rule)) {
    const names = config.rules.map(({ name }) => name);
    throw new UsageError(`there is no rule ${options.rule}`, suggestion(options.rule, names, 'There are'));
  }
  const about = tests.filter(test => isWanted(test, options));
  const isIdle = ({ rule }: RuleTest): boolean => rule !== undefined && disabled.has(rule);
  const wanted = about.filter(test => !isIdle(test));
  const { grep, rule } = options;
  if (grep !== undefined && about.length === 0 && tests.length > 0) {
    const of = rule === undefined ? '' : ` about ${rule}`;
    throw new UsageError(`no test${of} has ${JSON.stringify(grep)} in its name`);
  }
  const { edition } = options;
  const loader = makePluginLoader({ configDir: config.dir, ...(edition !== undefined && { edition }) });
  const results: TestResult[] = [];
  for (const test of wanted) {
    const startedAt = performance.now();
    const outcome = await runTrial({ config, loader, patienceMs: PATIENCE_MS }, test);
    const differences = compare(test, outcome);
    const { problem } = outcome;
    const unknown = outcome.rules.filter(({ unknownFields }) => unknownFields.length > 0);
    const result: TestResult = {
      name: test.name,
      ...(test.rule !== undefined && { rule: test.rule }),
      file: relative(cli.io.cwd, test.file) || basename(test.file),
      line: test.line,
      ok: differences.length === 0 && problem === undefined,
      ms: Math.round(performance.now() - startedAt),
      differences,
      ...(unknown.length > 0 && {
        unknownFields: Object.fromEntries(unknown.map(({ rule, unknownFields }) => [rule, unknownFields])),
      }),
      ...(problem !== undefined && { problem }),
    };
    results.push(result);
    onResult(result);
  }
  const notRun = about
    .filter(isIdle)
    .map(({ name, rule }) => ({ name, ...(rule !== undefined && { rule }) }));
  return { ok: results.every(({ ok }) => ok), tests: results, notRun };
}

function isWanted({ name, rule, expect, fires }: RuleTest, { rule: only, grep }: TestSettings): boolean {
  const isAbout = only === undefined || rule === only || only in expect || (fires?.includes(only) ?? false);
  return isAbout && (grep === undefined || name.toLowerCase().includes(grep.toLowerCase()));
}

async function loadTests(
  cli: Cli,
  options: TestSettings,
  files: readonly string[],
  onFiles: (read: Iterable<string>) => void,
): Promise<{ config: Config; tests: readonly RuleTest[] }> {
  const look = { cwd: cli.io.cwd, color: cli.noteColors && !options.json };
  const loaded = await readConfig(cli, { ...options, placeholders: true });
  // Before anything is found wrong in them: who mends it is waited for.
  onFiles(loaded.sources.texts.keys());
  if (loaded.fields) onFiles([loaded.fields.catalog]);
  const config = configOrFail(loaded, look);
  onFiles(await pluginFilesOf(config.rules));
  const found =
    files.length > 0
      ? files.map(file => resolve(cli.io.cwd, file))
      : testFilesBeside(config, loaded.sources.texts.keys());
  const names: TestNames = {
    apps: [...config.apps.keys()],
    spaces: [...config.spaces.keys()],
    rules: config.rules,
    disabled: config.disabledRules ?? [],
  };
  const texts = new Map(loaded.sources.texts);
  const diagnostics: Diagnostic[] = [];
  const tests = files.length > 0 ? [] : [...(config.tests ?? [])];
  onFiles(found);
  for (const file of found) {
    const text = await readText(file);
    texts.set(file, text);
    const { root, problems } = parse(file, text);
    diagnostics.push(...problems);
    const lineOf = ({ start }: { start: number }) => lineColumn(text, start).line;
    const report = (problem: Diagnostic) => void diagnostics.push(problem);
    tests.push(...((await resolveTestFile({ root, report, lineOf }, names)) ?? []));
  }
  const failed = diagnostics.some(({ severity }) => severity === 'error');
  configOrFail({ ...(failed ? {} : { config }), diagnostics, sources: { ...loaded.sources, texts } }, look);
  return { config, tests };
}

/** Beside the config and what it includes: `leads.test.yml`. One that is included is read already. */
const testFilesBeside = ({ dir }: Config, read: Iterable<string>): readonly string[] => {
  const there = new Set(read);
  const folders = new Set([dir, ...[...there].map(file => dirname(file))]);
  return [...folders].flatMap(folder =>
    readdirSync(folder)
      .filter(isTestFile)
      .sort()
      .map(name => join(folder, name))
      .filter(file => !there.has(file)),
  );
};

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${file} can't be read: ${coerceError(error).message}`);
  }
}
