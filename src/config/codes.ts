/**
 * Every code that a problem of the config can carry, with one sentence for docs/errors.md. Codes are API: one is never
 * renamed, and a retired one is never used again.
 */
export const DIAGNOSTIC_CODES = {
  CONFIG_NOT_FOUND: 'No config file was found, or the one that was asked for is not there.',
  CONFIG_UNREADABLE: 'A config file is there but could not be read, or is not UTF-8.',
  CONFIG_SYNTAX: 'The file is not valid YAML.',
  CONFIG_YAML_TEMPLATE: 'A text that starts with {{ or {% is a map to YAML; it has to be quoted.',
  CONFIG_YAML_ALIAS: 'A text that starts with * is an alias to YAML; it has to be quoted.',
  CONFIG_YAML_INTERPOLATION: `A \${...} between { } or [ ] is a map to YAML; it has to be quoted there.`,
  CONFIG_YAML_QUOTE: 'A text has characters that mean something to YAML; it has to be quoted.',
  CONFIG_YAML_TAB: 'YAML is indented with spaces, never with tabs.',
  CONFIG_DUPLICATE_KEY: 'A key appears twice in the same map.',
  CONFIG_DUPLICATE_NAME: 'A name, an id or a setting is given twice.',
  CONFIG_INCLUDE: 'An included file is not there.',
  CONFIG_INTERPOLATION: `A \${...} is not one of the forms that podiod knows; as a warning: a $NAME without braces is left as it is.`,
  CONFIG_MISSING_VALUE: `A \${...} names an environment variable, file or credential that is not there.`,
  CONFIG_UNKNOWN_KEY: 'podiod, or the plugin, knows no such key.',
  CONFIG_MISSING: 'A value that is needed is not there.',
  CONFIG_TYPE: 'A value is of the wrong kind, e.g. text where a number is wanted.',
  CONFIG_VALUE: 'A value is of the right kind but not one that is allowed.',
  CONFIG_NAME: 'A name has characters that names may not have.',
  CONFIG_UNKNOWN_APP: 'A rule names an app that `apps` does not have.',
  CONFIG_UNKNOWN_SPACE: 'A rule names a space that `spaces` does not have.',
  CONFIG_UNKNOWN_FIELD: 'A rule or an alias names a field that the app, by the catalog, does not have.',
  CONFIG_UNKNOWN_OPTION: 'A field is compared with an option that, by the catalog, it does not have.',
  CONFIG_FIELD_VALUE:
    'A field is compared with something that, by its type in the catalog, it can never be; or its type does not fit there.',
  CONFIG_CATALOG: 'The catalog beside the config can’t be used, or lacks an app of the config.',
  CONFIG_UNKNOWN_LOGIN: 'An app or space names a login that `logins` does not have.',
  CONFIG_UNKNOWN_PLUGIN: 'A step names a plugin that is neither built in nor a key of `plugins`.',
  CONFIG_UNKNOWN_EVENT: 'A trigger names an event that Podio has no hook for.',
  CONFIG_NO_MATCH: 'A pattern with * matches no configured name.',
  CONFIG_TRIGGER: 'A trigger does not say what starts the rule, or says two things at once.',
  CONFIG_RENAME:
    'A rule says that it `was` another rule that still exists, or that two rules claim to have been.',
  CONFIG_STEP: 'A step names no plugin, or more than one.',
  CONFIG_PLUGIN_LOAD: 'A plugin could not be found or loaded.',
  CONFIG_CREDENTIALS: 'An app has neither a token nor a login.',
  CONFIG_UNTOLD_WRITE: 'A rule watches what a step of another rule writes, but will not hear of it.',
  CONFIG_LOOP: 'Rules set each other off by what they write.',
  CONFIG_CONDITION: 'A condition is written wrong, or can never hold.',
  CONFIG_TEST: 'A test of rules names something that does not exist, or does not say what happens.',
  CONFIG_SCHEDULE: 'A schedule is not a cron expression of five fields.',
  CONFIG_TIMEZONE: 'A time zone is not one of the IANA database.',
  CONFIG_PUBLIC_URL: 'Podio cannot call the public URL.',
  CONFIG_INSECURE_URL: 'Plain http is only for addresses of this machine.',
  CONFIG_ADMIN_PUBLIC: 'The admin API would listen beyond this machine.',
  CONFIG_DATA_DIR: 'A file stands where dataDir, or a folder on the way to it, should be.',
  CONFIG_OPEN_FILE:
    'A file with secrets in it (the config, one of variables), or that the config takes a value from, can be read by everybody on the machine.',
  CONFIG_PORT_CLASH: 'Two servers would listen on the same address.',
  CONFIG_TOO_MANY_HOOKS: 'Podio allows at most ten hooks of one type on one object.',
} as const;

export type DiagnosticCode = keyof typeof DIAGNOSTIC_CODES;
