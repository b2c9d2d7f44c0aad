import { randomUUID } from 'node:crypto';
import type { FireAnswer, FireRequest } from '../admin/requests.ts';
import type { AppConfig, Config } from '../config/model.ts';
import { StoreError, UsageError } from '../core/errors.ts';
import type { NewEvent } from '../core/event.ts';
import { appsOf, type Rule } from '../core/rule.ts';
import { keyOf } from '../core/rule-key.ts';
import { suggestion } from '../core/suggest.ts';
import type { Journal } from '../store/contract.ts';
import type { Connection } from './connect.ts';
import { locateItem, parseItemName } from './find-item.ts';

/**
 * A rule runs for an item because a person wants it: an event of its own, for this rule alone. What is not there is refused
 * before anything is stored. Rejects with USAGE for that, else with what Podio or the store say.
 */
export async function fireByHand(
  connection: Pick<Connection, 'podio' | 'identities'>,
  config: Pick<Config, 'apps' | 'rules' | 'disabledRules'>,
  journal: Pick<Journal, 'append'>,
  request: FireRequest,
): Promise<FireAnswer> {
  const rule = ruleNamed(config, request.rule);
  // Empty for a rule that knows no items of its own.
  const about = appsOf(rule.triggers);
  const { itemId, app } = await locateItem(connection, config, parseItemName(request.item), about);
  if (about.length > 0 && !about.includes(app.name)) {
    throw new UsageError(
      `item ${itemId} is one of the app ${app.name}, and the rule ${rule.name} is not about that`,
      `It is about ${about.join(', ')}.`,
    );
  }
  const event = firedByHand(keyOf(rule), app, itemId);
  const [stored] = await journal.append([event]);
  if (stored?.seq === undefined)
    throw new StoreError('STORE_WRITE_FAILED', 'the event was not put into the journal');
  return { rule: rule.name, app: app.name, item: itemId, seq: stored.seq, event: event.id };
}

function ruleNamed(
  { rules, disabledRules = [] }: Pick<Config, 'rules' | 'disabledRules'>,
  name: string,
): Rule {
  const rule = rules.find(one => one.name === name);
  if (rule) return rule;
  if (disabledRules.includes(name)) {
    throw new UsageError(`the rule ${name} is disabled`, 'Set `enabled: true`, and let podiod read it.');
  }
  const names = rules.map(one => one.name);
  throw new UsageError(`there is no rule ${name}`, suggestion(name, names, 'There are'));
}

function firedByHand(rule: string, app: AppConfig, itemId: number): NewEvent {
  return {
    // Whoever asks twice wants it twice.
    id: `item.fire:${rule}:${itemId}:${randomUUID()}`,
    type: 'item.fire',
    source: 'daemon',
    ref: { type: 'app', id: app.id },
    app: app.name,
    itemId,
    params: { rule, item_id: String(itemId) },
  };
}
