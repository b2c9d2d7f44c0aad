import { type ErrorCode, isPodiodError, PodiodError } from '../core/errors.ts';

/** An answer of the admin API that is not 2xx. */
export class AdminError extends PodiodError {
  readonly status: number;

  constructor(code: ErrorCode, status: number, message: string, hint?: string) {
    super(code, message, { hint, retry: 'never' });
    this.status = status;
  }
}

/** The body of every answer that is not 2xx. */
export interface ErrorBody {
  readonly error: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly hint?: string;
    /** Of a config: each as `podiod check --json` tells it, and how many they are. */
    readonly problems?: readonly unknown[];
    readonly summary?: string;
  };
}

/** What the caller gets to see of an error; `fault` when it is podiod's own, which belongs into the log. */
export function answerTo(thrown: unknown): { status: number; body: ErrorBody; fault: boolean } {
  if (isPodiodError(thrown)) {
    const { code, message, hint } = thrown;
    return {
      status: statusOf(thrown),
      body: { error: { code, message, ...(hint === undefined ? {} : { hint }), ...problemsOf(thrown) } },
      fault: code === 'INTERNAL',
    };
  }
  if (isRequestError(thrown)) {
    const body: ErrorBody = {
      error: { code: 'ADMIN_REQUEST', message: `the body can't be read: ${thrown.message}` },
    };
    return { status: thrown.status ?? 400, body, fault: false };
  }
  const body: ErrorBody = {
    error: { code: 'INTERNAL', message: 'a fault in podiod itself', hint: 'See the log.' },
  };
  return { status: 500, body, fault: true };
}

function statusOf(error: PodiodError): number {
  if (error instanceof AdminError) return error.status;
  switch (error.code) {
    case 'USAGE':
      return 400;
    case 'PODIO_NOT_FOUND':
      return 404;
    case 'HOOK_PLAN_CHANGED':
    case 'RELOAD_ROLLED_BACK':
      return 409;
    case 'CONFIG_INVALID':
      return 422;
    case 'STORE_UNAVAILABLE':
      return 503;
    default:
      return 500;
  }
}

const problemsOf = (error: PodiodError): Pick<ErrorBody['error'], 'problems' | 'summary'> =>
  'problems' in error && Array.isArray(error.problems) && 'summary' in error
    ? { problems: error.problems, summary: String(error.summary) }
    : {};

/** What koa-body throws for a body that is too large or no JSON, or zlib for one that is not packed as it says. */
const isRequestError = (thrown: unknown): thrown is Error & { status?: number } => {
  if (!(thrown instanceof Error)) return false;
  const { status, code } = thrown as Error & { status?: unknown; code?: unknown };
  return typeof status === 'number' ? status >= 400 && status < 500 : String(code).startsWith('Z_');
};
