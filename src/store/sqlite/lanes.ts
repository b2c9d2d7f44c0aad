import type { Lanes, Lease } from '../contract.ts';
import type { Leases } from '../leases.ts';
import type { Reads } from './reads/index.ts';
import { outputText, verdictText } from './rows.ts';
import type { Thread } from './thread.ts';
import { packFinished } from './wire.ts';
import type { Writes } from './writes/index.ts';
import type { LeaseToken } from './writes/lanes.ts';

export function makeLanes(
  writer: Thread<Writes>,
  reader: Thread<Reads>,
  leases: Leases,
  now: () => number,
): Lanes {
  /** One for each lease: what crosses the thread again and again in a group crosses it once. */
  const tokens = new WeakMap<Lease, LeaseToken>();
  /** Refused here when it is lost already; the writer looks again, in the order in which it writes. */
  const token = (lease: Lease): LeaseToken => {
    leases.check(lease);
    let made = tokens.get(lease);
    if (made === undefined) {
      made = { rule: lease.lane.rule, epoch: lease.epoch };
      tokens.set(lease, made);
    }
    return made;
  };

  return {
    async acquire(lane, startAt) {
      return leases.grant(lane, await writer.call('acquire', lane, startAt, now()));
    },
    async load(lease) {
      leases.check(lease);
      return reader.call('load', lease.lane, now());
    },
    async requested(lease, page = {}) {
      leases.check(lease);
      return reader.call('requested', lease.lane.rule, page, now());
    },
    async asked(lease) {
      leases.check(lease);
      return reader.call('asked', lease.lane.rule);
    },
    async replayed(lease, replayId, cursor) {
      await writer.call('replayed', token(lease), replayId, cursor);
    },
    async recorded(lease, eventIds) {
      leases.check(lease);
      return reader.call('recorded', lease.lane.rule, eventIds);
    },
    async settled(lease, eventIds) {
      leases.check(lease);
      return new Set(await reader.call('settled', lease.lane.rule, eventIds));
    },
    previous: (rule, before, shadow = false) => reader.call('previous', rule, before, shadow),
    async finish(lease, finished, cursor) {
      await writer.call('finish', token(lease), packFinished(finished), cursor, now());
    },
    async advance(lease, cursor) {
      await writer.call('advance', token(lease), cursor);
    },
    async reach(lease, seq) {
      await writer.call('reach', token(lease), seq);
    },
    async mark(lease, run, alone) {
      await writer.call('mark', token(lease), run, alone);
    },
    async release(lease, cursor, reached) {
      await writer.call('release', token(lease), cursor, reached);
    },
    async endedCleanly() {
      await writer.call('endedCleanly');
    },
    async leave(present, at) {
      await writer.call('leave', present, at);
    },
    async tried(lease, run, fingerprint, tries) {
      await writer.call('tried', token(lease), run, fingerprint, tries, now());
    },
    async checkpoint(lease, run, fingerprint, { step, branch, output, branches, ...made }) {
      await writer.call('checkpoint', token(lease), run, fingerprint, {
        step,
        branch,
        output: outputText(output, branches),
        verdict: verdictText(made),
      });
    },
    async gather(lease, gathered, cursor) {
      return writer.call('gather', token(lease), gathered, cursor, now());
    },
    async close(lease, query) {
      return writer.call('close', token(lease), query, now());
    },
    async closed(lease, page) {
      leases.check(lease);
      return reader.call('closed', lease.lane.rule, page);
    },
    async members(lease, lead) {
      leases.check(lease);
      return reader.call('members', lease.lane.rule, lead);
    },
    async admit(lease, throttle) {
      return writer.call('admit', token(lease), throttle, now());
    },
    async park(lease, run, fingerprint, park) {
      await writer.call('park', token(lease), run, fingerprint, park, now());
    },
    status: () => reader.call('status'),
  };
}
