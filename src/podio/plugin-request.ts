import { PodioError } from '../core/errors.ts';
import type { Call } from './contract.ts';

const METHODS: readonly Call['method'][] = ['GET', 'POST', 'PUT', 'DELETE'];

/** First segments of Podio's paths, as names in metrics; anything else is counted as `other`. */
const AREAS: ReadonlySet<string> = new Set(
  (
    'app batch calendar comment contact conversation email embed file flow form grant hook importer integration item ' +
    'layout linked_account like notification oauth org question rating recurrence reference reminder search space ' +
    'status stream subscription tag task user view voting widget'
  ).split(' '),
);

/** A call as a plugin wrote it, checked, with what it is about where its path tells. */
export interface PluginRequest extends Call {
  readonly about: { readonly type: 'app' | 'item'; readonly id: number } | undefined;
}

/** Any host will do: it only shows whether the path leaves it. */
const HERE = 'http://podio.invalid';

/**
 * Throws PODIO_INVALID for a method that Podio doesn't have and for a path that isn't one. A query in the path is taken
 * over. Writes get `hook=false` unless the query has its own `hook`.
 */
export function parseRequest(
  method: string,
  path: string,
  options: {
    readonly query?: Readonly<Record<string, string | number | boolean>>;
    readonly body?: unknown;
  } = {},
): PluginRequest {
  const known = METHODS.find(name => name === method.toUpperCase());
  if (!known) throw invalid(`there is no method ${method}`, `Use one of ${METHODS.join(', ')}.`);
  const url = path.startsWith('/') && URL.canParse(path, HERE) ? new URL(path, HERE) : undefined;
  if (url?.origin !== HERE) {
    throw invalid('a path begins with one slash and names no host', 'Write it like /item/1/value.');
  }
  const query = {
    ...(known !== 'GET' && { hook: false }),
    ...Object.fromEntries(url.searchParams),
    ...options.query,
  };
  return {
    method: known,
    path: url.pathname,
    operation: `request.${areaOf(url.pathname)}`,
    query,
    ...(options.body !== undefined && { body: options.body }),
    about: subjectOf(url.pathname),
  };
}

function areaOf(path: string): string {
  // These two are known to have the smaller budget, so they need names of their own.
  if (/^\/item\/app\/\d+\/filter\b/.test(path)) return 'filter';
  const area = path.split('/')[1] ?? '';
  return AREAS.has(area) ? area : 'other';
}

function subjectOf(path: string): PluginRequest['about'] {
  const app = /^\/(?:[a-z]+\/)?app\/(\d+)(?:\/|$)/.exec(path);
  if (app) return { type: 'app', id: Number(app[1]) };
  const item = /^\/(?:[a-z]+\/)?item\/(\d+)(?:\/|$)/.exec(path);
  return item ? { type: 'item', id: Number(item[1]) } : undefined;
}

const invalid = (what: string, hint: string) =>
  new PodioError('PODIO_INVALID', `podio.request: ${what}`, { retry: 'never', hint });
