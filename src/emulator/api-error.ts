/** A refusal as Podio words it; the server turns it into the error envelope. */
export class ApiError extends Error {
  readonly status: number;
  /** The class of error: `not_found`, `invalid_value`, ... */
  readonly error: string;
  /** A dotted code such as `oauth.client.invalid_id`. */
  readonly detail: string | null;
  /** The text is fit for end users. */
  readonly propagate: boolean;

  constructor(
    status: number,
    error: string,
    description: string,
    more: { readonly detail?: string; readonly propagate?: boolean } = {},
  ) {
    super(description);
    this.name = 'ApiError';
    this.status = status;
    this.error = error;
    this.detail = more.detail ?? null;
    this.propagate = more.propagate ?? false;
  }
}

export const invalid = (description: string): ApiError =>
  new ApiError(400, 'invalid_value', description, { propagate: true });

export const forbidden = (description = 'You do not have access to this object'): ApiError =>
  new ApiError(403, 'forbidden', description);

export const notFound = (description: string): ApiError =>
  new ApiError(404, 'not_found', description, { propagate: true });

const NAMES: Readonly<Record<number, string>> = {
  400: 'invalid_value',
  403: 'forbidden',
  404: 'not_found',
  409: 'conflict',
  410: 'gone',
};

/** For statuses that a switch decides. */
export const refusal = (status: number, description: string): ApiError =>
  new ApiError(status, NAMES[status] ?? 'error', description);
