/** What the emulator can be told to do otherwise. README.md beside this file says which open question each stands for. */

/** How the emulated Podio behaves where the real one's behaviour is not known, or where a test wants another. */
export interface Switches {
  /** Hook URLs on ports other than 80 and 443 are taken. Podio refuses them; tests and the demo need them. */
  allowAnyPort: boolean;
  /** Per hook type and object. 0: none may be made. */
  hookLimit: number;
  hookLimitStatus: number;
  duplicateHooks: 'allow' | 'refuse';
  hookCreateStatus: 200 | 201;
  /** Of hook delete, verify/request and verify/validate. */
  hookWriteStatus: 200 | 204;
  /** Of verification codes. 0: for ever. */
  codeLifetimeMs: number;
  codeSingleUse: boolean;
  newCodeCancelsOld: boolean;
  /** A hook that was switched off after failures comes back by verification alone. */
  reverifyRevives: boolean;

  /** Query parameters of a hook's URL: moved into the form body, or just gone. */
  queryParameters: 'body' | 'lost';
  externalIdWhenNone: 'absent' | 'empty';
  /** `item_revision_id` of item.create and item.delete. */
  createRevision: 'zero' | 'absent';
  deleteRevision: 'next' | 'last' | 'absent';
  deliveryTimeoutMs: number;
  /** How many deliveries are on their way at once; the rest waits its turn. */
  deliveryConcurrency: number;
  /** Waits before each further try. Empty: one try only. */
  retryDelaysMs: readonly number[];
  /** Timeouts and broken connections are tried again either way. */
  retryOn: '5xx' | 'any-failure';
  /** Consecutive failures until a hook turns inactive. 0: never. */
  switchOffAfter: number;
  switchOffCountsRetries: boolean;
  switchOffCountsTimeouts: boolean;
  userAgent: string;
  /** Refuse receivers whose certificate is not valid. */
  verifyTls: boolean;

  /** `hook=false`: one report says it isn't always honoured. */
  hookFalse: 'honoured' | 'ignored';
  /** An update that changes nothing. */
  noopUpdate: 'ignored' | 'revision';
  /** Changes besides field values that make a revision and an item.update. */
  bumps: readonly ('tags' | 'external_id' | 'files' | 'comments')[];
  deletedItem: 403 | 404 | 410;
  /** How many revisions of an item are kept. 0: all. */
  keptRevisions: number;
  /** The answer for a revision that is no longer kept. */
  prunedRevision: 404 | 410;
  revisionOrder: 'newest-first' | 'oldest-first';
  /** Values of deleted fields still show on items that had them. */
  deletedFieldsShown: boolean;
  /** A new item can't be read or found for this long. */
  readDelayMs: number;
  maxFilterLimit: number;
  overFilterLimit: 'refuse' | 'clamp';
  filterBounds: 'inclusive' | 'exclusive';
  textFilters: 'ignored' | 'refused';
  /** What creating an item answers besides its id: title, link and revision, or nothing. */
  itemCreateAnswer: 'full' | 'id';
  /** The bytes of a file: in the answer, or behind a redirect to a host that wants no token. */
  fileBytes: 'direct' | 'redirect';
  /** Whether a task can be given to a mail address; a user id always is taken. */
  taskByMail: 'allowed' | 'refused';
  /** Whether an app token may list the members of its space. */
  membersByApp: 'allowed' | 'forbidden';
  /** Zone of local times in date fields. */
  timezone: string;

  /** The form endpoint `/oauth/token`. */
  formTokenEndpoint: 'alive' | 'retired';
  accessTokenSeconds: number;
  refreshTokenSeconds: number;
  /** What becomes of a refresh token that was used. */
  oldRefreshToken: 'dies' | 'lives';
  /** `request.url` in error bodies. */
  errorUrl: 'path' | 'absolute';
}

export const DEFAULT_SWITCHES: Readonly<Switches> = {
  allowAnyPort: false,
  hookLimit: 10,
  hookLimitStatus: 400,
  duplicateHooks: 'allow',
  hookCreateStatus: 200,
  hookWriteStatus: 204,
  codeLifetimeMs: 0,
  codeSingleUse: false,
  newCodeCancelsOld: false,
  reverifyRevives: true,
  queryParameters: 'body',
  externalIdWhenNone: 'absent',
  createRevision: 'zero',
  deleteRevision: 'next',
  deliveryTimeoutMs: 15_000,
  deliveryConcurrency: 32,
  retryDelaysMs: [10_000, 60_000, 300_000, 1_800_000],
  retryOn: '5xx',
  switchOffAfter: 50,
  switchOffCountsRetries: true,
  switchOffCountsTimeouts: true,
  userAgent: 'Podio Emulator',
  verifyTls: true,
  hookFalse: 'honoured',
  noopUpdate: 'ignored',
  bumps: ['tags', 'external_id'],
  deletedItem: 410,
  keptRevisions: 30,
  prunedRevision: 404,
  revisionOrder: 'newest-first',
  deletedFieldsShown: true,
  readDelayMs: 0,
  maxFilterLimit: 500,
  overFilterLimit: 'refuse',
  filterBounds: 'inclusive',
  textFilters: 'ignored',
  itemCreateAnswer: 'full',
  fileBytes: 'direct',
  taskByMail: 'allowed',
  membersByApp: 'allowed',
  timezone: 'Europe/Copenhagen',
  formTokenEndpoint: 'alive',
  accessTokenSeconds: 28_800,
  refreshTokenSeconds: 28 * 86_400,
  oldRefreshToken: 'dies',
  errorUrl: 'path',
};

/** Calls allowed per identity and API client. */
export interface Limits {
  general: number;
  /** For the operations in `limitedOperations`, which have a count of their own. */
  limited: number;
  limitedOperations: readonly string[];
  windowMs: number;
  /** Fixed: starts with the first call and is then over as a whole. */
  window: 'fixed' | 'sliding';
  /** What a used-up count blocks: every call of that identity (as documented) or calls of its class. */
  exceeded: 'all' | 'class';
  /** Calls of the token endpoints. */
  logins: number;
  loginWindowMs: number;
  /** Whether logins are counted per app or user, or for the API client as a whole. */
  loginScope: 'identity' | 'client';
}

export const DEFAULT_LIMITS: Readonly<Limits> = {
  general: 1000,
  limited: 250,
  limitedOperations: ['items.filter', 'items.filter_by_view'],
  windowMs: 3_600_000,
  window: 'fixed',
  exceeded: 'all',
  logins: 30,
  loginWindowMs: 300_000,
  loginScope: 'identity',
};

/** A fixed value, or any between two. */
export type Milliseconds = number | readonly [from: number, to: number];

/** Trouble on request. All off by default; rates are 0 to 1. */
export interface Faults {
  /** Before an API call is handled. */
  latencyMs: Milliseconds;
  /** How many API calls fail with `errorStatus`. */
  errorRate: number;
  errorStatus: number;
  /** What a failure's body looks like: Podio's envelope, or what a proxy in front of it would send. */
  errorBody: 'json' | 'html' | 'empty';
  /** The call takes effect and then fails: the caller can't know. */
  errorAfterEffect: boolean;
  /** Latency and errors hit these operations only (`hooks.create`, ...). Empty: all. */
  operations: readonly string[];
  /** Connections to the API are cut. */
  down: boolean;
  /** Every access token is answered with 401 `expired_token`. */
  refuseTokens: boolean;
  /** Every login and refresh is answered with 400 `invalid_grant`. */
  refuseLogins: boolean;
  /** From now on, every call is answered with 420 for so long. 0 ends it. */
  rateLimitSeconds: number;
  /** The create call of a hook answers only after its verify ping was answered. */
  answerCreateAfterVerify: boolean;
  /** Deliveries that are never sent. */
  dropRate: number;
  /** Deliveries that are sent twice. */
  duplicateRate: number;
  /** Deliveries held back by up to `reorderMs`, so that later ones overtake them. */
  reorderRate: number;
  reorderMs: number;
  /** Before every delivery. */
  deliveryDelayMs: Milliseconds;
}

export const NO_FAULTS: Readonly<Faults> = {
  latencyMs: 0,
  errorRate: 0,
  errorStatus: 503,
  errorBody: 'json',
  errorAfterEffect: false,
  operations: [],
  down: false,
  refuseTokens: false,
  refuseLogins: false,
  rateLimitSeconds: 0,
  answerCreateAfterVerify: false,
  dropRate: 0,
  duplicateRate: 0,
  reorderRate: 0,
  reorderMs: 1000,
  deliveryDelayMs: 0,
};
