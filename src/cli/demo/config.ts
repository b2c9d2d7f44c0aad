import { join } from 'node:path';
import { catalogFileOf, readCatalog } from '../../config/catalog-file.ts';
import type { Config } from '../../config/model.ts';
import type { Step } from '../../core/rule.ts';
import { packageFile } from '../../daemon/package.ts';
import type { Cli, CommonOptions } from '../io.ts';
import { type LoadedConfig, loadConfigOrFail, readConfig } from '../setup.ts';

export const EXAMPLE = '.podiorc.example.yml';

/** The example that ships with podiod, by its own defaults: what this shell has set must not lead it out of the machine. */
export const loadExample = (cli: Cli): Promise<LoadedConfig> =>
  loadConfigOrFail({ ...cli, io: { ...cli.io, env: {} } }, { config: packageFile(EXAMPLE) });

export interface ConfigOrExample {
  readonly config: Config;
  /** The example by its own defaults: nothing in it is secret. */
  readonly isExample: boolean;
}

/**
 * The config that is named or found, else the example. Its fields are not looked up in the catalog: a Podio that is made of
 * both is where `podiod pull` makes the next one.
 */
export async function readConfigOrExample(cli: Cli, common: CommonOptions): Promise<ConfigOrExample> {
  const options = { ...common, withoutCatalog: true };
  if (options.config === undefined) {
    const { diagnostics } = await readConfig(cli, options);
    if (diagnostics.some(({ code }) => code === 'CONFIG_NOT_FOUND')) {
      return { config: (await loadExample(cli)).config, isExample: true };
    }
  }
  const { config } = await loadConfigOrFail(cli, options);
  const { catalog } = await readCatalog(catalogFileOf(config.file));
  return { config: { ...config, ...(catalog && { catalog }) }, isExample: false };
}

export interface LocalPlaces {
  readonly podioUrl: string;
  /** Each rule posts to a URL of its own below. */
  readonly slackUrl: string;
  /** Everything that is written goes here. */
  readonly dataDir: string;
}

/** The same config with everything outside of this machine replaced: Podio, Slack, URLs, ports, and where files go. */
export function localized(config: Config, { podioUrl, slackUrl, dataDir }: LocalPlaces): Config {
  const localize = (rule: string, step: Step): Step => {
    const options = step.options as Record<string, unknown>;
    return {
      ...step,
      options: {
        ...options,
        ...(typeof options.webhookUrl === 'string' && { webhookUrl: `${slackUrl}/${rule}` }),
        ...(typeof options.path === 'string' && {
          path: join(dataDir, options.path.split(/[\\/]/).at(-1) ?? 'events.log'),
        }),
      },
    };
  };
  return {
    ...config,
    server: { ...config.server, host: '127.0.0.1', port: 0, secret: undefined, allowNonPublicUrl: true },
    admin: { host: '127.0.0.1', port: 0, token: undefined },
    podio: { ...config.podio, apiUrl: podioUrl },
    dataDir,
    rules: config.rules.map(rule => ({
      ...rule,
      steps: rule.steps.map(step => localize(rule.name, step)),
    })),
  };
}
