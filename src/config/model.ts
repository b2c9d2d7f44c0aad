/** The config after every stage: checked, resolved, nothing left to interpret. Durations are ms, sizes bytes, shares 0..1. */
import type { Catalog } from '../core/catalog.ts';
import type { FieldUse } from '../core/field-use.ts';
import type { Rule } from '../core/rule.ts';
import type { RuleTest } from '../core/rule-test.ts';

export interface ServerConfig {
  /** Without a slash at its end. */
  readonly publicUrl: string;
  readonly host: string;
  readonly port: number;
  /** The path seen here, without a slash at its end; '' for the root. */
  readonly path: string;
  /** Undefined: made once and kept in dataDir. */
  readonly secret: string | undefined;
  readonly previousSecrets: readonly string[];
  readonly maxBody: number;
  readonly maxWaiting: number;
  readonly maxConnections: number;
  /** Requests with a wrong path or key, a second and address; 0: no limit. */
  readonly rateLimit: number;
  readonly trustProxy: boolean;
  /** What a delivery says is read back from Podio before a rule runs. */
  readonly confirm: boolean;
  readonly allowNonPublicUrl: boolean;
}

export interface AdminConfig {
  readonly host: string;
  readonly port: number;
  readonly token: string | undefined;
}

export interface PodioConfig {
  /** Without a slash at its end. */
  readonly apiUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly tokenEndpoint: 'v1' | 'v2';
  readonly backgroundShare: number;
}

export interface LoginConfig {
  readonly name: string;
  readonly username: string;
  readonly password: string;
}

/** One of `token` and `login` is there. */
export interface AppConfig {
  readonly name: string;
  readonly id: number;
  readonly token: string | undefined;
  readonly login: string | undefined;
  /** Alias to external id. */
  readonly fields: Readonly<Record<string, string>>;
}

export interface SpaceConfig {
  readonly name: string;
  readonly id: number;
  readonly login: string;
}

export interface Config {
  /** Absolute. */
  readonly file: string;
  /** The folder relative paths of plugins are looked up from first. */
  readonly dir: string;
  readonly server: ServerConfig;
  readonly admin: AdminConfig;
  readonly podio: PodioConfig;
  /** Absolute. */
  readonly dataDir: string;
  readonly logins: ReadonlyMap<string, LoginConfig>;
  readonly apps: ReadonlyMap<string, AppConfig>;
  readonly spaces: ReadonlyMap<string, SpaceConfig>;
  /** What `podiod pull` has read of the apps; undefined where there is no such file beside the config. */
  readonly catalog?: Catalog;
  /** Every field that a rule names, in triggers and options of steps. */
  readonly fieldUses: readonly FieldUse[];
  /** Those with `enabled: false` are left out. */
  readonly rules: readonly Rule[];
  /** Names of those with `enabled: false`. */
  readonly disabledRules?: readonly string[];
  /** Those of the config itself; there may be more in files beside it. */
  readonly tests?: readonly RuleTest[];
  readonly reconcile: {
    readonly everyMs: number;
    readonly mode: 'apply' | 'repair' | 'plan';
    readonly delete: 'owned' | 'never';
    readonly maxDelete: number;
  };
  readonly catchUp: {
    readonly everyMs: number;
    readonly overlapMs: number;
    readonly onStart: boolean;
    readonly unhooked: 'run' | 'skip';
  };
  readonly outbound: { readonly hosts: readonly string[] | undefined; readonly private: boolean };
  readonly retention: { readonly eventsMs: number; readonly runsMs: number; readonly size: number };
  readonly alarms: { readonly afterMs: number; readonly disk: number; readonly budget: number };
  readonly stopTimeoutMs: number;
}
