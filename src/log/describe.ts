/** Turns whatever was put into a log field into small plain data without secrets. Never throws. */
import { ERROR_CODES } from '../core/errors.ts';
import { isSecretName } from '../core/secret-text.ts';
import type { Mask } from './mask.ts';

export interface DescribeOptions {
  readonly mask: Mask;
  /** Whether errors show where they come from. */
  readonly stacks: boolean;
}

const MAX_TEXT = 2_000;
const MAX_ENTRIES = 100;
const MAX_DEPTH = 6;
/** What errors of podiod carry besides name, message and cause. */
const ERROR_FIELDS = ['code', 'hint', 'status', 'error', 'plugin', 'rule', 'step', 'phase'] as const;

export function describe(value: unknown, options: DescribeOptions): unknown {
  return walk(value, '', options, []);
}

function walk(value: unknown, key: string, options: DescribeOptions, above: readonly object[]): unknown {
  switch (typeof value) {
    case 'string':
      return isSecretValue(key, value) ? '***' : cut(options.mask(value));
    case 'bigint':
      return value.toString();
    case 'function':
    case 'symbol':
      return `[${typeof value}]`;
    case 'object':
      break;
    default:
      return value;
  }
  if (value === null) return null;
  if (above.includes(value)) return '[cyclic]';
  if (above.length >= MAX_DEPTH) return '[deep]';
  if (isSecretName(key)) return '***';
  try {
    return walkObject(value, key, options, [...above, value]);
  } catch {
    return '[unreadable]';
  }
}

/** A verification code is a secret, an error code tells what happened. */
const isSecretValue = (key: string, value: string): boolean =>
  value !== '' && (isSecretName(key) || (key === 'code' && !isErrorCode(value)));

/** Those of config problems stand in a catalogue of their own. */
const isErrorCode = (code: string): boolean =>
  Object.hasOwn(ERROR_CODES, code) || /^CONFIG_[A-Z_]+$/.test(code);

function walkObject(value: object, key: string, options: DescribeOptions, above: readonly object[]): unknown {
  if (value instanceof Error) return walkError(value, options, above);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof URL) return walk(value.href, key, options, above);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Map) return walkEntries(value, options, above);
  if (Array.isArray(value) || value instanceof Set) {
    const all = [...value];
    const shown = all.slice(0, MAX_ENTRIES).map(one => walk(one, key, options, above));
    return all.length > MAX_ENTRIES ? [...shown, `[${all.length - MAX_ENTRIES} more]`] : shown;
  }
  return walkEntries(Object.entries(value), options, above);
}

function walkEntries(
  entries: Iterable<readonly [unknown, unknown]>,
  options: DescribeOptions,
  above: readonly object[],
): Record<string, unknown> {
  const all = [...entries];
  const shown = all
    .slice(0, MAX_ENTRIES)
    .map(([key, value]) => [options.mask(String(key)), walk(value, String(key), options, above)] as const);
  const rest = all.length > MAX_ENTRIES ? [['...', `[${all.length - MAX_ENTRIES} more]`] as const] : [];
  return Object.fromEntries([...shown, ...rest]);
}

function walkError(
  error: Error,
  options: DescribeOptions,
  above: readonly object[],
): Record<string, unknown> {
  const fields = error as unknown as Readonly<Record<string, unknown>>;
  const described: Record<string, unknown> = { name: error.name, message: cut(options.mask(error.message)) };
  for (const key of ERROR_FIELDS) {
    const value = fields[key];
    if (typeof value === 'string') described[key] = cut(options.mask(value));
    else if (typeof value === 'number') described[key] = value;
  }
  if (options.stacks && error.stack) described.stack = cut(options.mask(error.stack));
  if (error.cause !== undefined) described.cause = walk(error.cause, 'cause', options, above);
  if (error instanceof AggregateError) described.errors = walk(error.errors, 'errors', options, above);
  return described;
}

const cut = (text: string): string =>
  text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}... (${text.length} characters)` : text;
