import type { Rules } from '../contract.ts';
import type { Reads } from './reads/index.ts';
import type { Thread } from './thread.ts';
import type { Writes } from './writes/index.ts';

export function makeRules(writer: Thread<Writes>, reader: Thread<Reads>): Rules {
  return {
    keys: () => reader.call('ruleKeys'),
    async rename(from, to) {
      const renamed = await writer.call('rename', from, to);
      if (renamed === 'renamed') await reader.call('forgetRuleNames');
      return renamed;
    },
  };
}
