import type { Config } from '../config/model.ts';
import type { Identities, Names } from '../podio/contract.ts';

/** A config, with what it says of Podio: who may call, and what ids stand for. */
export interface Terms {
  readonly config: Config;
  readonly identities: Identities;
  readonly names: Names;
}

/** The terms that hold now. What it tells is asked for each time: never kept, and never taken apart for good. */
export interface Live extends Terms {
  /** From now on these hold. */
  become(next: Terms): void;
  /**
   * For what is built of `terms`, which may be before they hold and lives on when others do: these until they hold, then
   * whatever holds. What that does not know any more is asked of `terms` still.
   */
  seenBy(terms: Terms): Terms;
}

export function makeLive(first: Terms): Live {
  let current = first;
  /** Those that hold or have held. */
  const begun = new WeakSet([first]);

  const view = (own?: Terms): Terms => {
    const now = (): Terms => (own === undefined || begun.has(own) ? current : own);
    return {
      get config() {
        return now().config;
      },
      identities: {
        forRef: ref => now().identities.forRef(ref) ?? own?.identities.forRef(ref),
        forApp: app => now().identities.forApp(app) ?? own?.identities.forApp(app),
      },
      names: {
        app: id => now().names.app(id) ?? own?.names.app(id),
        appId: name => now().names.appId(name) ?? own?.names.appId(name),
        space: id => now().names.space(id) ?? own?.names.space(id),
        appOfRef: ref => now().names.appOfRef(ref) ?? own?.names.appOfRef(ref),
      },
    };
  };

  const live = view();
  return {
    get config() {
      return live.config;
    },
    identities: live.identities,
    names: live.names,
    become(next) {
      begun.add(next);
      current = next;
    },
    seenBy: terms => view(terms),
  };
}
