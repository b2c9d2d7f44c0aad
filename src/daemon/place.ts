import type { HookRef } from '../core/hook.ts';
import type { Names } from '../podio/contract.ts';

/** The names from the config for what a delivery is about. Space hooks tell of apps by id, which may have a name too. */
export function placeOf(
  ref: HookRef,
  params: Readonly<Record<string, string>>,
  names: Names,
): { readonly app: string | undefined; readonly space: string | undefined } {
  const space = ref.type === 'space' ? names.space(ref.id) : undefined;
  const app = ref.type === 'space' ? names.app(Number(params.app_id)) : names.appOfRef(ref);
  return { app, space };
}
