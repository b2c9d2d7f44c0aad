import { createHmac, timingSafeEqual } from 'node:crypto';
import type { HookRefType } from './event.ts';

/** An object at Podio that hooks can hang on. */
export interface HookRef {
  readonly type: HookRefType;
  readonly id: number;
}

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
const KEY_LENGTH = 22;

/** What the keys of a hook's URL are made from: the current secret first, then the ones still accepted. */
export type Secrets = readonly [current: string, ...previous: string[]];

/** The unguessable part of a hook's URL (contract 4). */
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

const PATH = /^\/([A-Za-z0-9_-]{22,64})\/(app|app_field|space)\/([1-9][0-9]{0,15})\/([a-z]+\.[a-z]+)$/;

/** Reads what follows `base` in exactly the shape of {@link hookUrl}; undefined for anything else. */
export function parseHookPath(base: string, path: string): HookPath | undefined {
  if (!path.startsWith(base)) return undefined;
  const match = PATH.exec(path.slice(base.length));
  if (!match) return undefined;
  const [, key, refType, id, type] = match as unknown as [string, string, HookRefType, string, string];
  if (!Number.isSafeInteger(Number(id))) return undefined;
  return { key, ref: { type: refType, id: Number(id) }, type };
}
