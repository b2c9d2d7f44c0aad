import { createHmac, timingSafeEqual } from 'node:crypto';
import type { HookRefType } from './event.ts';

/** An object at Podio that hooks can hang on. */
export interface HookRef {
  readonly type: HookRefType;
  readonly id: number;
}

/** Stands among the names of rules where podiod needs a hook for itself; no rule can be called so. */
export const PODIOD_ITSELF = 'podiod itself';

/** A hook that should exist: one per (ref, type). `rules` names who needs it. */
export interface HookSpec {
  readonly ref: HookRef;
  readonly type: string;
  readonly url: string;
  readonly rules: readonly string[];
}

/** A hook that Podio lists for a ref. */
export interface ObservedHook {
  readonly ref: HookRef;
  readonly hookId: number;
  readonly type: string;
  readonly url: string;
  readonly status: 'active' | 'inactive';
}

/** Which hook a URL's path names. */
export interface HookPath {
  readonly key: string;
  readonly ref: HookRef;
  readonly type: string;
}

/** 22 characters of base64url hold 132 of the 256 bits: enough that guessing is hopeless, short enough for a URL. */
export const KEY_LENGTH = 22;

/** What the keys of a hook's URL are made from: the current secret first, then the ones still accepted. */
export type Secrets = readonly [current: string, ...previous: string[]];

/** The unguessable part of a hook's URL. */
export function hookKey(secret: string, ref: HookRef, type: string): string {
  return createHmac('sha256', secret)
    .update(`${ref.type}/${ref.id}/${type}`)
    .digest('base64url')
    .slice(0, KEY_LENGTH);
}

/** Compares in constant time, and against every secret so that timing does not tell which one is in use. */
export function isValidKey(secrets: Secrets, path: HookPath): boolean {
  const given = Buffer.from(path.key);
  let valid = false;
  for (const secret of secrets) {
    const wanted = Buffer.from(hookKey(secret, path.ref, path.type));
    if (given.length === wanted.length && timingSafeEqual(given, wanted)) valid = true;
  }
  return valid;
}

/** `{base}/{key}/{ref.type}/{ref.id}/{type}`. `base` is a URL or a path without a slash at its end. */
export function hookUrl(base: string, secret: string, ref: HookRef, type: string): string {
  return `${base}/${hookKey(secret, ref, type)}/${ref.type}/${ref.id}/${type}`;
}

/** A hook's URL or path taken apart: everything before the key, and what follows. */
export interface HookAddress extends HookPath {
  /** Without a slash at its end. */
  readonly base: string;
}

const SHAPE = /^(.*)\/([A-Za-z0-9_-]{22,})\/(app|app_field|space)\/([1-9][0-9]{0,15})\/([a-z]+\.[a-z]+)$/;

/** Reads a URL or path in exactly the shape of {@link hookUrl}, under whatever base; undefined for anything else. */
export function parseHookUrl(url: string): HookAddress | undefined {
  const match = SHAPE.exec(url);
  if (!match) return undefined;
  const [, base, key, refType, id, type] = match as unknown as [
    string,
    string,
    string,
    HookRefType,
    string,
    string,
  ];
  if (!Number.isSafeInteger(Number(id))) return undefined;
  return { base, key, ref: { type: refType, id: Number(id) }, type };
}

/** As {@link parseHookUrl}, but under this very `base` only: `/podio` is no base of what lies under `/podio2`. */
export function parseHookPath(base: string, path: string): HookPath | undefined {
  const address = parseHookUrl(path);
  if (address?.base !== base) return undefined;
  return { key: address.key, ref: address.ref, type: address.type };
}

/**
 * Whose a hook is. `ours`: under `publicUrl`, for its own ref and type, with a valid key. `orphan`: the
 * same with an unknown key. `elsewhere`: a valid key under another URL. Only `ours` is touched without being told to.
 */
export type HookOwner = 'ours' | 'orphan' | 'elsewhere' | 'foreign';

export function ownerOf(
  hook: Pick<ObservedHook, 'ref' | 'type' | 'url'>,
  publicUrl: string,
  secrets: Secrets,
): HookOwner {
  const address = parseHookUrl(hook.url);
  // Somebody may have hung a copy of our URL on another object: what it delivers there is not what its path says.
  if (!address || address.type !== hook.type) return 'foreign';
  if (address.ref.type !== hook.ref.type || address.ref.id !== hook.ref.id) return 'foreign';
  const valid = isValidKey(secrets, address);
  if (address.base === publicUrl) return valid ? 'ours' : 'orphan';
  return valid ? 'elsewhere' : 'foreign';
}

/**
 * A hook's URL as people may see it: the key is `***`, whoever's it is (a twin's hooks are foreign here, but their keys
 * open its door), and user, query and fragment are left out, since others keep their secrets there.
 */
export function maskHookUrl(url: string): string {
  const bare = url.replace(/[?#].*$/s, '').replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/]*@/i, '$1');
  const address = parseHookUrl(bare);
  return address ? `${address.base}/***/${address.ref.type}/${address.ref.id}/${address.type}` : bare;
}
